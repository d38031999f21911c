"""OBX-5 by OBX-2 (HL7 table 0125), and what OBX says of a result beside its value."""

from decimal import Decimal
from typing import Any

import pytest

from libs.mapping.tests.messages import MSH, PID, Json, mapped, only, resources, segment

UCUM = "http://unitsofmeasure.org"
V2 = "http://terminology.hl7.org/CodeSystem/v2-"
ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"


def report(*segments: str) -> Any:
    head = [MSH.format(kind="ORU^R01", control="V-1"), PID, "ORC|RE|P7^EHR", "OBR|1|||A^Panel^L"]
    return mapped(*head, *segments)


def observation(fields: dict[int, str]) -> Json:
    return only(report(segment("OBX", {1: "1", 3: "1^A^L", 11: "F"} | fields)), "Observation")


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("AD", "Main 1^^Graz", {"valueString": "Main 1 Graz"}),
        ("CK", "123^4^M10", {"valueString": "123 4 M10"}),
        ("CN", "7001^Berger^Paul", {"valueString": "7001 Berger Paul"}),
        ("CP", "10&USD^UP", {"valueString": "10 USD UP"}),
        ("CQ", "5^mg", {"valueQuantity": {"value": Decimal(5), "unit": "mg"}}),
        ("CX", "123^^^NORTH&1.2.3&ISO", {"valueString": "123 NORTH 1.2.3 ISO"}),
        ("DR", "20260101^20260102", {"valuePeriod": {"start": "2026-01-01", "end": "2026-01-02"}}),
        ("DT", "20260101", {"valueDateTime": "2026-01-01"}),
        ("EI", "123^NS", {"valueString": "123 NS"}),
        ("MO", "10^USD", {"valueString": "10 USD"}),
        ("NM", "5.10", {"valueQuantity": {"value": Decimal("5.10")}}),
        ("PN", "Berger^Paul", {"valueString": "Berger Paul"}),
        ("SI", "3", {"valueQuantity": {"value": Decimal(3)}}),
        ("TM", "1230", {"valueTime": "12:30:00"}),
        ("TN", "(43)316-123", {"valueString": "(43)316-123"}),
        ("VR", "A^B", {"valueString": "A-B"}),
        ("XPN", "Berger^Paul", {"valueString": "Paul Berger"}),
        ("XXX", "a^b", {"valueString": "a b"}),
    ],
)
def test_a_value_is_what_its_type_says(kind: str, text: str, expected: Json) -> None:
    found = observation({2: kind, 5: text})

    assert {name: part for name, part in found.items() if name.startswith("value")} == expected


@pytest.mark.parametrize(
    ("kind", "text", "dimensions", "data"),
    [
        ("NA", "1^2.50^3", 1, "1 2.50 3"),
        ("NA", "1^2~3^4", 2, "1 2 3 4"),
        ("MA", "1^2~3^4~5^6", 2, "1 2 3 4 5 6"),
    ],
)
def test_an_array_of_numbers_is_sampled_data(kind: str, text: str, dimensions: int, data: str) -> None:
    found = observation({2: kind, 5: text, 6: "mV^^UCUM"})["valueSampledData"]

    assert found == {
        "origin": {"value": Decimal(0), "unit": "mV", "system": UCUM, "code": "mV"},
        "period": Decimal(1),
        "_period": {"extension": [{"url": ABSENT, "valueCode": "unknown"}]},
        "dimensions": dimensions,
        "data": data,
    }


def test_an_array_of_something_else_keeps_its_words() -> None:
    found = observation({2: "MA", 5: "low^2~3^4"})

    assert [one["valueString"] for one in found["component"]] == ["low 2", "3 4"]


def test_the_units_of_a_string_are_kept_beside_it() -> None:
    found = observation({2: "ST", 5: "5.4", 6: "mg/dL^^UCUM"})

    assert found["valueString"] == "5.4"
    assert found["_valueString"]["extension"] == [
        {
            "url": "urn:ehrconnect:fhir:units",
            "valueCodeableConcept": {"coding": [{"system": UCUM, "code": "mg/dL"}], "text": "mg/dL"},
        }
    ]


