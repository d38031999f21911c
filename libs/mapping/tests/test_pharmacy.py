"""RXO, RXE, RXC, RXR, RXD, RXG, RXA: a drug that is ordered, handed out and given."""

from decimal import Decimal
from typing import Any

import pytest

from libs.mapping.tests.messages import MSH, PID, Json, mapped, only, resources, segment

ORC = "ORC|NW|P7^EHR|||||||20260310081000|||7001^Berger^Paul"
ML: Json = {"unit": "mL", "system": "http://unitsofmeasure.org", "code": "mL"}
FIVE_ML: Json = {"value": Decimal(5)} | ML
V2 = "http://terminology.hl7.org/CodeSystem/v2-"


def order(kind: str, *segments: str) -> Any:
    return mapped(MSH.format(kind=kind, control="P-1"), PID, *segments)


def resolved(found: Any, reference: Json) -> Json:
    entry: Json = next(e.resource for e in found.entries if e.full_url == reference["reference"])
    return entry


def test_a_prescription_says_what_its_order_says() -> None:
    orc = segment(
        "ORC", {1: "HD", 2: "P7^EHR", 4: "G1^EHR", 8: "P1^EHR", 16: "X^Shortage^L", 28: "R", 33: "A7^^^EHR"}
    )
    found = only(order("OMP^O09", orc, "RXO|1^Drug^L"), "MedicationRequest")

    assert found["status"] == "on-hold"
    assert [one["value"] for one in found["identifier"]] == ["P7", "A7"]
    assert found["groupIdentifier"]["value"] == "G1"
    assert found["basedOn"][0]["identifier"]["value"] == "P1"
    assert found["statusReason"]["coding"][0]["display"] == "Shortage"
    assert found["meta"]["security"][0]["code"] == "R"
    assert found["extension"][0]["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] == "HD"


def test_each_timing_is_a_dosage_of_its_own() -> None:
    rxo = segment("RXO", {1: "1^Drug^L", 7: "Dissolve^in water^L", 23: "4^mL&&UCUM"})
    found = only(
        order(
            "OMP^O09",
            ORC,
            rxo,
            "RXR|PO||||SLOW^slowly^L",
            segment("TQ1", {1: "1", 2: "2^mL&&UCUM", 3: "QAM", 9: "S"}),
            segment("TQ1", {1: "2", 2: "1^mL&&UCUM", 3: "QPM"}),
        ),
        "MedicationRequest",
    )
    morning, evening = found["dosageInstruction"]

    assert (morning["sequence"], evening["sequence"]) == (1, 2)
    assert [one["doseAndRate"][0]["doseQuantity"]["value"] for one in (morning, evening)] == [2, 1]
    assert morning["text"] == "in water; slowly"
    assert morning["maxDosePerPeriod"]["numerator"]["value"] == Decimal(4)
    assert found["priority"] == "stat"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({21: "125", 22: "mL^^UCUM"}, {"rateQuantity": {"value": Decimal(125)} | ML}),
        ({17: "H8", 21: "1000", 22: "mL^^UCUM"}, {"rateRatio": (1000, 8, "h")}),
        ({2: "5", 4: "mL^^UCUM", 17: "D"}, {"doseQuantity": FIVE_ML, "rateRatio": (5, 1, "d")}),
    ],
    ids=["an hour is not stated", "an amount in eight hours", "a dose a day"],
)  # fmt: skip
def test_how_fast_a_drug_is_given(fields: dict[int, str], expected: Json) -> None:
    request = only(order("OMP^O09", ORC, segment("RXO", {1: "1^Drug^L"} | fields)), "MedicationRequest")
    (dose,) = request["dosageInstruction"][0]["doseAndRate"]
    del dose["type"]
    if "rateRatio" in dose:
        ratio = dose["rateRatio"]
        of = ratio["denominator"]
        dose["rateRatio"] = (ratio["numerator"]["value"], of["value"], of["code"])

    assert dose == expected


def test_a_drug_of_known_form_strength_and_ingredients() -> None:
    rxe = segment("RXE", {2: "1^Drug^L", 6: "SOL^Solution^L", 25: "50", 26: "mg", 33: "5", 34: "mL"})
    active = segment("RXC", {1: "A", 2: "K^Potassium^L", 5: "2", 6: "g", 8: "1", 9: "L"})
    found = order("RDE^O11", ORC, rxe, "RXC|B|W^Water^L|1000|mL", active)
    drug = resolved(found, only(found, "MedicationRequest")["medicationReference"])
    amounts = [
        (one["strength"]["numerator"]["value"], one["strength"]["denominator"]["value"])
        for one in drug["ingredient"]
    ]

    assert drug["form"]["coding"][0]["display"] == "Solution"
    assert amounts == [(1000, 1), (2, 1), (50, 5)]


