"""RQD, RQ1, ODT, FT1, PRB, GOL, RF1 and SAC: rows that the guide leaves to whoever maps them."""

from decimal import Decimal
from typing import Any

from libs.mapping.tests.messages import MSH, PID, PV1, Json, mapped, only, segment

ORC = "ORC|NW|P7^EHR"


def message(kind: str, *segments: str) -> Any:
    return mapped(MSH.format(kind=kind, control="C-1"), PID, PV1, *segments)


def resolved(found: Any, reference: Json) -> Json:
    entry: Json = next(e.resource for e in found.entries if e.full_url == reference["reference"])
    return entry


def test_a_supply_with_its_vendor_its_maker_and_where_it_goes() -> None:
    rqd = segment("RQD", {1: "1", 3: "77^Gauze^L", 5: "10", 6: "box", 9: "W3^Ward three^L"})
    rq1 = segment("RQ1", {2: "MK^Maker^L", 3: "M-77", 4: "VN^Vendor^L", 5: "V-77", 7: "Y"})
    found = message("ORM^O01", ORC, rqd, rq1)
    supply = only(found, "SupplyRequest")

    assert resolved(found, supply["deliverTo"])["name"] == "Ward three"
    assert resolved(found, supply["supplier"][0])["name"] == "Vendor"
    assert [one["code"] for one in supply["itemCodeableConcept"]["coding"]] == ["77", "M-77", "V-77"]
    assert supply["parameter"][0]["valueCodeableConcept"]["coding"][0]["display"] == "Maker"
    assert supply["parameter"][1]["valueBoolean"] is True
    assert found.report.unused_segments == []


def test_a_tray_is_a_diet() -> None:
    tray = only(message("ORM^O01", ORC, "ODT|EARLY^Early tray^L||no soup"), "NutritionOrder")

    assert tray["oralDiet"]["type"][0]["coding"][0]["display"] == "Early tray"
    assert tray["oralDiet"]["instruction"] == "no soup"


def test_a_charge_with_who_ordered_it_where_and_by_what_leave() -> None:
    ft1 = segment(
        "FT1",
        {
            4: "20260310",
            6: "CG",
            7: "99^Visit^L",
            12: "12.50&EUR",
            16: "W3^7",
            20: "7002^Huber^Eva",
            21: "7001^Berger^Paul",
            25: "A1^Suture^C4",
            26: "LT^Left^L",
            29: "D1^Drug^NDC",
            38: "R-5",
            39: "AUTH-1",
            42: "RX-9",
            43: "3^tbl",
        },
    )
    found = message("DFT^P03", ft1)
    charge, drug = only(found, "ChargeItem"), only(found, "MedicationDispense")

    assert [one.get("function", {}).get("coding", [{}])[0].get("code") for one in charge["performer"]] == [
        None,
        "OP",
    ]
    assert charge["priceOverride"] == {"value": Decimal("12.50"), "currency": "EUR"}
    assert [one.get("type") for one in charge["supportingInformation"]] == [
        "ServiceRequest",
        "ClaimResponse",
        None,
    ]
    assert [one["code"] for one in only(found, "Procedure")["code"]["coding"]] == ["A1:LT", "A1"]
    assert (drug["identifier"][0]["value"], drug["quantity"]["unit"]) == ("RX-9", "tbl")


def test_the_severity_of_a_problem_is_not_its_sensitivity() -> None:
    prb = segment(
        "PRB", {1: "AD", 3: "J18^Pneumonia^I10", 4: "P-1^EHR", 25: "R^Restricted^L", 26: "SV^Severe^L"}
    )
    problem = only(message("PPR^PC1", prb), "Condition")

    assert problem["severity"]["coding"][0]["code"] == "SV"
    assert problem["meta"]["security"][0]["code"] == "R"


def test_a_goal_with_its_evaluation() -> None:
    gol = segment("GOL", {1: "AD", 3: "W^Walk^L", 6: "1", 16: "AC^Achieved^L", 17: "without help"})
    goal = only(message("PGL^PC6", gol), "Goal")

    assert goal["achievementStatus"]["coding"][0]["code"] == "AC"
    assert (goal["priority"], goal["note"]) == ({"text": "1"}, [{"text": "without help"}])


def test_a_referral_for_so_many_treatments_and_one_that_is_deleted() -> None:
    fields = {1: "A", 6: "R1^EHR", 15: "12^1"}
    asked = only(message("REF^I12", segment("RF1", fields)), "ServiceRequest")
    gone = only(message("REF^I13", segment("RF1", fields | {25: "D"})), "ServiceRequest")

    assert asked["quantityQuantity"]["value"] == Decimal(12)
    assert gone["status"] == "entered-in-error"


def test_each_container_is_of_the_specimen_that_it_stands_behind() -> None:
    found = message(
        "OUL^R24", "OBR|1|P1^EHR||A^A^L", "SPM|1|S1&L||BLD", "SAC|E1||C1", "SPM|2|S2&L||UR", "SAC|||C2"
    )
    specimens = [e.resource for e in found.entries if e.resource["resourceType"] == "Specimen"]

    assert [one["container"][0]["identifier"][0]["value"] for one in specimens] == ["C1", "C2"]
    assert [one["value"] for one in specimens[0]["identifier"]] == ["S1", "E1"]
