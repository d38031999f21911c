"""Small resources of our own that conform to US Core, each with the profile."""

from decimal import Decimal
from typing import Any

US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/"
RACE = "urn:oid:2.16.840.1.113883.6.238"
LOINC = "http://loinc.org"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
UCUM = "http://unitsofmeasure.org"


def concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def quantity(value: str, unit: str) -> dict[str, Any]:
    return {"value": Decimal(value), "unit": unit, "system": UCUM, "code": unit}


PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "extension": [
        {
            "url": US_CORE + "us-core-race",
            "extension": [
                {"url": "ombCategory", "valueCoding": {"system": RACE, "code": "2106-3"}},
                {"url": "text", "valueString": "White"},
            ],
        },
        {"url": US_CORE + "us-core-birthsex", "valueCode": "F"},
    ],
    "identifier": [{"system": "urn:mrn", "value": "7"}],
    "name": [{"family": "Stone", "given": ["Ann"]}],
    "telecom": [{"system": "phone", "value": "555-1020"}],
    "gender": "female",
}

PRESSURE: dict[str, Any] = {
    "resourceType": "Observation",
    "status": "final",
    "category": [concept(CATEGORY, "vital-signs")],
    "code": concept(LOINC, "85354-9"),
    "subject": {"reference": "Patient/p1"},
    "effectiveDateTime": "2024-05-01T10:00:00Z",
    "component": [
        {"code": concept(LOINC, "8480-6"), "valueQuantity": quantity("120", "mm[Hg]")},
        {"code": concept(LOINC, "8462-4"), "valueQuantity": quantity("80", "mm[Hg]")},
    ],
}

SODIUM: dict[str, Any] = {
    "resourceType": "Observation",
    "status": "final",
    "category": [concept(CATEGORY, "laboratory")],
    "code": concept(LOINC, "2951-2"),
    "subject": {"reference": "Patient/p1"},
    "effectiveDateTime": "2024-05-01",
    "valueQuantity": quantity("140", "mmol/L"),
}

PREGNANCY: dict[str, Any] = {
    "resourceType": "Observation",
    "status": "final",
    "category": [concept(CATEGORY, "social-history")],
    "code": concept(LOINC, "82810-3"),
    "subject": {"reference": "Patient/p1"},
    "effectiveDateTime": "2024-05-01",
    "valueCodeableConcept": {"text": "unknown"},
}

PANEL: dict[str, Any] = {
    "resourceType": "DiagnosticReport",
    "status": "final",
    "category": [concept("http://terminology.hl7.org/CodeSystem/v2-0074", "LAB")],
    "code": {"text": "electrolytes"},
    "subject": {"reference": "Patient/p1"},
    "effectiveDateTime": "2024-05-01",
    "issued": "2024-05-01T10:00:00Z",
    "result": [{"reference": "Observation/o1"}],
}

PROBLEM: dict[str, Any] = {
    "resourceType": "Condition",
    "category": [concept("http://terminology.hl7.org/CodeSystem/condition-category", "problem-list-item")],
    "code": {"text": "asthma"},
    "subject": {"reference": "Patient/p1"},
}

DOCUMENT: dict[str, Any] = {
    "resourceType": "DocumentReference",
    "status": "current",
    "type": concept(LOINC, "11506-3"),
    "category": [
        concept("http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category", "clinical-note")
    ],
    "subject": {"reference": "Patient/p1"},
    "content": [{"attachment": {"contentType": "text/plain", "data": "aGVsbG8="}}],
}

DOCTOR: dict[str, Any] = {
    "resourceType": "Practitioner",
    "identifier": [{"system": "http://hl7.org/fhir/sid/us-npi", "value": "1234567893"}],
    "name": [{"family": "Reed"}],
}

ORIGIN: dict[str, Any] = {
    "resourceType": "Provenance",
    "target": [{"reference": "Patient/p1"}],
    "recorded": "2024-05-01T10:00:00Z",
    "agent": [
        {
            "type": concept("http://terminology.hl7.org/CodeSystem/provenance-participant-type", "author"),
            "who": {"reference": "Practitioner/d1"},
            "onBehalfOf": {"reference": "Organization/o1"},
        }
    ],
}

CONFORMING: dict[str, tuple[dict[str, Any], list[str]]] = {  # the profiles that each is a candidate for
    "patient": (PATIENT, ["us-core-patient"]),
    "blood pressure": (PRESSURE, ["us-core-blood-pressure", "us-core-vital-signs"]),
    "laboratory": (SODIUM, ["us-core-observation-clinical-result", "us-core-observation-lab"]),
    "pregnancy": (PREGNANCY, ["us-core-observation-pregnancystatus"]),
    "report": (PANEL, ["us-core-diagnosticreport-lab"]),
    "problem": (PROBLEM, ["us-core-condition-problems-health-concerns"]),
    "document": (DOCUMENT, ["us-core-documentreference"]),
    "doctor": (DOCTOR, ["us-core-practitioner"]),
    "provenance": (ORIGIN, ["us-core-provenance"]),
}
