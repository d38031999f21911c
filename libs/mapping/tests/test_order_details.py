"""ORC, TQ, TQ1 and PRT of an order: row by row of HL7's guide."""

from decimal import Decimal
from typing import Any

import pytest

from libs.mapping.tests.messages import MSH, PID, Json, mapped, only, resources, segment

LOCAL = "urn:ehrconnect:default:"
OBR = "OBR|1|||24356-8^Urinalysis^LN"


def order(*segments: str, kind: str = "OML^O21") -> Any:
    return mapped(MSH.format(kind=kind, control="O-1"), PID, *segments)


def request(*segments: str) -> Json:
    return only(order(*segments), "ServiceRequest")


START, END = "2026-03-10T08:00:00+01:00", "2026-03-13T08:00:00+01:00"
WORKDAYS = ["mon", "tue", "wed", "thu", "fri"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({7: "20260310080000+0100", 6: "3^d"}, {"boundsPeriod": {"start": START, "end": END}}),
        ({8: "20260313080000+0100", 6: "72^h"}, {"boundsPeriod": {"start": START, "end": END}}),
        (
            {3: "^DW^1^5^8^H"},
            {"frequency": 1, "period": Decimal(8), "periodUnit": "h", "dayOfWeek": WORKDAYS},
        ),
        ({3: "^^^^^^^AC", 5: "1^h"}, {"when": ["AC"], "offset": 60}),
        (
            {4: "0800~2000", 13: "30^min", 14: "6"},
            {
                "count": 6,
                "duration": Decimal(30),
                "durationUnit": "min",
                "timeOfDay": ["08:00:00", "20:00:00"],
            },
        ),
    ],
    ids=["start and duration", "end and duration", "days of the week", "before meals", "times of day"],
)
def test_when_a_service_is_to_happen(fields: dict[int, str], expected: Json) -> None:
    found = request("ORC|NW|P7^EHR", segment("TQ1", {1: "1"} | fields), OBR)

    assert found["occurrenceTiming"] == {"repeat": expected}


@pytest.mark.parametrize("place", ["ORC", "OBR"])
def test_the_timing_of_older_messages(place: str) -> None:
    quantity_timing = "2&mL^QOD&0800,1200^D5^20260310080000+0100^^A^^fasting^^^^3"
    orc = segment("ORC", {1: "NW", 2: "P7^EHR"} | ({7: quantity_timing} if place == "ORC" else {}))
    obr = segment("OBR", {1: "1", 4: "A^B^L"} | ({27: quantity_timing} if place == "OBR" else {}))

    found = request(orc, obr)

    assert found["priority"] == "asap"
    assert found["quantityQuantity"] == {"value": Decimal(2), "unit": "mL"}
    assert found["note"] == [{"text": "fasting"}]
    repeat = found["occurrenceTiming"]["repeat"]
    assert repeat["timeOfDay"] == ["08:00:00", "12:00:00"]
    assert repeat["boundsPeriod"] == {
        "start": "2026-03-10T08:00:00+01:00",
        "end": "2026-03-15T08:00:00+01:00",
    }
    assert (repeat["count"], repeat["period"], repeat["periodUnit"]) == (3, Decimal(2), "d")


def test_what_is_no_time_of_the_fhir_kind_is_a_warning() -> None:
    found = order("ORC|NW|P7^EHR", segment("TQ1", {1: "1", 5: "1^h", 13: "3^X"}), OBR)

    assert [str(one.position) for one in found.report.warnings if one.position.segment == "TQ1"] == [
        "TQ1[3]-13",
        "TQ1[3]-5",
    ]


def test_the_number_of_a_group_of_orders_is_of_one_side_or_of_both() -> None:
    alone = request("ORC|NW|P7^EHR||G1^EHR", OBR)
    both = request("ORC|NW|P7^EHR||G1&EHR^H1&LAB", OBR)

    assert alone["requisition"]["system"] == both["requisition"]["system"] == LOCAL + "authority:EHR"
    assert alone["requisition"]["value"] == both["requisition"]["value"] == "G1"
    assert [one["value"] for one in both["identifier"]] == ["P7", "H1"]