@pytest.mark.parametrize(
    ("code", "status", "kept"),
    [
        ("F", "final", False),
        ("P", "preliminary", False),
        ("C", "corrected", False),
        ("D", "entered-in-error", False),
        ("W", "entered-in-error", False),
        ("A", "amended", False),
        ("X", "cancelled", True),
        ("B", "final", True),
        ("U", "final", True),
        ("V", "final", True),
        ("N", "final", True),
        ("R", "preliminary", True),
        ("S", "preliminary", True),
        ("I", "registered", True),
        ("O", "registered", True),
    ],
)
def test_the_status_of_a_result_and_its_own_code_where_the_status_says_less(
    code: str, status: str, kept: bool
) -> None:
    found = observation({2: "NM", 5: "1", 11: code})

    assert found["status"] == status
    assert ("_status" in found) == kept
    if kept:
        (alternate,) = found["_status"]["extension"]
        assert alternate["valueCodeableConcept"] == {"coding": [{"system": V2 + "0085", "code": code}]}


def test_a_deleted_result_was_entered_in_error() -> None:
    assert observation({2: "NM", 5: "1", 31: "D"})["status"] == "entered-in-error"


def test_a_reason_for_an_absent_value_beside_a_value_is_told_in_the_report() -> None:
    found = report(segment("OBX", {1: "1", 2: "NM", 3: "W", 5: "1", 11: "F", 32: "NAV"}))

    assert "dataAbsentReason" not in only(found, "Observation")
    assert "OBX[4]-32" in {str(one.position) for one in found.report.warnings}


def test_why_a_value_is_absent_is_as_stated() -> None:
    found = observation({2: "NM", 32: "NAV^not available^HL70nnn"})

    assert found["dataAbsentReason"]["coding"][0]["display"] == "not available"


def test_a_result_is_of_the_specimens_that_it_names() -> None:
    spm = "SPM|1|S1&EHR^F1&LAB||BLD"
    of_order = only(
        report(segment("OBX", {1: "1", 2: "NM", 3: "1^A^L", 5: "1", 33: "S1&EHR^F1&LAB"}), spm), "Observation"
    )
    others = observation({2: "NM", 5: "1", 33: "^F8&LAB~^F9&LAB"})

    assert of_order["specimen"]["reference"].startswith("urn:uuid:")
    assert others["specimen"]["identifier"]["value"] == "F8"
    assert [one["valueReference"]["identifier"]["value"] for one in others["extension"]] == ["F9"]


def test_what_is_observed_of_a_specimen_has_it_as_its_focus() -> None:
    found = report("OBX|1|NM|1^A^L||1||||||F", "SPM|1|S1&EHR||BLD", "OBX|2|NM|2^Volume^L||3||||||F")
    result, volume = resources(found, "Observation")

    assert "focus" not in result
    assert volume["focus"] == [volume["specimen"]]


def test_answers_given_with_the_order_support_it_and_are_no_results() -> None:
    answer = segment("OBX", {1: "2", 2: "CWE", 3: "Q^Fasting?^L", 5: "Y^Yes^L", 11: "F", 29: "QST"})
    found = report("OBX|1|NM|1^A^L||1||||||F", answer)
    result, asked = (
        {"reference": e.full_url} for e in found.entries if e.resource["resourceType"] == "Observation"
    )

    assert only(found, "DiagnosticReport")["result"] == [result]
    assert only(found, "ServiceRequest")["supportingInfo"] == [asked]


def test_a_document_in_base64_is_one_although_the_sender_does_not_say_so() -> None:
    found = observation({2: "ED", 5: "^AP^^^JVBERi0xLjQK"})
    attachment = found["extension"][0]["valueAttachment"]

    assert (attachment["contentType"], attachment["data"]) == ("application/pdf", "JVBERi0xLjQK")
    assert attachment["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] == "AP"


def test_who_is_named_twice_performs_once() -> None:
    found = observation({2: "NM", 5: "1", 16: "7001^Berger^Paul~7001^Berger^Paul"})

    assert len(found["performer"]) == 1
