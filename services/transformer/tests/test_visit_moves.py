"""References follow accounts and visits that are merged or moved, as an application sees it."""

import pytest

from services.transformer.tests.hospital import (
    Hospital,
    a_result,
    admit,
    mrg,
    pid,
    pv1,
)


def test_a_merged_account_hands_its_visits_over_and_what_is_said_of_it_later(hospital: Hospital) -> None:
    """A41."""
    admit(hospital, "1", "V1", "ACC1")
    admit(hospital, "1", "V2", "ACC2")

    hospital.send("ADT^A41", pid("1", "ACC1"), mrg("1", account="ACC2"))
    hospital.follow()
    admit(hospital, "1", "V3", "ACC2")

    gone, left = hospital.read("Account", "ACC2"), hospital.read("Account", "ACC1")
    assert (gone["status"], left["status"]) == ("inactive", "active")
    assert gone["partOf"] == {"reference": f"Account/{left['id']}"}
    assert [one["value"] for one in left["identifier"]] == ["ACC1", "ACC2"]
    assert hospital.referring("Account", "ACC2") == set()
    for visit in ("V1", "V2", "V3"):
        assert hospital.read("Encounter", visit)["account"] == [{"reference": f"Account/{left['id']}"}]


def test_a_merged_visit_hands_its_results_over(hospital: Hospital) -> None:
    """A42."""
    admit(hospital, "1", "V1")
    hospital.send("ADT^A01", pid("1"), pv1("V2"))
    hospital.send("ORU^R01", *a_result("1", "V2", "O1"))

    hospital.send("ADT^A42", pid("1"), mrg("1", visit="V2"), pv1("V1"))
    hospital.follow()
    hospital.send("ORU^R01", *a_result("1", "V2", "O2"))

    assert hospital.read("Encounter", "V2")["status"] == "entered-in-error"
    assert hospital.read("Encounter", "V2")["class"]["code"] == "IMP"
    assert hospital.referring("Encounter", "V2") == set()
    assert hospital.referring("Encounter", "V1") >= {"Observation", "DiagnosticReport", "ServiceRequest"}
    left = hospital.read("Encounter", "V1")
    assert [one["value"] for one in left["identifier"]] == ["V1", "V2"]


@pytest.mark.parametrize(
    "segments",
    [
        pytest.param([mrg("2", visit="V2")], id="MRG alone"),
        pytest.param([mrg("2", visit="V2"), pv1("V2")], id="MRG and PV1"),
        pytest.param([mrg("2", visit="V2"), pv1("V9")], id="under a new number"),
    ],
)
def test_a_moved_visit_takes_its_results_along_and_leaves_the_others(
    hospital: Hospital, segments: list[str]
) -> None:
    """A45."""
    admit(hospital, "1", "V1")
    for visit, order in (("V2", "O2"), ("V3", "O3")):
        admit(hospital, "2", visit)
        hospital.send("ORU^R01", *a_result("2", visit, order))

    hospital.send("ADT^A45", pid("1"), *segments)
    hospital.follow()

    found = [
        (kind, hospital.found_by_patient(kind, "1"), hospital.found_by_patient(kind, "2"))
        for kind in ("Encounter", "Observation", "DiagnosticReport", "ServiceRequest", "Specimen")
    ]
    moved = [one for one in found if one[0] != "Encounter"]
    assert found[0] == ("Encounter", 2, 1)
    assert moved == [(kind, 1, 1) for kind, _, _ in moved]
    encounter = hospital.read("Encounter", "V2")
    assert (encounter["status"], encounter["class"]["code"]) == ("in-progress", "IMP")
    number = "V9" if "V9" in segments[-1] else "V2"
    assert hospital.id_of("Encounter", number) == encounter["id"]


@pytest.mark.parametrize("number", ["", "ACC2", "ACC9"])
def test_a_moved_account_takes_its_visits_and_their_results_along(hospital: Hospital, number: str) -> None:
    """A44."""
    admit(hospital, "1", "V1", "ACC1")
    admit(hospital, "2", "V2", "ACC2")
    hospital.send("ORU^R01", *a_result("2", "V2", "O2"))
    admit(hospital, "2", "V3", "ACC3")
    hospital.send("ORU^R01", *a_result("2", "V3", "O3"))

    hospital.send("ADT^A44", pid("1", number), mrg("2", account="ACC2"))
    hospital.follow()

    assert hospital.read("Account", "ACC2")["subject"] == [
        {"reference": f"Patient/{hospital.id_of('Patient', '1')}"}
    ]
    for kind in ("Encounter", "Observation", "Specimen"):
        assert hospital.found_by_patient(kind, "2") == 1
    if number:
        assert hospital.id_of("Account", number) == hospital.id_of("Account", "ACC2")


def test_a_visit_that_moves_while_its_patient_is_merged_ends_where_it_moved_to(hospital: Hospital) -> None:
    for number in "123":
        admit(hospital, number, f"V{number}")
    hospital.send("ORU^R01", *a_result("2", "V2", "O2"))

    hospital.send("ADT^A45", pid("1"), mrg("2", visit="V2"))
    hospital.send("ADT^A40", pid("3"), mrg("2"))
    hospital.follow()

    assert [hospital.found_by_patient("Observation", number) for number in "123"] == [1, 0, 0]
