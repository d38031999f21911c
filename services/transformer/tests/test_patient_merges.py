"""References follow patients that are merged, as an application sees it."""

from datetime import UTC, datetime

import pytest

from libs.fhir.json import loads
from libs.store import writer
from libs.store.engine import transaction
from services.transformer.repointing import Repointing
from services.transformer.tests.hospital import (
    OF_A_RESULT,
    RECORDS,
    Hospital,
    a_result,
    admit,
    entries,
    mrg,
    pid,
)


@pytest.mark.parametrize("event", ["A18", "A34", "A40"])
def test_after_a_merge_the_history_of_the_old_patient_is_the_survivors(
    hospital: Hospital, event: str
) -> None:
    admit(hospital, "1", "V1")
    admit(hospital, "2", "V2", "ACC2")
    hospital.send("ORU^R01", *a_result("2", "V2", "O1"))
    before = hospital.referring("Patient", "2")

    hospital.send(f"ADT^{event}", pid("1"), mrg("2"))
    hospital.follow()

    everything = {"Encounter", "RelatedPerson", "AllergyIntolerance", "Condition", "Coverage", "Account"}
    assert before >= everything | OF_A_RESULT
    assert hospital.referring("Patient", "2") == {"Patient"}, "the survivor's link alone"
    assert hospital.referring("Patient", "1") >= before
    assert hospital.found_by_patient("Observation", "1") == 1
    assert hospital.found_by_patient("Encounter", "1") == 2
    assert hospital.found_by_patient("Encounter", "2") == 0


def test_the_old_patient_stays_and_says_where_it_went(hospital: Hospital) -> None:
    admit(hospital, "1", "V1")
    admit(hospital, "2", "V2")
    old, survivor = (f"Patient/{hospital.id_of('Patient', number)}" for number in "21")

    hospital.send("ADT^A40", pid("1"), mrg("2"))
    hospital.follow()

    gone, left = hospital.read("Patient", "2"), hospital.read("Patient", "1")
    assert (gone["active"], gone["link"]) == (
        False,
        [{"other": {"reference": survivor}, "type": "replaced-by"}],
    )
    assert (left["active"], left["link"]) == (True, [{"other": {"reference": old}, "type": "replaces"}])
    assert [(one.get("use"), one["value"]) for one in left["identifier"]] == [(None, "1"), ("old", "2")]


def test_a_number_that_a_merge_made_old_stays_old(hospital: Hospital) -> None:
    admit(hospital, "1", "V1")
    admit(hospital, "2", "V2")
    hospital.send("ADT^A40", pid("1"), mrg("2"))

    hospital.send("ORU^R01", *a_result("2", "V2", "O1"))

    left = hospital.read("Patient", "1")
    assert [(one.get("use"), one["value"]) for one in left["identifier"]] == [(None, "1"), ("old", "2")]


def test_the_version_before_the_merge_is_kept(hospital: Hospital) -> None:
    admit(hospital, "1", "V1")
    admit(hospital, "2", "V2")
    old = f"Patient/{hospital.id_of('Patient', '2')}"

    hospital.send("ADT^A40", pid("1"), mrg("2"))
    hospital.follow()

    [(content,)] = hospital.rows(
        "SELECT content FROM fhir_version WHERE type = 'Encounter' AND id = %s",
        hospital.id_of("Encounter", "V2"),
    )
    assert loads(content)["subject"] == {"reference": old}
    assert hospital.read("Encounter", "V2")["meta"]["versionId"] == "2"


def test_several_patients_of_a_message_go_their_own_ways(hospital: Hospital) -> None:
    for number in "1234":
        admit(hospital, number, f"V{number}")

    hospital.send("ADT^A40", pid("1"), mrg("2"), pid("3"), mrg("4"))
    hospital.follow()

    assert [hospital.found_by_patient("Encounter", number) for number in "1234"] == [2, 0, 2, 0]


@pytest.mark.parametrize("at_once", [True, False], ids=["before the first is done", "after it"])
@pytest.mark.parametrize(
    "merges",
    [[("1", "2"), ("2", "3")], [("2", "3"), ("1", "2")], [("1", "2"), ("3", "2"), ("2", "3")]],
    ids=["1 into 2, 2 into 3", "2 into 3, 1 into 2", "3 into 2 and back"],
)
def test_at_the_end_of_a_chain_everything_is_the_last_survivors(
    hospital: Hospital, merges: list[tuple[str, str]], at_once: bool
) -> None:
    for number in "123":
        admit(hospital, number, f"V{number}")

    for gone, survivor in merges:
        hospital.send("ADT^A40", pid(survivor), mrg(gone))
        if not at_once:
            hospital.follow()
    hospital.follow()

    found = [hospital.found_by_patient("Encounter", number) for number in "123"]
    assert sorted(found) == [0, 0, 3]
    [survivor] = [number for number in "123" if hospital.read("Patient", number).get("active")]
    assert hospital.found_by_patient("Encounter", survivor) == 3


def test_a_merge_that_is_told_again_makes_no_new_versions(hospital: Hospital) -> None:
    admit(hospital, "1", "V1")
    admit(hospital, "2", "V2")
    hospital.send("ADT^A40", pid("1"), mrg("2"))
    hospital.follow()
    query = "SELECT type, id, version FROM fhir_resource WHERE type <> ALL(%s) ORDER BY 1, 2"
    before = hospital.rows(query, list(RECORDS))

    hospital.send("ADT^A40", pid("1"), mrg("2"))
    hospital.follow()

    assert hospital.rows(query, list(RECORDS)) == before


def test_a_message_for_the_old_number_finds_what_it_is_about_again(hospital: Hospital) -> None:
    admit(hospital, "1", "V1")
    hospital.send("ORU^R01", *a_result("2", "V2", "O1"))
    hospital.send("ADT^A40", pid("1"), mrg("2"))
    hospital.follow()

    hospital.send("ORU^R01", *a_result("2", "V2", "O1"))

    assert hospital.referring("Patient", "2") == {"Patient"}
    assert hospital.found_by_patient("Observation", "1") == 1


def test_a_message_that_had_begun_before_the_merge_is_swept_after_it(hospital: Hospital) -> None:
    """It has found the old patient, and commits when everything has been looked through."""
    admit(hospital, "1", "V1")
    admit(hospital, "2", "V2")
    chore = Repointing(hospital.pool, lambda: False)

    with transaction(hospital.pool, "default") as slow:
        writer.apply(slow, "default", [entries("ORU^R01", *a_result("2", "V2", "O1"))], datetime.now(UTC))
        hospital.send("ADT^A40", pid("1"), mrg("2"))
        chore()
        waiting = hospital.rows("SELECT cardinality(overlapping), after FROM repointing")
        assert hospital.referring("Patient", "2") == {"Patient"}
    behind = hospital.referring("Patient", "2")
    hospital.follow()

    assert waiting == [(1, 0)]
    assert behind == OF_A_RESULT - {"Encounter"} | {"Patient"}
    assert hospital.referring("Patient", "2") == {"Patient"}
    assert hospital.found_by_patient("Observation", "1") == 1
