from decimal import Decimal

import pytest

from libs.mapping.tests.messages import MSH, PID, PV1, Json, mapped, only, resources, segment

V2 = "http://terminology.hl7.org/CodeSystem/v2-"
V3 = "http://terminology.hl7.org/CodeSystem/v3-"


def order(kind: str, *segments: str) -> list[str]:
    return [MSH.format(kind=kind, control="O-1"), PID, PV1, *segments]


ORC = "ORC|NW|P7^EHR|||||||20260310081000|||7001^Berger^Paul"
OBR = "OBR|1|P7^EHR||24356-8^Urinalysis^LN|A||||||||||||7001^Berger^Paul"


@pytest.mark.parametrize("kind", ["ORM^O01", "OML^O21", "OMG^O19"])
def test_an_order_is_a_service_request_that_the_report_will_find(kind: str) -> None:
    found = mapped(*order(kind, ORC, OBR))
    request = only(found, "ServiceRequest")
    entry = next(e for e in found.entries if e.resource is request)

    assert entry.url == "ServiceRequest?identifier=urn:ehrconnect:default:authority:EHR|P7"
    assert (request["status"], request["intent"], request["priority"]) == ("active", "order", "asap")
    assert request["authoredOn"] == "2026-03-10T08:10:00+01:00"
    assert resources(found, "DiagnosticReport") == []

    reported = mapped(*order("ORU^R01", ORC.replace("NW", "RE"), OBR, "OBX|1|NM|1^A^LN||1||||||F"))
    assert entry.url in [e.url for e in reported.entries]


@pytest.mark.parametrize(
    ("control", "status", "expected"),
    [
        ("NW", "", "active"),
        ("CA", "", "revoked"),
        ("OC", "", "revoked"),
        ("CR", "", "revoked"),
        ("DC", "", "revoked"),
        ("OD", "", "revoked"),
        ("HD", "", "on-hold"),
        ("CA", "CM", "completed"),
        ("SC", "IP", "active"),
        ("XX", "", "unknown"),
    ],
)
def test_the_status_of_an_order(control: str, status: str, expected: str) -> None:
    found = mapped(*order("ORM^O01", f"ORC|{control}|P7^EHR|||{status}", OBR))

    assert only(found, "ServiceRequest")["status"] == expected


def test_answers_asked_at_order_entry_support_the_order() -> None:
    found = mapped(*order("OML^O21", ORC, OBR, "OBX|1|CWE|1^Fasting?^L||Y^Yes^L||||||F"))
    (answer,) = [e for e in found.entries if e.resource["resourceType"] == "Observation"]

    assert only(found, "ServiceRequest")["supportingInfo"] == [{"reference": answer.full_url}]


def test_a_prescription_with_its_dosage() -> None:
    rxo = segment(
        "RXO", {1: "6809^Metformin^RXNORM", 2: "500", 4: "mg^^UCUM", 11: "60", 12: "{tbl}^^UCUM", 13: "3"}
    )
    found = mapped(
        *order(
            "OMP^O09",
            ORC,
            rxo,
            "RXR|PO^Oral^HL70162",
            segment("TQ1", {1: "1", 3: "BID", 7: "20260310080000+0100", 11: "take with food"}),
        )
    )
    request = only(found, "MedicationRequest")

    assert request["medicationCodeableConcept"]["coding"][0]["code"] == "6809"
    assert request["dosageInstruction"] == [
        {
            "text": "take with food",
            "timing": {
                "repeat": {
                    "boundsPeriod": {"start": "2026-03-10T08:00:00+01:00"},
                    "frequency": 2,
                    "period": Decimal(1),
                    "periodUnit": "d",
                },
                "code": {"coding": [{"system": V3 + "GTSAbbreviation", "code": "BID"}]},
            },
            "route": {
                "coding": [
                    {"system": V3 + "RouteOfAdministration", "code": "PO", "display": "Swallow, oral"},
                    {"system": V2 + "0162", "code": "PO", "display": "Oral"},
                ]
            },
            "doseAndRate": [{"type": ORDERED, "doseQuantity": UNIT | {"value": Decimal(500)}}],
        }
    ]
    assert request["dispenseRequest"]["numberOfRepeatsAllowed"] == 3


