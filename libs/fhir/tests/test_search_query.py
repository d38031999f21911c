from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.fhir import search_query as query
from libs.fhir.definitions import search_parameters
from libs.fhir.search_values import index_values
from libs.fhir.tests.samples import PATIENT, PRESSURE
from libs.fhir.ucum import equivalents

PATIENT_TOKENS = set(index_values("org", PATIENT).tokens)
PRESSURE_VALUES = index_values("org", PRESSURE)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("7", True),
        ("urn:mrn|7", True),
        ("urn:mrn|", True),
        ("|7", False),
        ("|loose", True),
        ("loose", True),
        ("urn:other|7", False),
        ("8", False),
    ],
)
def test_a_token_is_found_in_each_of_its_four_forms(value: str, found: bool) -> None:
    assert bool(PATIENT_TOKENS & {*query.token_keys("org", "Patient", "identifier", value)}) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("female", True),
        ("male", False),
        ("http://hl7.org/fhir/administrative-gender|female", True),
        ("http://hl7.org/fhir/administrative-gender|", True),
        ("http://other.example|female", False),
        ("http://other.example|", False),
        ("|female", False),
    ],
)
def test_a_bound_code_is_found_by_the_system_of_its_binding(value: str, found: bool) -> None:
    assert bool(PATIENT_TOKENS & {*query.token_keys("org", "Patient", "gender", value)}) == found


def test_an_identifier_is_found_by_its_type() -> None:
    value = "http://terminology.hl7.org/CodeSystem/v2-0203|MR|7"

    assert PATIENT_TOKENS.issuperset(query.of_type_keys("org", "Patient", "identifier", value))
    with pytest.raises(query.BadValue):
        query.of_type_keys("org", "Patient", "identifier", "MR|7")


def test_text_is_found_by_any_of_its_words_and_a_name_by_its_sound() -> None:
    tokens = set(PRESSURE_VALUES.tokens)

    assert tokens.issuperset(query.text_keys("org", "Observation", "code", "pressure BLOOD"))
    assert not tokens.issuperset(query.text_keys("org", "Observation", "code", "blood sugar"))
    assert PATIENT_TOKENS.issuperset(query.text_keys("org", "Patient", "phonetic", "Miller"))
    with pytest.raises(query.BadValue):
        query.text_keys("org", "Observation", "code", " ,")


@pytest.mark.parametrize(
    ("value", "target", "found"),
    [
        ("p1", None, True),
        ("Patient/p1", None, True),
        ("p1", "Patient", True),
        ("p1", "Group", False),
        ("Group/p1", None, False),
        ("https://other.example/Patient/p1", None, False),
    ],
)
def test_a_reference_is_found_by_id_with_and_without_its_type(
    value: str, target: str | None, found: bool
) -> None:
    subject = search_parameters("Observation")["subject"]

    keys = query.reference_keys("org", "Observation", subject, value, target)

    assert bool(set(PRESSURE_VALUES.tokens) & set(keys)) == found


def test_a_profile_is_found_with_and_without_its_version() -> None:
    for uri in ("http://a.example/p", "http://a.example/p|1.0"):
        assert query.uri_key("org", "Patient", "_profile", uri) in PATIENT_TOKENS


def test_a_parameter_without_a_value_is_missing() -> None:
    assert query.present_key("org", "Patient", "birthdate") in PATIENT_TOKENS
    assert query.present_key("org", "Patient", "death-date") not in PATIENT_TOKENS


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("100", "99.5", "100.5"),
        ("100.00", "99.995", "100.005"),
        ("1e2", "50", "150"),
        ("-3", "-3.5", "-2.5"),
        ("0", "-0.5", "0.5"),
    ],
)
def test_a_number_stands_for_what_its_digits_leave_open(text: str, low: str, high: str) -> None:
    assert query.number_range(text) == (Decimal(low), Decimal(high))


