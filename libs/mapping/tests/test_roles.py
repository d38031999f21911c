"""Who and what takes part (ROL, PRT), and in what."""

from libs.mapping.inbound.mapper import Mapped
from libs.mapping.tests.messages import MSH, ORU, PID, PV1, Json, event, mapped, only, resources, segment

GP = segment("ROL", {1: "R-1^NORTH", 3: "PP^Primary Care^HL70443", 4: "77^Berger^Paul", 5: "20260101"})
CONSULTANT = segment(
    "PRT",
    {
        1: "1",
        2: "AD",
        4: "CP^Consultant^HL70912",
        5: "78^Huber^Eva",
        6: "408443003^General practice^SCT",
        7: "1^Hospital^HL70406",
        8: "North Clinic",
        9: "W3^312",
        10: "PUMP-1^NORTH",
        14: "Ring 1^^Graz^^^^B",
        15: "^PRN^PH^^^316^5550142~^NET^Internet^eva@example.org",
        16: "00643169001763^^2.51.1.1^ISO",
        17: "20140401",
        18: "20300712",
        19: "LOT",
        20: "SERIAL",
        21: "DONATION",
        22: "P^Pump^L",
        23: "E",
        24: "1122334455^NPI",
    },
)
MOTHER = segment("PRT", {2: "AD", 4: "MTH^Mother^HL70063", 5: "K-9^Okafor^Ngozi", 14: "Ring 2^^Graz"})


def referred(found: Mapped, reference: Json) -> Json:
    return next(one.resource for one in found.entries if one.full_url == reference["reference"])


def test_a_general_practitioner_is_the_patients_and_others_are_a_team() -> None:
    found = mapped(*event("A08", PID, GP, CONSULTANT, PV1))

    patient, team = only(found, "Patient"), only(found, "CareTeam")
    (own,) = patient["generalPractitioner"]
    assert referred(found, own)["identifier"][0]["value"] == "R-1"
    (member,) = team["participant"]
    assert [kind["coding"][0]["code"] for kind in member["role"]] == ["CP", "408443003"]
    role = referred(found, member["member"])
    assert [one["value"] for one in role["identifier"]] == ["1122334455"]
    assert referred(found, role["practitioner"])["name"][0]["family"] == "Huber"
    clinic = referred(found, role["organization"])
    assert clinic["type"][0]["coding"][0]["code"] == "1"
    assert clinic["address"][0]["line"] == ["Ring 1"]
    preferred = [
        one["system"]
        for one in role["telecom"]
        if any("preferred" in e["url"] for e in one.get("extension", []))
    ]
    assert preferred == ["email"]


def test_a_device_is_all_that_is_said_of_it() -> None:
    device = only(mapped(*event("A08", PID, CONSULTANT)), "Device")

    assert device["identifier"][0]["value"] == "PUMP-1"
    assert device["udiCarrier"] == [{"deviceIdentifier": "00643169001763", "issuer": "urn:oid:2.51.1.1"}]
    assert (device["manufactureDate"], device["expirationDate"]) == ("2014-04-01", "2030-07-12")
    assert (device["lotNumber"], device["serialNumber"]) == ("LOT", "SERIAL")
    assert device["distinctIdentifier"] == "DONATION"
    assert device["type"]["coding"][0]["display"] == "Pump"
    assert "patient" in device


def test_a_relationship_makes_a_relative_and_no_provider() -> None:
    found = mapped(*event("A08", PID, MOTHER))

    relative = only(found, "RelatedPerson")
    assert relative["relationship"][0]["coding"][0]["code"] == "MTH"
    assert relative["name"] == [{"family": "Okafor", "given": ["Ngozi"]}]
    assert relative["address"][0]["city"] == "Graz"
    assert resources(found, "CareTeam") == []


def test_a_result_has_where_and_with_what_it_was_made() -> None:
    message = [one for one in ORU if not one.startswith(("NTE", "SPM"))]
    place = segment("PRT", {2: "AD", 4: "OS", 9: "LAB^2", 14: "Ring 3^^Graz"})
    found = mapped(*message, place, segment("PRT", {2: "AD", 4: "EQUIP", 10: "ANALYZER-1"}))

    observation = resources(found, "Observation")[-1]
    places = [
        referred(found, one["valueReference"])
        for one in observation["extension"]
        if one["url"].endswith("event-location")
    ]
    assert [one.get("name") or one["address"]["line"] for one in places] == ["2", ["Ring 3"]]
    assert referred(found, observation["device"])["identifier"][0]["value"] == "ANALYZER-1"


def test_nobody_is_named_twice_for_the_same() -> None:
    pr1 = segment("PR1", {1: "1", 3: "B^Biopsy^L", 12: "78^Huber^Eva~78^Huber^Eva"})
    obx = "OBX|1|NM|8302-2^Height^LN||1.70|m|||||F|||||78^Huber^Eva~78^Huber^Eva"
    procedure = only(mapped(*event("A08", PID, pr1)), "Procedure")
    observation = only(
        mapped(MSH.format(kind="ORU^R01", control="1"), PID, "OBR|1||F1|A^B^L", obx), "Observation"
    )

    assert len(procedure["performer"]) == 1
    assert len(observation["performer"]) == 1


def test_a_part_in_an_insurance_stands_in_the_report() -> None:
    found = mapped(*event("A08", PID, PV1, segment("IN1", {2: "GOLD", 4: "Alpine"}), GP))

    assert [str(one) for one in found.report.unused_segments] == ["ROL[5]"]
