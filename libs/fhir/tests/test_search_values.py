from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from libs.fhir.dates import LATEST
from libs.fhir.search_keys import LONG, Form, normalize, sound, token_key
from libs.fhir.search_values import IndexValues, index_values
from libs.fhir.tests.corpora import files, resources
from libs.fhir.tests.samples import PATIENT, PRESSURE, broken


def keys(resource_type: str, *texts: tuple[str, Form, str, str]) -> list[int]:
    return sorted({token_key("org", resource_type, *text) for text in texts})


def coded(parameter: str, system: str, code: str) -> list[tuple[str, Form, str, str]]:
    """What a coding with a system is found by."""
    return [
        (parameter, Form.SYSTEM_CODE, system, code),
        (parameter, Form.CODE, "", code),
        (parameter, Form.SYSTEM, system, ""),
    ]


def bare(parameter: str, code: str) -> list[tuple[str, Form, str, str]]:
    """What a code without a system is found by."""
    return [(parameter, Form.SYSTEM_CODE, "", code), (parameter, Form.CODE, "", code)]


def present(*parameters: str) -> list[tuple[str, Form, str, str]]:
    return [(parameter, Form.PRESENT, "", "") for parameter in parameters]


def test_a_patient_is_found_by_all_it_says() -> None:
    names = [("name", "muller"), ("name", "zoe"), ("name", "ann"), ("family", "muller")]
    addresses = [("address", "1 main st"), ("address", "ulm"), ("address", "89073"), ("address", "de")]

    values = index_values("org", PATIENT)

    assert sorted(values.strings) == sorted(
        [
            *names,
            ("given", "zoe"),
            ("given", "ann"),
            *addresses,
            ("address-city", "ulm"),
            ("address-postalcode", "89073"),
            ("address-country", "de"),
        ]
    )
    values.strings = []
    assert values == IndexValues(
        tokens=keys(
            "Patient",
            *coded("identifier", "urn:mrn", "7"),
            ("identifier", Form.OF_TYPE, "http://terminology.hl7.org/CodeSystem/v2-0203|MR", "7"),
            *bare("identifier", "loose"),
            *bare("active", "true"),
            *bare("deceased", "false"),
            ("gender", Form.CODE, "", "female"),
            *[("telecom", Form.CODE, "", text) for text in ("(555) 10-20", "5551020")],
            *[("phone", Form.CODE, "", text) for text in ("(555) 10-20", "5551020")],
            *[("telecom", Form.CODE, "", text) for text in ("Zoe@a.example", "zoe@a.example")],
            *[("email", Form.CODE, "", text) for text in ("Zoe@a.example", "zoe@a.example")],
            *[("phonetic", Form.TEXT, "", text) for text in ("m460", "z000", "a500")],
            ("general-practitioner", Form.REFERENCE, "Practitioner", "d1"),
            ("organization", Form.REFERENCE, "Organization", "o1"),
            ("link", Form.REFERENCE, "Patient", "p0"),
            ("_profile", Form.URI, "", "http://a.example/p|1.0"),
            ("_profile", Form.URI, "", "http://a.example/p"),
            *present("identifier", "active", "deceased", "gender", "telecom", "phone", "email", "phonetic"),
            *present("general-practitioner", "organization", "link", "_profile", "name", "family", "given"),
            *present("address", "address-city", "address-postalcode", "address-country", "birthdate"),
        ),
        patient="p1",
        date=(datetime(1980, 2, 1, tzinfo=UTC), datetime(1980, 3, 1, tzinfo=UTC)),
        references=[
            ("general-practitioner", "Practitioner", "d1"),
            ("organization", "Organization", "o1"),
            ("link", "Patient", "p0"),
        ],
        identifiers=[("urn:mrn", "7"), ("", "loose")],
    )


def test_quantities_are_rows_under_their_unit_and_under_their_code_beside_them() -> None:
    infinite = Decimal("Infinity")
    ucum = "http://unitsofmeasure.org"
    systolic, diastolic = (Decimal("120.0"), Decimal("120.0")), (-infinite, Decimal(80))

    numbers = set(index_values("org", PRESSURE).numbers)

    def key(parameter: str, form: Form, system: str, code: str) -> tuple[str, int]:
        return parameter, token_key("org", "Observation", parameter, form, system, code)

    expected = set()
    for parameter in ("component-value-quantity", "combo-value-quantity"):
        expected |= {
            (*key(parameter, Form.SYSTEM_CODE, ucum, "mm[Hg]"), *systolic),
            (*key(parameter, Form.CODE, "", "mmHg"), *systolic),
            (*key(parameter, Form.CODE, "", "mm[Hg]"), *diastolic),
        }
    for parameter in ("component-code-value-quantity", "combo-code-value-quantity"):
        for head in ("", "http://loinc.org|"):
            expected |= {
                (*key(parameter, Form.COMPOSITE, head + "8480-6", ""), *systolic),
                (*key(parameter, Form.COMPOSITE, head + "8462-4", ""), *diastolic),
            }
    assert numbers == expected


