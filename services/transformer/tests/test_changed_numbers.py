"""Patients, accounts and visits whose numbers change stay the same resources."""

import pytest

from services.transformer.tests.hospital import (
    Hospital,
    admit,
    mrg,
    pid,
    pv1,
)


def test_a_patient_with_a_new_number_is_found_by_both(hospital: Hospital) -> None:
    """A47."""
    admit(hospital, "1", "V1")
    before = hospital.id_of("Patient", "1")

    hospital.send("ADT^A47", pid("9"), mrg("1"))
    admit(hospital, "9", "V2")
    admit(hospital, "1", "V3")

    assert hospital.id_of("Patient", "9") == before
    assert hospital.found_by_patient("Encounter", "9") == 3


def test_a_change_of_a_number_that_is_known_already_makes_no_second_patient(hospital: Hospital) -> None:
    """A47, told by one system after another has used the new number."""
    admit(hospital, "9", "V1")

    hospital.send("ADT^A47", pid("9"), mrg("1"))

    assert hospital.id_of("Patient", "1") == hospital.id_of("Patient", "9")
    assert hospital.rows("SELECT count(*) FROM fhir_resource WHERE type = 'Patient'") == [(1,)]


@pytest.mark.parametrize("known", ["ACC1", "ACC9"])
def test_an_account_with_a_new_number_is_found_by_both(hospital: Hospital, known: str) -> None:
    """A49."""
    admit(hospital, "1", "V1", known)
    before = hospital.id_of("Account", known)

    hospital.send("ADT^A49", pid("1", "ACC9"), mrg("1", account="ACC1"))

    assert [hospital.id_of("Account", number) for number in ("ACC1", "ACC9")] == [before, before]
    assert hospital.rows("SELECT count(*) FROM fhir_resource WHERE type = 'Account'") == [(1,)]
    numbers = {one["value"]: one.get("use") for one in hospital.read("Account", "ACC9")["identifier"]}
    assert numbers == {"ACC1": "old", "ACC9": None}


@pytest.mark.parametrize("known", ["V1", "V9"])
def test_a_visit_with_a_new_number_is_found_by_both(hospital: Hospital, known: str) -> None:
    """A50."""
    admit(hospital, "1", known)
    before = hospital.read("Encounter", known)

    hospital.send("ADT^A50", pid("1"), mrg("1", visit="V1"), pv1("V9"))

    visit = hospital.read("Encounter", "V9")
    assert hospital.id_of("Encounter", "V1") == visit["id"] == before["id"]
    assert {one["value"]: one.get("use") for one in visit["identifier"]} == {"V1": "old", "V9": None}
    assert (visit["status"], visit["class"]) == (before["status"], before["class"])


def test_a_visit_with_a_new_alternate_number_keeps_its_own(hospital: Hospital) -> None:
    """A51."""
    alternate = pv1("V1") + "|" * 31
    hospital.send("ADT^A01", pid("1"), f"{alternate}ALT1^^^NORTH^VN")

    hospital.send("ADT^A51", pid("1"), mrg("1", visit="V1", alternate="ALT1"), f"{alternate}ALT2^^^NORTH^VN")

    numbers = {one["value"]: one.get("use") for one in hospital.read("Encounter", "V1")["identifier"]}
    assert numbers == {"V1": None, "ALT1": "old", "ALT2": None}
    assert {hospital.id_of("Encounter", number) for number in numbers} == {hospital.id_of("Encounter", "V1")}
