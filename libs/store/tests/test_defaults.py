"""What a message does not say of a status is for a resource that is new: what is stored stays."""

import pytest

from libs.store.engine import Pool
from libs.store.tests.sending import PID, segment, send, stored

PERSON = segment("PID", PID)
PRB = {1: "UP", 2: "20260310", 3: "J45^Asthma^I10", 4: "PR1^NORTH"}
GOL = {1: "UP", 2: "20260310", 3: "G1^Walk^L", 4: "GL1^NORTH"}
ORC = {1: "RE", 2: "P1^NORTH", 3: "L1^LAB"}
OBR = {1: "1", 2: "P1^NORTH", 3: "L1^LAB", 4: "24323-8^Panel^LN"}


@pytest.mark.parametrize("ended", [{9: "20260301"}, {14: "RESOLVED"}], ids=["PRB-9", "PRB-14"])
def test_a_problem_that_is_resolved_stays_so_where_nothing_says_that_it_is_active(
    pool: Pool, ended: dict[int, str]
) -> None:
    send(pool, "PPR^PC1", PERSON, segment("PRB", PRB | ended))
    send(pool, "PPR^PC2", PERSON, segment("PRB", PRB | {13: "C"}))
    silent = stored(pool, "Condition")["clinicalStatus"]["coding"][0]["code"]

    send(pool, "PPR^PC2", PERSON, segment("PRB", PRB | {14: "ACTIVE"}))

    assert silent == "resolved"
    assert stored(pool, "Condition")["clinicalStatus"]["coding"][0]["code"] == "active"


@pytest.mark.parametrize("said", [{14: '""'}, {9: '""'}], ids=["PRB-14", "PRB-9"])
def test_a_problem_whose_end_is_removed_is_active_again(pool: Pool, said: dict[int, str]) -> None:
    send(pool, "PPR^PC1", PERSON, segment("PRB", PRB | {14: "RESOLVED"}))

    send(pool, "PPR^PC2", PERSON, segment("PRB", PRB | said))

    assert stored(pool, "Condition")["clinicalStatus"]["coding"][0]["code"] == "active"


def test_a_goal_that_is_reached_stays_so_where_nothing_says_that_it_is_not(pool: Pool) -> None:
    send(pool, "PGL^PC6", PERSON, segment("GOL", GOL | {18: "C"}))

    send(pool, "PGL^PC7", PERSON, segment("GOL", GOL))

    assert stored(pool, "Goal")["lifecycleStatus"] == "completed"


@pytest.mark.parametrize(
    "silent",
    [
        pytest.param([segment("ORC", ORC | {1: ""}), segment("OBR", OBR)], id="without ORC-1"),
        pytest.param([segment("OBR", OBR)], id="without an ORC"),
    ],
)
@pytest.mark.parametrize("stands", ["CM", "IP", "HD"])
def test_an_order_stays_where_it_stands_where_nothing_says_where_that_is(
    pool: Pool, stands: str, silent: list[str]
) -> None:
    send(pool, "ORM^O01", PERSON, segment("ORC", ORC | {5: stands}), segment("OBR", OBR))
    before = stored(pool, "ServiceRequest")["status"]

    send(pool, "ORU^R01", PERSON, *silent)

    assert stored(pool, "ServiceRequest")["status"] == before


def test_a_prescription_stays_where_it_stands_where_nothing_says_where_that_is(pool: Pool) -> None:
    drug = segment("RXO", {1: "D1^Drug^NDC", 2: "5", 4: "mg"})
    send(pool, "OMP^O09", PERSON, segment("ORC", ORC | {1: "NW", 5: "CM"}), drug)

    send(pool, "OMP^O09", PERSON, segment("ORC", ORC | {1: ""}), drug)

    assert stored(pool, "MedicationRequest")["status"] == "completed"


@pytest.mark.parametrize(
    ("kind", "detail", "resource"),
    [
        ("OMS^O05", {"RQD": {1: "1", 2: "I1^Gauze"}}, "SupplyRequest"),
        ("OMD^O03", {"ODS": {1: "D", 3: "1^Soft^L"}}, "NutritionOrder"),
    ],
)
def test_supplies_and_diets_stay_where_they_stand_too(
    pool: Pool, kind: str, detail: dict[str, dict[int, str]], resource: str
) -> None:
    [what] = [segment(name, fields) for name, fields in detail.items()]
    send(pool, kind, PERSON, segment("ORC", ORC | {1: "NW", 5: "CM"}), what)

    send(pool, kind, PERSON, segment("ORC", ORC | {1: ""}), what)

    assert stored(pool, resource)["status"] == "completed"
