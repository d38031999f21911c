"""Single fields, and what the rows of HL7's guide make of them."""

from typing import Any

import pytest

from libs.mapping.tests.messages import MSH, PID, PV1, event, mapped, resources, segment

FHIR = "http://hl7.org/fhir/StructureDefinition/"
R5 = "http://hl7.org/fhir/5.0/StructureDefinition/extension-"
OWN = "urn:ehrconnect:fhir:"
V2 = "http://terminology.hl7.org/CodeSystem/v2-"
NAME = {3: "1^^^NORTH", 5: "Okafor^Amara"}


def pid(**fields: str) -> str:
    return segment("PID", NAME | {int(name[1:]): value for name, value in fields.items()})


def pv1(**fields: str) -> str:
    return segment("PV1", {2: "I", 19: "V1^^^NORTH"} | {int(k[1:]): value for k, value in fields.items()})


def holds(found: Any, expected: Any) -> bool:
    """Whether all of `expected` is in `found`: an item of a list anywhere in the list."""
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(holds(found.get(name), one) for name, one in expected.items())
    if isinstance(expected, list):
        return isinstance(found, list) and all(any(holds(one, want) for one in found) for want in expected)
    return bool(found == expected or str(found) == expected)


CASES: dict[str, tuple[list[str], str, dict[str, Any]]] = {
    "CX.3, the scheme of a check digit": (
        [segment("PID", {3: "1^7^M10^NORTH", 5: "Okafor"})],
        "Patient",
        {"identifier": [{"extension": [{"url": FHIR + "namingsystem-checkDigit", "valueString": "M10"}]}]},
    ),
    "CX.6 beside CX.4, the assigning facility": (
        [segment("PID", {3: "1^^^NORTH^MR^CLINIC&2.999.7&ISO", 5: "Okafor"})],
        "Patient",
        {
            "identifier": [
                {
                    "extension": [
                        {
                            "url": OWN + "identifier-assigning-facility",
                            "valueReference": {
                                "display": "CLINIC",
                                "identifier": {"value": "urn:oid:2.999.7"},
                            },
                        }
                    ]
                }
            ]
        },
    ),
    "XPN.11, the order of a name": (
        [segment("PID", {3: "1", 5: "Okafor^Amara^^^^^L^^^^F"})],
        "Patient",
        {"name": [{"extension": [{"url": FHIR + "humanname-assembly-order", "valueCode": "F"}]}]},
    ),
    "XAD.7 HV, a vacation home": (
        [pid(f11="Lake 1^^Graz^^^^HV")],
        "Patient",
        {"address": [{"extension": [{"url": FHIR + "iso21090-AD-use", "valueCode": "HV"}]}]},
    ),
    "XTN.9, a text about a number": (
        [pid(f13="^PRN^PH^^43^316^5550142^^after six")],
        "Patient",
        {"telecom": [{"extension": [{"url": FHIR + "contactpoint-comment", "valueString": "after six"}]}]},
    ),
    "XCN.17 to XCN.20, the name of a practitioner": (
        [PID, pv1(f7="7^Berger^Paul^^^^^^NORTH^L^3^M10^^WARD^^^^G^20200101^20250101")],
        "Practitioner",
        {
            "name": [
                {
                    "extension": [{"url": FHIR + "humanname-assembly-order", "valueCode": "G"}],
                    "period": {"start": "2020-01-01", "end": "2025-01-01"},
                }
            ],
            "identifier": [
                {
                    "extension": [
                        {"url": FHIR + "identifier-checkDigit", "valueString": "3"},
                        {"url": FHIR + "namingsystem-checkDigit", "valueString": "M10"},
                        {"url": OWN + "identifier-assigning-facility"},
                    ]
                }
            ],
        },
    ),
    "PL.10 and PL.11, the number of a place": (
        [PID, pv1(f3="W3^312^B^NORTH^^^^^^L-77^PLACES&2.999.8&ISO")],
        "Location",
        {"identifier": [{"system": "urn:oid:2.999.8", "value": "L-77", "assigner": {"display": "PLACES"}}]},
    ),
    "PID-27, the military status": (
        [pid(f27="R^Retired")],
        "Patient",
        {"extension": [{"url": OWN + "patient-veteran-status", "valueCodeableConcept": {}}]},
    ),
    "PID-31, whether the identity is known": (
        [pid(f31="Y")],
        "Patient",
        {"extension": [{"url": OWN + "patient-identity-unknown", "valueBoolean": True}]},
    ),
    "PID-33 and PID-34, the last update": (
        [pid(f33="202601010900+0100", f34="SOUTH")],
        "Provenance",
        {
            "occurredDateTime": "2026-01-01T09:00:00+01:00",
            "activity": {"coding": [{"code": "UPDATE"}]},
            "agent": [{"type": {"coding": [{"code": "performer"}]}}],
        },
    ),
    "PV1-11, a temporary location": (
        [PID, pv1(f11="X^1^2")],
        "Encounter",
        {"location": [{"extension": [{"url": FHIR + "subject-locationClassification"}]}]},
    ),
    "PV1-20, the financial class of a visit without IN1": (
        [PID, pv1(f20="HMO^20260101")],
        "Coverage",
        {"type": {"coding": [{"system": V2 + "0064", "code": "HMO"}]}, "period": {"start": "2026-01-01"}},
    ),
    "PV1-53 and PV1-54, the episode": (
        [PID, pv1(f53="Hip", f54="EP-1^^^NORTH")],
        "EpisodeOfCare",
        {
            "identifier": [{"value": "EP-1"}],
            "status": "active",
            "extension": [{"url": FHIR + "resource-instance-description", "valueMarkdown": "Hip"}],
        },
    ),
    "DG1 of a visit that is part of an episode": (
        [PID, pv1(f54="EP-1^^^NORTH"), segment("DG1", {3: "E11.9^Diabetes^I10", 6: "F", 15: "1"})],
        "EpisodeOfCare",
        {"diagnosis": [{"role": {"coding": [{"code": "F"}]}, "rank": 1}]},
    ),
    "PV2-7, PV2-10, PV2-21 and PV2-40": (
        [PID, PV1, segment("PV2", {7: "TE", 10: "4", 21: "N", 40: "AC"})],
        "Encounter",
        {
            "extension": [
                {
                    "url": OWN + "encounter-visit-user",
                    "valueCodeableConcept": {"coding": [{"system": V2 + "0130", "code": "TE"}]},
                },
                {"url": OWN + "encounter-estimated-length", "valueQuantity": {"value": "4", "code": "d"}},
                {"url": OWN + "encounter-publicity"},
                {"url": OWN + "encounter-admission-level-of-care"},
            ]
        },
    ),
    "PV2-22, a visit that few may see": (
        [PID, PV1, segment("PV2", {22: "Y"})],
        "Encounter",
        {"meta": {"security": [{"code": "R"}]}},
    ),
    "IN1-6, IN1-10 and IN1-44": (
        [PID, segment("IN1", {2: "GOLD", 4: "Alpine", 6: "Huber^Eva", 10: "G-7^^^WORKS", 11: "Works Ltd"})],
        "Organization",
        {"name": "Works Ltd", "identifier": [{"value": "G-7"}]},
    ),
    "IN1-10 as a subscriber number": (
        [PID, segment("IN1", {2: "GOLD", 4: "Alpine", 10: "S-7^^^WORKS^SN"})],
        "Coverage",
        {"subscriberId": "S-7", "identifier": [{"value": "S-7"}]},
    ),
    "IN1-2, the other numbers of a plan": (
        [PID, segment("IN1", {2: "GOLD^^L^PLATIN^^99X", 4: "Alpine"})],
        "Coverage",
        {"identifier": [{"value": "GOLD"}, {"value": "PLATIN"}]},
    ),
    "IN1-55 D, deleted": (
        [PID, segment("IN1", {2: "GOLD", 4: "Alpine", 55: "D"})],
        "Coverage",
        {"status": "entered-in-error"},
    ),
    "IN2-1 and IN2-2, numbers of the insured": (
        [PID, segment("IN1", {2: "GOLD", 4: "Alpine", 16: "Okafor^Emeka"}), "IN2|E-5^^^WORKS|123456789"],
        "RelatedPerson",
        {
            "identifier": [
                {"value": "E-5"},
                {"system": "http://hl7.org/fhir/sid/us-ssn", "value": "123456789"},
            ]
        },
    ),
    "XON.2, what kind of name it is": (
        [PID, segment("PD1", {3: "North Clinic^L^10001"})],
        "Organization",
        {
            "name": "North Clinic",
            "extension": [{"url": OWN + "organization-name-type", "valueCoding": {"code": "L"}}],
        },
    ),
    "IN1-9, the name of a group that has no number": (
        [PID, segment("IN1", {2: "GOLD", 4: "Alpine", 9: "Works Ltd"})],
        "Coverage",
        {"class": [{"type": {"coding": [{"code": "group"}]}, "value": "Works Ltd"}]},
    ),
    "IN1-3, the number of the payor": (
        [PID, segment("IN1", {2: "GOLD", 3: "C-9^^^PAYORS", 4: "Alpine"})],
        "Organization",
        {"name": "Alpine", "identifier": [{"value": "C-9", "assigner": {"display": "PAYORS"}}]},
    ),
    "ACC-11, an address alone": (
        [PID, segment("ACC", {1: "20260101", 11: "Ring 1^^Graz"})],
        "Location",
        {"address": {"line": ["Ring 1"], "city": "Graz"}},
    ),
    "EVN-4 U, an unknown reason": (
        [PID, "EVN||20260101||U"],
        "Provenance",
        {"reason": [{"extension": [{"valueCode": "unknown"}]}]},
    ),
    "CWE.2 without CWE.1 beside an alternate code": (
        [PID, segment("AL1", {2: "FA", 3: "^Peanut butter^L^762952008^Peanut^SCT"})],
        "AllergyIntolerance",
        {"code": {"coding": [{"code": "762952008"}], "text": "Peanut butter"}},
    ),
    "GT1-13 and GT1-22, a guarantor on hold": (
        [pid(f18="A-1^^^NORTH"), segment("GT1", {3: "Okafor^Emeka", 13: "20260101", 22: "Y"})],
        "Account",
        {"guarantor": [{"onHold": True, "period": {"start": "2026-01-01"}}]},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_field_becomes_what_the_guide_says(case: str) -> None:
    segments, kind, expected = CASES[case]

    stated = [one for one in event("A08", *segments) if "EVN-4" not in case or not one.startswith("EVN|A08")]
    found = resources(mapped(*stated), kind)

    assert any(holds(one, expected) for one in found), found


@pytest.mark.parametrize(
    ("number", "system"),
    [
        ("123-45-6789", "http://hl7.org/fhir/sid/us-ssn"),
        ("123456789", "http://hl7.org/fhir/sid/us-ssn"),
        ("XXX-XX-6789", "urn:ehrconnect:default:national-id:US"),
    ],
)
def test_what_has_not_nine_digits_is_no_number_of_the_us_social_security(number: str, system: str) -> None:
    (patient,) = resources(mapped(*event("A08", pid(f19=number))), "Patient")

    (national,) = [one for one in patient["identifier"] if one["value"] == number]
    assert (national["system"], national["type"]["coding"][0]["code"]) == (system, "SS")


def test_what_the_header_says_is_in_the_message_header() -> None:
    fields = {8: "secret", 11: "P^T", 17: "AUT", 19: "EN^English^ISO639", 26: "R^Restricted^HL70952"}
    stated = MSH.format(kind="RSP^K22^RSP_K21", control="1").split("|")
    stated += [""] * (27 - len(stated))
    for field, value in fields.items():
        stated[field - 1] = value

    found = mapped("|".join(stated), "MSA|AA|Q-1", PID)

    (header,) = resources(found, "MessageHeader")
    assert [tag["code"] for tag in header["meta"]["tag"]] == ["P", "T"]
    assert [label["code"] for label in header["meta"]["security"]] == ["R"]
    assert header["language"] == "en"
    assert header["response"] == {"identifier": "Q-1", "code": "ok"}
    assert header["destination"][0]["target"]["display"] == "EHR"
    sender = next(e.resource for e in found.entries if e.full_url == header["sender"]["reference"])
    assert sender["address"] == [{"country": "AUT"}]
    assert "secret" not in str([entry.resource for entry in found.entries])