def test_who_did_what_with_an_order_and_where() -> None:
    orc = segment(
        "ORC",
        {
            1: "NW",
            2: "P7^EHR",
            9: "20260310081000",
            10: "9001^Smith^Adam",
            12: "7001^Berger^Paul",
            17: "W1^Ward one^L",
            18: "T5^Terminal five^L",
            21: "North Clinic",
            22: "Main street 1^^Graz",
            28: "V",
        },
    )
    found = order(orc, OBR)
    provenance = resources(found, "Provenance")[0]
    by_url = {entry.full_url: entry.resource for entry in found.entries}
    agents = {
        by_url[one["who"]["reference"]]["resourceType"]: one["type"]["coding"][0]["code"]
        for one in provenance["agent"]
    }

    assert agents == {"Practitioner": "author", "Device": "enterer"}
    entered_for = provenance["agent"][0]["onBehalfOf"]["reference"]
    assert by_url[entered_for]["name"] == "Ward one"
    assert by_url[provenance["location"]["reference"]]["address"]["city"] == "Graz"
    assert [one["code"] for one in provenance["meta"]["security"]] == ["V"]
    assert [one["code"] for one in only(found, "ServiceRequest")["meta"]["security"]] == ["V"]


def test_the_confidentiality_and_the_reason_of_an_order_are_of_its_report() -> None:
    orc = segment("ORC", {1: "OC", 2: "P7^EHR", 16: "X1^Sample lost^L", 28: "99^Own rule^L"})
    report = only(
        order(orc, OBR + "||||||||||||||||||||||X", "OBX|1|NM|1^A^L||1||||||X", kind="ORU^R01"),
        "DiagnosticReport",
    )

    assert report["meta"]["security"][0]["display"] == "Own rule"
    assert report["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] == "X1"


@pytest.mark.parametrize(
    ("role", "kind", "element"),
    [
        ("OP", "ServiceRequest", "requester"),
        ("SC", "Specimen", "collection"),
        ("TN", "DiagnosticReport", "performer"),
        ("PRI", "DiagnosticReport", "resultsInterpreter"),
    ],
)
def test_a_part_taken_in_an_order_has_its_place(role: str, kind: str, element: str) -> None:
    part = segment("PRT", {2: "UC", 4: f"{role}^^HL70443", 5: "8001^Novak^Ada"})
    found = order("ORC|RE|P7^EHR", OBR, part, "OBX|1|NM|1^A^L||1||||||F", kind="ORU^R01")
    who = next(e.full_url for e in found.entries if e.resource["resourceType"] == "Practitioner")

    assert who in str(only(found, kind)[element])


@pytest.mark.parametrize("specimen", [[], ["SPM|1|S1&L||BLD|||||||||||||20260310"]], ids=["OBR", "SPM"])
def test_that_somebody_fasted_is_of_the_specimen(specimen: list[str]) -> None:
    obr = segment("OBR", {1: "1", 4: "A^B^L", 7: "20260310", 13: "F^Fasting^HL70916", 15: "BLD"})
    found = order("ORC|RE|P7^EHR", obr, "OBX|1|NM|1^A^L||1||||||F", *specimen, kind="ORU^R01")

    fasting = only(found, "Specimen")["collection"]["fastingStatusCodeableConcept"]
    assert fasting["coding"][0]["code"] == "F"
    urls = [one["url"] for one in only(found, "ServiceRequest").get("extension", [])]
    assert not any("supportingInfo" in url for url in urls)


@pytest.mark.parametrize(
    ("orc", "kept"), [("ORC|XX|P7^EHR", ("status",)), ("ORC|NW|P7^EHR", ()), ("ORC|XX|P7^EHR|||A", ())]
)
def test_what_does_not_say_where_an_order_stands_leaves_it_there(orc: str, kept: tuple[str, ...]) -> None:
    found = order(orc, OBR, kind="ORM^O01")

    assert next(e.keep for e in found.entries if e.resource["resourceType"] == "ServiceRequest") == kept