def test_an_observation_belongs_to_its_patient_and_its_period() -> None:
    values = index_values("org", PRESSURE)

    assert values.patient == "p1"
    assert values.date == (datetime(2024, 5, 1, 10, tzinfo=UTC), datetime(2024, 5, 1, 10, 5, 1, tzinfo=UTC))
    assert sorted(values.references) == [
        ("encounter", "Encounter", "e1"),
        ("patient", "Patient", "p1"),
        ("subject", "Patient", "p1"),
    ]


def test_a_reference_by_identifier_is_a_token_of_its_own() -> None:
    tokens = index_values("org", PRESSURE).tokens

    assert token_key("org", "Observation", "performer:identifier", Form.SYSTEM_CODE, "urn:npi", "9") in tokens


@pytest.mark.parametrize("length", [1, LONG - 1, LONG, 2 * LONG])
def test_a_text_of_any_length_is_found_by_its_keys_the_second_time_as_the_first(length: int) -> None:
    code, word, system = "c" * length, "w" * length, "urn:" + "s" * length
    group = {
        "resourceType": "Group",
        "meta": {"profile": [system]},
        "code": {"coding": [{"system": system, "code": code, "display": word}]},
        "managingEntity": {"reference": system},
    }
    expected = keys(
        "Group",
        *coded("code", system, code),
        ("code", Form.TEXT, "", word),
        ("managing-entity", Form.URI, "", system),
        ("_profile", Form.URI, "", system),
        *present("code", "managing-entity", "_profile"),
    )

    first, second = index_values("org", group), index_values("org", group)

    assert first.tokens == second.tokens == expected


def test_a_type_without_parameters_of_its_own_is_found_by_those_of_every_resource() -> None:
    binary = {"resourceType": "Binary", "meta": {"tag": [{"code": "x"}]}}

    assert index_values("org", binary).tokens == keys("Binary", *bare("_tag", "x"), *present("_tag"))


def test_an_open_period_has_no_end() -> None:
    encounter = {"resourceType": "Encounter", "period": {"start": "2024-05-01"}}

    assert index_values("org", encounter).date == (datetime(2024, 5, 1, tzinfo=UTC), LATEST)


def test_two_tokens_of_one_element_make_a_pair_and_of_two_elements_none() -> None:
    def part(code: str, value: str) -> dict[str, Any]:
        return {"code": {"coding": [{"code": code}]}, "valueCodeableConcept": {"coding": [{"code": value}]}}

    tokens = index_values(
        "org", {"resourceType": "Observation", "component": [part("a", "x"), part("b", "y")]}
    ).tokens

    pair = "component-code-value-concept"
    assert token_key("org", "Observation", pair, Form.COMPOSITE, "a", "x") in tokens
    assert token_key("org", "Observation", pair, Form.COMPOSITE, "a", "y") not in tokens


def test_organizations_and_types_share_no_keys() -> None:
    assert not set(index_values("a", PATIENT).tokens) & set(index_values("b", PATIENT).tokens)
    assert token_key("o", "Patient", "active", Form.CODE, "", "true") != token_key(
        "o", "Practitioner", "active", Form.CODE, "", "true"
    )


@pytest.mark.parametrize(
    ("text", "normalized"),
    [
        ("  Zoë   MÜLLER ", "zoe muller"),
        ("Ångström", "angstrom"),
        ("ﬁne", "fine"),
        ("Наталья", "наталья"),
        ("", ""),
    ],
)
def test_strings_are_compared_without_case_accents_and_spare_blanks(text: str, normalized: str) -> None:
    assert normalize(text) == normalized


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Robert", "r163"),
        ("Rupert", "r163"),
        ("Ashcraft", "a261"),
        ("Tymczak", "t522"),
        ("Pfister", "p236"),
        ("Ли", ""),
    ],
)
def test_names_that_sound_alike_have_one_sound(name: str, code: str) -> None:
    assert sound(name) == code


@given(broken())
def test_a_value_of_the_wrong_shape_is_passed_over(resource: dict[str, Any]) -> None:
    values = index_values("org", resource)

    assert values.tokens == sorted(set(values.tokens))


@pytest.mark.parametrize("path", files("fhir-definitions/us-core-6.1.0-examples", "synthea"))
def test_every_public_example_can_be_indexed(path: Any) -> None:
    for resource in resources(path):
        assert index_values("org", resource).tokens