def test_the_pharmacy_that_dispenses_and_who_verified_it_there() -> None:
    rxe = segment(
        "RXE",
        {
            2: "1^Drug^L",
            11: "tbl",
            14: "8001^Novak^Ada",
            32: "20260301",
            39: "10",
            40: "PH1^Corner pharmacy^L",
            41: "Main street 1^^Graz",
            45: "^WPN^PH^^43^316^77",
        },
    )
    found = order("RDE^O11", "ORC|NW|P7^EHR", rxe)
    request = only(found, "MedicationRequest")
    pharmacy = resolved(found, request["dispenseRequest"]["performer"])
    verifier = resources(found, "Provenance")[0]["agent"][0]

    assert (pharmacy["name"], pharmacy["address"][0]["city"]) == ("Corner pharmacy", "Graz")
    assert pharmacy["telecom"][0]["value"] == "+43 316 77"
    assert request["dispenseRequest"]["initialFill"]["quantity"] == {"value": Decimal(10), "unit": "tbl"}
    assert request["authoredOn"] == "2026-03-01"
    assert verifier["type"]["coding"][0]["code"] == "verifier"


def test_a_dispense_with_its_batch_and_where_it_goes() -> None:
    rxd = segment(
        "RXD",
        {
            1: "1",
            2: "1^Drug^L",
            3: "20260310",
            4: "30",
            11: "G",
            12: "4^mL&&UCUM",
            18: "LOT9",
            19: "20270101",
            20: "MK^Maker^L",
            30: "PH2^Second pharmacy^L",
            31: "Side street 2^^Graz",
            33: "T^Trial^L",
            35: "TAG1^EHR",
        },
    )
    found = order("RDS^O13", ORC, rxd)
    dispense = only(found, "MedicationDispense")
    drug = resolved(found, dispense["medicationReference"])
    ordered = resources(found, "Provenance")[0]["agent"]

    assert drug["batch"] == {"lotNumber": "LOT9", "expirationDate": "2027-01-01"}
    assert resolved(found, drug["manufacturer"])["name"] == "Maker"
    assert resolved(found, dispense["destination"])["address"]["city"] == "Graz"
    assert dispense["substitution"]["wasSubstituted"] is True
    assert dispense["type"]["coding"][0]["display"] == "Trial"
    assert [one["value"] for one in dispense["identifier"]] == ["P7", "TAG1"]
    assert [one["type"]["coding"][0]["code"] for one in ordered] == ["author"]


def test_what_is_to_be_given() -> None:
    rxg = segment(
        "RXG", {1: "1", 4: "1^Drug^L", 5: "5", 6: "10", 7: "mL", 9: "N^Shake well^L", 10: "N", 11: "W3^7"}
    )
    found = order("RGV^O15", ORC, rxg)
    dispense = only(found, "MedicationDispense")
    dose = dispense["dosageInstruction"][0]["doseAndRate"][0]["doseRange"]

    assert (dispense["status"], dispense["quantity"]["value"]) == ("preparation", 5)
    assert (dose["low"]["value"], dose["high"]["value"]) == (5, 10)
    assert dispense["note"] == [{"text": "Shake well"}]
    assert dispense["substitution"]["wasSubstituted"] is False
    assert resolved(found, dispense["destination"])["name"] == "7"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({20: "CP"}, "completed"),
        ({20: "PA"}, "completed"),
        ({20: "RE"}, "not-done"),
        ({20: "NA"}, "not-done"),
        ({18: "00^Refused^NIP002"}, "not-done"),
        ({20: "CP", 21: "D"}, "entered-in-error"),
        ({20: "CP", 21: "U"}, "completed"),
        ({}, "completed"),
    ],
)
@pytest.mark.parametrize(
    ("kind", "resource"), [("RAS^O17", "MedicationAdministration"), ("VXU^V04", "Immunization")]
)
def test_what_became_of_an_administration(
    kind: str, resource: str, fields: dict[int, str], status: str
) -> None:
    rxa = segment("RXA", {1: "0", 2: "1", 3: "20260310", 5: "20^Drug^CVX", 6: "999"} | fields)

    assert only(order(kind, ORC, rxa), resource)["status"] == status


def test_an_administration_with_all_that_is_said_of_it() -> None:
    rxa = segment(
        "RXA",
        {
            1: "0",
            2: "1",
            3: "20260310",
            5: "1^Drug^L",
            6: "100",
            7: "mL^^UCUM",
            9: "N^Through the port^L",
            10: "7002^Huber^Eva",
            12: "H2",
            15: "LOT9",
            18: "R^Vomited^L",
            27: "W3^7",
            28: "Main street 1^^Graz",
        },
    )
    found = order("RAS^O17", segment("ORC", {1: "OK", 2: "P7^EHR", 12: "7001^Berger^Paul", 28: "R"}), rxa)
    given = only(found, "MedicationAdministration")
    ratio = given["dosage"]["rateRatio"]

    assert [one["function"]["coding"][0]["code"] for one in given["performer"]] == ["AP", "OP"]
    assert given["meta"]["security"][0]["code"] == "R"
    assert given["note"] == [{"text": "Through the port"}]
    assert given["statusReason"][0]["coding"][0]["display"] == "Vomited"
    assert (ratio["numerator"]["value"], ratio["denominator"]["value"]) == (100, 2)
    assert resolved(found, given["medicationReference"])["batch"]["lotNumber"] == "LOT9"
    event, place = given["extension"]
    assert event["extension"][0]["valueCodeableConcept"] == {
        "coding": [{"system": V2 + "0119", "code": "OK"}]
    }
    assert resolved(found, place["valueReference"])["address"]["city"] == "Graz"
