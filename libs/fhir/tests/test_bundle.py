from decimal import Decimal

from libs.fhir.bundle import KEEP, MERGE, REMOVE, Entry, transaction
from libs.fhir.validate import validate

PATIENT = Entry(
    resource={"resourceType": "Patient", "identifier": [{"system": "urn:mrn", "value": "7"}]},
    full_url="urn:uuid:8ab29b9e-2f6b-5a0e-9c3b-6b1c0a1b2c3d",
    method="PUT",
    url="Patient?identifier=urn:mrn|7",
    merge=True,
    remove=("birthDate", "telecom:work"),
    keep=("active",),
)
WEIGHT = Entry(
    resource={
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "weight"},
        "valueQuantity": {"value": Decimal("70.10")},
    },
    full_url="urn:uuid:0b0e1c52-54c1-5b8f-8f5c-2f1f3c1d0e9a",
    method="POST",
    url="Observation",
    if_none_exist="identifier=urn:obs|1",
)


def test_entries_become_a_transaction_that_says_what_put_cannot() -> None:
    assert transaction([PATIENT, WEIGHT]) == {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "extension": [
                    {"url": MERGE, "valueBoolean": True},
                    {"url": REMOVE, "valueCode": "birthDate"},
                    {"url": REMOVE, "valueCode": "telecom:work"},
                    {"url": KEEP, "valueCode": "active"},
                ],
                "fullUrl": PATIENT.full_url,
                "resource": PATIENT.resource,
                "request": {"method": "PUT", "url": "Patient?identifier=urn:mrn|7"},
            },
            {
                "fullUrl": WEIGHT.full_url,
                "resource": WEIGHT.resource,
                "request": {"method": "POST", "url": "Observation", "ifNoneExist": "identifier=urn:obs|1"},
            },
        ],
    }


def test_a_transaction_is_valid_fhir_even_without_entries() -> None:
    assert validate(transaction([PATIENT, WEIGHT])) == []
    assert validate(transaction([])) == []
