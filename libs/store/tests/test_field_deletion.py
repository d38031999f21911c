"""What `""` in a field of a segment about other people removes: guarantors, insurances, staff."""

import pytest

from libs.store.engine import Pool
from libs.store.tests.sending import admit, segment, send, stored

GT1 = {
    1: "1", 2: "G1^^^NORTH", 3: "Doe^Ann", 5: "1 Street^^Town", 6: "^PRN^PH^^^^1", 7: "^WPN^PH^^^^2",
    8: "19600101", 9: "F", 11: "SPO", 12: "123-45", 13: "20260101", 14: "20261231", 36: "de",
}  # fmt: skip
IN1 = {
    1: "1", 2: "PLAN", 3: "C1", 4: "Alpine", 8: "GROUP", 11: "Works Ltd", 12: "20260101", 13: "20261231",
    15: "HMO", 16: "Doe^Ann", 17: "SPO", 18: "19600101", 19: "1 Street^^Town", 22: "1", 36: "P1", 43: "F",
}  # fmt: skip
IN2 = {6: "M1", 8: "M2", 63: "^PRN^PH^^^^1"}
STF = {
    1: "7^^L", 3: "Berger^Paul", 5: "M", 6: "19600101", 7: "A", 10: "^WPN^PH^^^^1", 11: "1 Street^^Town",
    15: "a@example.org",
}  # fmt: skip


@pytest.mark.parametrize(
    ("gone", "elements"),
    [
        ({3}, {"name"}),
        ({5}, {"address"}),
        ({6, 7}, {"telecom"}),
        ({8}, {"birthDate"}),
        ({9}, {"gender"}),
        ({11}, {"relationship"}),
        ({13, 14}, {"period"}),
        ({36}, {"communication"}),
        ({9, 36}, {"gender", "communication"}),
    ],
)
def test_what_a_guarantor_was_said_to_be_is_removed_by_two_quotes(
    pool: Pool, gone: set[int], elements: set[str]
) -> None:
    admit(pool, "A01", {18: "A1^^^NORTH"}, None, segment("GT1", GT1))
    before = stored(pool, "RelatedPerson")

    admit(pool, "A08", {18: "A1^^^NORTH"}, None, segment("GT1", {2: GT1[2]} | dict.fromkeys(gone, '""')))

    assert before.keys() - stored(pool, "RelatedPerson").keys() == elements


def test_a_guarantors_number_and_one_of_two_telephones_are_removed_alone(pool: Pool) -> None:
    admit(pool, "A01", None, None, segment("GT1", GT1))

    admit(pool, "A08", None, None, segment("GT1", {2: GT1[2], 6: '""', 12: '""', 14: '""'}))

    person = stored(pool, "RelatedPerson")
    assert [one["value"] for one in person["identifier"]] == ["G1"]
    assert [one["value"] for one in person["telecom"]] == ["2"]
    assert person["period"] == {"start": "2026-01-01"}


@pytest.mark.parametrize(
    ("gone", "elements"),
    [
        ({11}, {"policyHolder"}),
        ({12, 13}, {"period"}),
        ({15}, {"type"}),
        ({16, 17}, {"subscriber", "relationship"}),
        ({22}, {"order"}),
        ({8}, set()),
    ],
)
def test_what_an_insurance_was_said_to_be_is_removed_by_two_quotes(
    pool: Pool, gone: set[int], elements: set[str]
) -> None:
    admit(pool, "A01", None, None, segment("IN1", IN1))
    before = stored(pool, "Coverage")

    identity = {number: IN1[number] for number in (2, 3, 4, 36)}
    admit(pool, "A08", None, None, segment("IN1", identity | dict.fromkeys(gone, '""')))

    after = stored(pool, "Coverage")
    assert before.keys() - after.keys() == elements
    assert [one["value"] for one in after["class"]] == (["PLAN"] if 8 in gone else ["GROUP", "PLAN"])


def test_what_was_said_of_a_subscriber_is_removed_by_two_quotes(pool: Pool) -> None:
    admit(pool, "A01", None, None, segment("IN1", IN1), segment("IN2", IN2))

    admit(
        pool, "A08", None, None,
        segment("IN1", IN1 | {18: '""', 19: '""', 43: '""'}), segment("IN2", {63: '""'}),
    )  # fmt: skip

    left = stored(pool, "RelatedPerson").keys() - {"resourceType", "id", "meta"}
    assert left == {"patient", "relationship", "name"}


def test_a_number_of_an_insured_person_is_removed_from_the_patient_and_the_coverage(pool: Pool) -> None:
    admit(pool, "A01", None, None, segment("IN1", IN1), segment("IN2", IN2))

    admit(pool, "A08", None, None, segment("IN1", IN1), segment("IN2", {6: '""'}))

    assert [one["value"] for one in stored(pool, "Patient")["identifier"]] == ["1", "M2"]
    assert "M1" not in [one["value"] for one in stored(pool, "Coverage")["identifier"]]


@pytest.mark.parametrize(
    ("gone", "elements", "reached"),
    [
        ({3}, {"name"}, ["1", "a@example.org"]),
        ({5}, {"gender"}, ["1", "a@example.org"]),
        ({6}, {"birthDate"}, ["1", "a@example.org"]),
        ({7}, {"active"}, ["1", "a@example.org"]),
        ({10}, set(), ["a@example.org"]),
        ({11}, {"address"}, ["1", "a@example.org"]),
        ({15}, set(), ["1"]),
        ({10, 15}, {"telecom"}, []),
    ],
)
def test_what_a_member_of_staff_was_said_to_be_is_removed_by_two_quotes(
    pool: Pool, gone: set[int], elements: set[str], reached: list[str]
) -> None:
    send(pool, "MFN^M02", "MFI|PRA||UPD|||AL", "MFE|MAD|1||7", segment("STF", STF))
    before = stored(pool, "Practitioner")

    update = segment("STF", {1: STF[1]} | dict.fromkeys(gone, '""'))
    send(pool, "MFN^M02", "MFI|PRA||UPD|||AL", "MFE|MUP|2||7", update)

    after = stored(pool, "Practitioner")
    assert before.keys() - after.keys() == elements
    assert [one["value"] for one in after.get("telecom", [])] == reached


def test_what_somebody_practises_is_removed_by_two_quotes(pool: Pool) -> None:
    staff = "MFI|PRA||UPD|||AL", "MFE|MAD|1||7", segment("STF", STF)
    send(pool, "MFN^M02", *staff, segment("PRA", {1: "7", 5: "SUR^Surgery^L", 9: "North Clinic"}))

    send(pool, "MFN^M02", *staff, segment("PRA", {1: "7", 5: '""', 9: '""'}))

    assert not stored(pool, "PractitionerRole").keys() & {"specialty", "organization"}
