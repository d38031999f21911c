import re

import pytest

from libs.terminology.concept_map import Target, concept_map, map_names, tables

EVERY_MAP = [(table, name) for table in tables() for name in map_names(table)]


def test_a_code_of_the_table_becomes_its_fhir_code() -> None:
    sex = concept_map("0001", "AdministrativeSex")

    assert sex.get("F") == Target("http://hl7.org/fhir/administrative-gender", "female")


def test_letter_case_is_no_reason_to_lose_a_code() -> None:
    assert concept_map("0001", "AdministrativeSex").get("f") == concept_map("0001", "AdministrativeSex").get(
        "F"
    )


def test_mapped_to_nothing_on_purpose_is_not_unknown() -> None:
    kinds = concept_map("0190", "AddressType[Use]")

    assert kinds.get("L") == Target("", "")
    assert not kinds.get("L")
    assert kinds.get("no such code") is None


def test_codes_that_look_like_numbers_or_truth_values_stay_texts() -> None:
    reasons = concept_map("0062", "EventReason")

    assert reasons.get("01") == Target(
        "http://terminology.hl7.org/CodeSystem/v3-ActReason", "PATRQT", "patient requested"
    )
    assert concept_map("0136", "YesNoIndicator").get("N") == Target(
        "http://terminology.hl7.org/CodeSystem/special-values", "false"
    )


def test_a_map_that_does_not_exist_is_a_mistake_of_the_code() -> None:
    with pytest.raises(KeyError, match="no map"):
        concept_map("0001", "NoSuchMap")


@pytest.mark.parametrize(("table", "name"), EVERY_MAP, ids=[f"{table}-{name}" for table, name in EVERY_MAP])
def test_every_map_can_be_read(table: str, name: str) -> None:
    found = concept_map(table, name)

    assert re.fullmatch(r"\d{4}", found.table)
    assert found.targets
    for target in found.targets.values():
        assert not target or re.match(r"(https?://|urn:)", target.system)
        assert target.code == target.code.strip()


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("B", "final"),
        ("V", "final"),
        ("U", "final"),
        ("R", "preliminary"),
        ("S", "preliminary"),
        ("I", "registered"),
        ("O", "registered"),
        ("N", "final"),
        ("C", "corrected"),
        ("D", "entered-in-error"),
        ("X", "cancelled"),
    ],
)
def test_statuses_of_results_that_the_guide_leaves_open_are_decided(name: str, status: str) -> None:
    target = concept_map("0085", "ObservationResultStatusCodesInterpretation").get(name)

    assert target is not None
    assert target.code == status