ORDERED: Json = {
    "coding": [
        {
            "system": "http://terminology.hl7.org/CodeSystem/dose-rate-type",
            "code": "ordered",
            "display": "Ordered",
        }
    ]
}
UNIT: Json = {"unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}


def test_an_encoded_order_is_based_on_the_one_that_was_placed() -> None:
    found = mapped(*order("RDE^O11", ORC, "RXO|1^Drug A^L", "RXE||2^Drug A 10 mg^L|1||{tbl}"))
    placed, encoded = [e for e in found.entries if e.resource["resourceType"] == "MedicationRequest"]

    assert [placed.resource["intent"], encoded.resource["intent"]] == ["original-order", "filler-order"]
    assert encoded.resource["basedOn"] == [{"reference": placed.full_url}]


def test_dispensed_and_administered_drugs() -> None:
    dispensed = mapped(*order("RDS^O13", ORC, "RXD|1|2^Drug^L|20260310|30|{tbl}|||||7001^Berger^Paul"))
    given = mapped(
        *order(
            "RAS^O17", ORC, "RXA|0|1|202603101000+0100|202603101005+0100|2^Drug^L|5|mL^^UCUM|||||||||||||CP"
        )
    )

    assert only(dispensed, "MedicationDispense")["quantity"] == {"value": Decimal(30), "unit": "{tbl}"}
    administration = only(given, "MedicationAdministration")
    assert administration["effectivePeriod"] == {
        "start": "2026-03-10T10:00:00+01:00",
        "end": "2026-03-10T10:05:00+01:00",
    }


def test_a_vaccination_with_what_is_observed_about_it() -> None:
    found = mapped(
        *order(
            "VXU^V04",
            "ORC|RE||V5^REG",
            "RXA|0|1|20260302||20^DTaP^CVX|0.5|mL^^UCUM||00^New^NIP001|7001^Berger^Paul|||||LOT9|20270101|PMC^Maker^MVX|||CP|A",
            "RXR|IM^Intramuscular^HL70162|LD^Left deltoid^HL70163",
            "OBX|1|CE|64994-7^Eligibility^LN|1|V01^Not eligible^HL70064||||||F",
            "OBX|2|NM|30973-2^Dose number^LN|1|2||||||F",
        )
    )
    vaccination = only(found, "Immunization")
    (entry,) = [e for e in found.entries if e.resource is vaccination]

    assert (vaccination["status"], vaccination["occurrenceDateTime"]) == ("completed", "2026-03-02")
    assert (vaccination["lotNumber"], vaccination["expirationDate"]) == ("LOT9", "2027-01-01")
    assert vaccination["primarySource"] is True
    assert vaccination["programEligibility"][0]["coding"][0]["code"] == "V01"
    assert vaccination["protocolApplied"] == [{"doseNumberPositiveInt": 2}]
    assert [one["partOf"] for one in resources(found, "Observation")] == [[{"reference": entry.full_url}]] * 2


@pytest.mark.parametrize(
    ("completion", "dose", "order_status"), [("CP", "completed", "completed"), ("RE", "not-done", "unknown")]
)
def test_the_order_behind_a_vaccination_is_one_of_its_own(
    completion: str, dose: str, order_status: str
) -> None:
    vaccine = segment("RXA", {3: "20260302", 5: "20^DTaP^CVX", 20: completion})
    found = mapped(*order("VXU^V04", "ORC|RE|P5^EHR|V5^REG", vaccine))

    vaccination, request = only(found, "Immunization"), only(found, "ServiceRequest")
    (entry,) = [e for e in found.entries if e.resource is request]
    (based_on,) = vaccination["extension"]

    assert (vaccination["status"], request["status"], request["intent"]) == (dose, order_status, "order")
    assert request["code"] == vaccination["vaccineCode"]
    assert [one["value"] for one in request["identifier"]] == ["P5", "V5"]
    assert based_on["valueReference"] == {"reference": entry.full_url}


def test_no_vaccine_administered_is_no_vaccination() -> None:
    found = mapped(
        *order(
            "VXU^V04",
            "ORC|RE||V6^REG",
            "RXA|0|1|20260302||998^No vaccine^CVX|999",
            "OBX|1|ST|1^Reason^L||x||||||F",
        )
    )

    assert (resources(found, "Immunization"), len(resources(found, "Observation"))) == ([], 1)


def test_supplies_and_diets() -> None:
    supplies = mapped(*order("ORM^O01", ORC, "RQD|1|77^Gauze^L|||10|box"))
    diet = mapped(*order("ORM^O01", ORC, "ODS|D||LS^Low salt^L|no soup"))

    assert only(supplies, "SupplyRequest")["quantity"] == {"value": Decimal(10), "unit": "box"}
    assert only(diet, "NutritionOrder")["oralDiet"]["instruction"] == "no soup"