def test_about_is_ten_percent_to_either_side_and_never_less_than_the_precision() -> None:
    assert query.approximate_range("100") == (Decimal(90), Decimal(110))
    assert query.approximate_range("-100") == (Decimal(-110), Decimal(-90))
    assert query.approximate_range("1") == (Decimal("0.5"), Decimal("1.5"))


@pytest.mark.parametrize("text", ["", "x", "NaN", "Infinity", "1e999", "1" * 101])
def test_what_is_no_measured_number_is_refused(text: str) -> None:
    with pytest.raises(query.BadValue):
        query.number_range(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("120|http://unitsofmeasure.org|mm[Hg]", True),
        ("16.0|http://unitsofmeasure.org|kPa", True),
        ("120||mmHg", True),
        ("120||mm[Hg]", True),
        ("120|http://other.example|mm[Hg]", False),
        ("120|http://unitsofmeasure.org|kPa", False),
    ],
)
def test_a_quantity_is_found_in_any_unit_of_its_dimension(text: str, found: bool) -> None:
    number, system, unit = query.quantity(text)
    parameter = "component-value-quantity"
    systolic = [row for row in PRESSURE_VALUES.numbers if row[2] == Decimal("120.0")]

    wanted = query.quantity_keys("org", "Observation", parameter, system, unit, *query.number_range(number))

    assert found == any(
        row[0] == parameter and row[1] == key and low <= row[2] and row[3] < high
        for row in systolic
        for key, low, high in wanted
    )


@pytest.mark.parametrize("text", ["5|mg", "5||", "5|a|b|c"])
def test_a_quantity_has_one_or_three_parts(text: str) -> None:
    with pytest.raises(query.BadValue):
        query.quantity(text)


def test_a_fever_is_one_in_celsius_and_in_fahrenheit() -> None:
    found = {unit: low for unit, low, _ in equivalents("[degF]", Decimal("98.6"), Decimal("98.6"))}

    assert found["Cel"].quantize(Decimal("1e-20")) == Decimal(37)
    assert equivalents("{score}", Decimal(1), Decimal(2)) == [("{score}", Decimal(1), Decimal(2))]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a,b", ["a", "b"]),
        (r"a\,b,c", [r"a\,b", "c"]),
        (r"a\\,b", [r"a\\", "b"]),
        ("", [""]),
        (",", ["", ""]),
        ("a\\", ["a\\"]),
    ],
)
def test_values_are_parted_at_commas_that_are_not_escaped(text: str, values: list[str]) -> None:
    assert query.split_values(text) == values


@given(st.lists(st.text(), min_size=1))
def test_what_was_escaped_is_what_comes_out(texts: list[str]) -> None:
    written = ",".join(text.replace("\\", "\\\\").replace(",", "\\,") for text in texts)

    assert [query.unescape(value) for value in query.split_values(written)] == texts


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|")


@given(st.text(min_size=1), st.text(min_size=1))
def test_whatever_its_characters_a_token_is_found_by_what_it_says(system: str, code: str) -> None:
    tokens = set(
        index_values("org", {"resourceType": "Encounter", "class": {"system": system, "code": code}}).tokens
    )

    for value in (escaped(code), f"{escaped(system)}|{escaped(code)}", f"{escaped(system)}|"):
        assert tokens & {*query.token_keys("org", "Encounter", "class", value)}


@given(st.decimals(-(10**9), 10**9, allow_nan=False, places=4))
def test_a_number_lies_in_the_middle_of_what_it_stands_for(number: Decimal) -> None:
    low, high = query.number_range(str(number))

    assert low + high == 2 * number
    assert high - low == Decimal("0.0001")


@given(st.text(), st.sampled_from(["identifier", "gender"]))
def test_any_text_is_a_token_to_look_for(value: Any, parameter: str) -> None:
    assert len(query.token_keys("org", "Patient", parameter, value)) == 1


def test_a_prefix_is_told_from_a_value() -> None:
    assert query.split_prefix("ge2024") == ("ge", "2024")
    assert query.split_prefix("2024") == ("eq", "2024")
