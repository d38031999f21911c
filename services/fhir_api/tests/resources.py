"""Resources that the tests store."""

from typing import Any

MRN = "urn:oid:1.2.36.146.595.217.0.1"
LOINC = "http://loinc.org"


def patient(name: str, family: str = "Chalmers", given: str = "Peter", **elements: Any) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": name,
        "identifier": [{"system": MRN, "value": f"mrn-{name}"}],
        "name": [{"family": family, "given": [given]}],
        "gender": "male",
        "birthDate": "1974-12-25",
    } | elements


def observation(
    name: str, of: str, code: str = "718-7", when: str = "2026-03-01", **elements: Any
) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": code}]},
        "subject": {"reference": f"Patient/{of}"},
        "effectiveDateTime": when,
    } | elements
