"""Which organization is which, and who a message is addressed to."""

from libs.mapping.tests.messages import ORU, Json, event, mapped, only, resources, segment

NORTH = "North Clinic^^77^^^CLINICS"
SOUTH = "South Clinic^^77^^^CLINICS"


def organizations(*names: str) -> list[Json]:
    pd1 = segment("PD1", {3: "~".join(names)})
    found = mapped(*event("A04", "PID|1||1^^^N^MR", pd1))
    known = [one for one in resources(found, "Organization") if one["name"] != "NORTH CLINIC"]
    return [one for one in known if one["name"] != "NORTH"]


def test_organizations_that_share_a_number_are_units_of_it_so_that_each_name_stays_what_it_is() -> None:
    north, south = organizations(NORTH, SOUTH)

    assert north["name"] == "North Clinic"
    assert north["identifier"][0]["value"] == "77"
    assert south["name"] == "South Clinic"
    assert "identifier" not in south
    assert south["partOf"]["reference"].startswith("urn:uuid:")


def test_one_number_in_other_letters_or_without_a_name_is_the_same_organization() -> None:
    (only_one,) = organizations("^^77^^^CLINICS", NORTH, "NORTH CLINIC^^77^^^CLINICS", "77^^77^^^CLINICS")

    assert only_one["name"] == "North Clinic"
    assert "alias" not in only_one


def test_a_name_takes_the_place_of_a_number_that_stood_for_it() -> None:
    obx = "OBX|1|NM|718-7^Hemoglobin^LN||13||||||||||{laboratory}"
    found = mapped(
        *ORU[:5],
        obx.format(laboratory="11D0^^CLIA"),
        obx.format(laboratory="11D0^Town Laboratory^CLIA").replace("718-7", "718-8"),
    )

    assert [one["name"] for one in resources(found, "Organization") if "11D0" in str(one)] == [
        "Town Laboratory"
    ]


def test_a_receiving_application_and_a_network_address_are_two_destinations() -> None:
    msh = "MSH|^~\\&|A|B|EHR^2.999.5^ISO|C|20260310083000+0100||ADT^A04|1|P|2.5.1" + "|" * 13
    both = only(mapped(msh + "HUB^2.999.6^ISO", "PID|1||1^^^N^MR"), "MessageHeader")["destination"]
    one = only(mapped(msh + "^2.999.6^ISO", "PID|1||1^^^N^MR"), "MessageHeader")["destination"]

    assert [(to["name"], to["endpoint"]) for to in both] == [
        ("HUB", "urn:oid:2.999.6"),
        ("EHR", "urn:oid:2.999.5"),
    ]
    assert [(to["name"], to["endpoint"]) for to in one] == [("EHR", "urn:oid:2.999.6")]
