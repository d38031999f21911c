"""Small resources of our own that use what the tests are about."""

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "meta": {"versionId": "1", "lastUpdated": "2024-05-01T10:00:00Z", "profile": ["http://a.example/p|1.0"]},
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Zoë&nbsp;Müller</div>'},
    "identifier": [
        {
            "use": "usual",
            "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]},
            "system": "urn:mrn",
            "value": "7",
            "assigner": {"display": "A Hospital"},
        },
        {"value": "loose"},
    ],
    "active": True,
    "name": [{"family": "Müller", "given": ["Zoë", "Ann"], "_given": [None, {"id": "g2"}]}],
    "telecom": [
        {"system": "phone", "value": "(555) 10-20", "use": "home"},
        {"system": "email", "value": "Zoe@a.example"},
    ],
    "gender": "female",
    "birthDate": "1980-02",
    "_birthDate": {"extension": [{"url": "http://a.example/time", "valueDateTime": "1980-02-03T04:05:00Z"}]},
    "deceasedBoolean": False,
    "address": [{"line": ["1 Main St"], "city": "Ulm", "postalCode": "89073", "country": "DE"}],
    "maritalStatus": {"text": "Married, again"},
    "contact": [{"name": {"text": "Bo"}}],
    "generalPractitioner": [{"reference": "Practitioner/d1"}],
    "managingOrganization": {"reference": "Organization/o1", "type": "Organization"},
    "link": [{"other": {"reference": "Patient/p0"}, "type": "replaces"}],
}

PRESSURE: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "o1",
    "status": "final",
    "category": [{"coding": [{"system": "urn:category", "code": "vital-signs"}]}],
    "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9", "display": "Blood pressure"}]},
    "subject": {"reference": "Patient/p1"},
    "encounter": {"reference": "Encounter/e1"},
    "effectivePeriod": {"start": "2024-05-01T10:00:00Z", "end": "2024-05-01T10:05:00Z"},
    "issued": "2024-05-01T10:06:00Z",
    "performer": [{"identifier": {"system": "urn:npi", "value": "9"}}],
    "component": [
        {
            "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]},
            "valueQuantity": {
                "value": Decimal("120.0"),
                "unit": "mmHg",
                "system": "http://unitsofmeasure.org",
                "code": "mm[Hg]",
            },
        },
        {
            "code": {"coding": [{"system": "http://loinc.org", "code": "8462-4"}]},
            "valueQuantity": {"value": 80, "comparator": "<", "unit": "mm[Hg]"},
        },
    ],
}

REPORT: dict[str, Any] = {
    "resourceType": "DiagnosticReport",
    "contained": [{"resourceType": "Observation", "id": "c1", "status": "final", "code": {"text": "x"}}],
    "status": "final",
    "code": {"text": "panel"},
    "subject": {"reference": "Patient/p1"},
    "result": [{"reference": "#c1"}],
    "presentedForm": [{"contentType": "text/plain", "data": "aGVsbG8=", "size": 5}],
}

ORDER: dict[str, Any] = {
    "resourceType": "MedicationRequest",
    "status": "active",
    "intent": "order",
    "medicationCodeableConcept": {"text": "aspirin"},
    "subject": {"reference": "Patient/p1"},
    "authoredOn": "2024-05-01",
    "dosageInstruction": [
        {
            "sequence": 1,
            "timing": {
                "repeat": {
                    "frequency": 1,
                    "period": Decimal("1.5"),
                    "periodUnit": "d",
                    "timeOfDay": ["08:00:00"],
                }
            },
            "asNeededBoolean": True,
            "doseAndRate": [{"doseRange": {"low": {"value": 1}, "high": {"value": 2}}}],
        }
    ],
}

ALL = (PATIENT, PRESSURE, REPORT, ORDER)

SCALARS = st.none() | st.booleans() | st.integers() | st.decimals() | st.text(max_size=3)


@st.composite
def broken(draw: st.DrawFn) -> dict[str, Any]:
    """A sample of which some value has another shape than its definition says."""

    def break_in(value: Any) -> Any:
        if draw(st.integers(0, 9)) == 0:
            return draw(st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=2), max_leaves=3))
        if isinstance(value, dict):
            return {name: break_in(each) for name, each in value.items()}
        return [break_in(each) for each in value] if isinstance(value, list) else value

    sample = draw(st.sampled_from(ALL))
    return {name: each if name == "resourceType" else break_in(each) for name, each in sample.items()}
