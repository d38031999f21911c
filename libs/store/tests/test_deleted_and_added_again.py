"""What was deleted, or cancelled, and is stated again later: through the mapping and the writer."""

from collections.abc import Iterator

import pytest

from libs.store.engine import Pool, open_pool
from libs.store.tests.sending import PID, PV1, segment, send, stored

PERSON = [segment("PID", PID), segment("PV1", PV1)]
PRB = {1: "AD", 2: "20260310", 3: "J45^Asthma^I10", 4: "PR1^NORTH"}
IAM = {1: "1", 2: "DA", 3: "7980^Penicillin G^RXNORM", 6: "A"}
DG1 = {1: "1", 3: "J18.9^Pneumonia^I10", 6: "A"}
ERROR = "entered-in-error"


@pytest.fixture
def pool(fresh_postgres_url: str) -> Iterator[Pool]:
    with open_pool(fresh_postgres_url, 2) as pool:
        yield pool


def verification(pool: Pool, kind: str) -> str | None:
    """The verification status of the one resource of that type, which is valid."""
    stated = stored(pool, kind).get("verificationStatus", {"coding": [{"code": None}]})
    code: str | None = stated["coding"][0]["code"]
    return code


@pytest.mark.parametrize(
    ("message", "kind", "stated"),
    [
        pytest.param(
            "PPR^PC1", "Condition", [("PRB", PRB), ("PRB", PRB | {1: "DE"}), ("PRB", PRB)], id="a problem"
        ),
        pytest.param(
            "ADT^A60",
            "AllergyIntolerance",
            [("IAM", IAM), ("IAM", IAM | {6: "D"}), ("IAM", IAM)],
            id="an allergy",
        ),
        pytest.param(
            "ADT^A08",
            "AllergyIntolerance",
            [("IAM", IAM), ("IAM", IAM | {6: "D"}), ("AL1", {1: "1", 2: "DA", 3: IAM[3]})],
            id="an allergy, in a snapshot",
        ),
        pytest.param(
            "ADT^A08", "Condition", [("DG1", DG1), ("DG1", DG1 | {21: "D"}), ("DG1", DG1)], id="a diagnosis"
        ),
    ],
)
def test_what_was_deleted_and_is_stated_again_is_no_error(
    pool: Pool, message: str, kind: str, stated: list[tuple[str, dict[int, str]]]
) -> None:
    seen = []
    for name, fields in stated:
        send(pool, message, *PERSON, segment(name, fields))
        seen.append(verification(pool, kind))

    assert seen == [None, ERROR, None]


def test_a_problem_that_is_stated_again_stays_as_it_was_verified(pool: Pool) -> None:
    send(pool, "PPR^PC1", *PERSON, segment("PRB", PRB | {13: "C"}))

    send(pool, "PPR^PC2", *PERSON, segment("PRB", PRB | {1: "UP"}))

    assert verification(pool, "Condition") == "confirmed"


def test_a_result_that_was_deleted_and_is_sent_again_is_final(pool: Pool) -> None:
    obr = segment("OBR", {1: "1", 3: "L1^LAB", 4: "24323-8^Panel^LN", 25: "F"})
    seen = []
    for status in ("F", "D", "F"):
        obx = {1: "1", 2: "NM", 3: "718-7^Hemoglobin^LN", 5: "13.5", 11: status}
        send(pool, "ORU^R01", *PERSON, obr, segment("OBX", obx))
        seen.append(stored(pool, "Observation")["status"])

    assert seen == ["final", ERROR, "final"]


def test_an_order_that_was_cancelled_and_is_placed_again_is_active(pool: Pool) -> None:
    seen = []
    for control in ("NW", "CA", "NW"):
        orc = segment("ORC", {1: control, 2: "P1^NORTH"})
        send(pool, "ORM^O01", *PERSON, orc, segment("OBR", {1: "1", 2: "P1^NORTH", 4: "24323-8^Panel^LN"}))
        seen.append(stored(pool, "ServiceRequest")["status"])

    assert seen == ["active", "revoked", "active"]
