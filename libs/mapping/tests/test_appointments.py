"""SCH, AIS, AIG, AIL, AIP, NTE and ARQ: row by row of HL7's guide."""

from typing import Any

import pytest

from libs.mapping.tests.messages import MSH, PID, Json, mapped, only, resources, segment

SCH = {1: "A1^EHR", 2: "F1^EHR", 11: "^^^20260401090000+0100^20260401093000+0100"}
AIS = "AIS|1||73761001^Colonoscopy^SCT"


def siu(sch: dict[int, str], *segments: str, event: str = "S12") -> Any:
    head = [MSH.format(kind=f"SIU^{event}", control="S-1"), segment("SCH", SCH | sch)]
    return mapped(*head, PID, *segments)


def appointment(sch: dict[int, str], *segments: str, event: str = "S12") -> Json:
    return only(siu(sch, *segments, event=event), "Appointment")


@pytest.mark.parametrize("event", [f"S{number}" for number in range(12, 27)])
def test_every_event_of_an_appointment_is_mapped(event: str) -> None:
    expected = {
        "S15": "cancelled",
        "S16": "cancelled",
        "S17": "entered-in-error",
        "S24": "cancelled",
        "S26": "noshow",
    }

    assert appointment({}, AIS, event=event)["status"] == expected.get(event, "booked")
    assert appointment({25: "Started"}, AIS, event=event)["status"] == "checked-in"


def test_the_status_of_the_service_counts_where_nothing_else_tells() -> None:
    waiting = segment("AIS", {1: "1", 3: "1^Visit^L", 10: "WAITLIST"})

    assert appointment({}, waiting)["status"] == "waitlist"
    assert appointment({25: "BOOKED"}, waiting)["status"] == "booked"
    assert appointment({}, waiting, event="S15")["status"] == "cancelled"


def test_a_code_of_appointment_types_is_a_type_wherever_it_stands() -> None:
    found = appointment({6: "R^Recall^L", 7: "Normal^Routine^HL70277"}, AIS)

    assert found["appointmentType"]["coding"][0]["code"] == "Normal"
    assert [one["coding"][0]["code"] for one in found["reasonCode"]] == ["R"]


@pytest.mark.parametrize(("name", "first"), [("AIG", 8), ("AIL", 6), ("AIP", 6)])
def test_a_resource_is_taken_at_a_time_after_the_start(name: str, first: int) -> None:
    what = {"AIG": "SCOPE1^Scope^L", "AIL": "W3^7", "AIP": "7001^Berger^Paul"}[name]
    fields = {1: "1", 2: "A", 3: what, first + 1: "10", first + 2: "min", first + 3: "15", first + 4: "min"}
    _, taken = appointment({}, AIS, segment(name, fields))["participant"]

    assert taken["period"] == {"start": "2026-04-01T09:10:00+01:00", "end": "2026-04-01T09:25:00+01:00"}


def test_a_resource_that_is_deleted_takes_no_part() -> None:
    found = appointment({}, AIS, "AIP|1|D|7001^Berger^Paul", "AIP|2|A|7002^Huber^Eva")

    assert len(found["participant"]) == 2


def test_a_general_resource_can_be_a_place() -> None:
    place = only(siu({}, AIS, "AIG|1|A|R7^Room seven^L|ROOM^Room^L"), "Location")

    assert (place["name"], place["identifier"][0]["value"]) == ("Room seven", "R7")


def test_the_people_to_talk_to_and_who_entered_it() -> None:
    found = siu(
        {
            12: "7001^Berger^Paul",
            13: "^PRN^PH^^43^316^5550142",
            14: "Main street 1^^Graz",
            16: "7002^Huber^Eva",
            20: "7003^Maier^Uwe",
        },
        AIS,
    )
    roles = [one["type"][0] for one in only(found, "Appointment")["participant"] if "type" in one]
    entered = resources(found, "Provenance")[0]

    assert [one.get("text") or one["coding"][0]["code"] for one in roles] == [
        "placer contact",
        "filler contact",
        "enterer",
    ]
    assert resources(found, "Practitioner")[0]["address"][0]["city"] == "Graz"
    assert entered["agent"][0]["type"]["coding"][0]["code"] == "enterer"


def test_a_comment_that_says_who_and_when_is_a_note_too() -> None:
    plain = appointment({}, "NTE|1||Bring the card", AIS)
    signed = appointment(
        {}, segment("NTE", {1: "1", 3: "Bring the card", 4: "RE", 5: "7001^Berger", 6: "20260301"}), AIS
    )
    (note,) = [one["valueAnnotation"] for one in signed["extension"] if "valueAnnotation" in one]

    assert plain["comment"] == signed["comment"] == note["text"] == "Bring the card"
    assert [one for one in plain["extension"] if "valueAnnotation" in one] == []
    assert note["time"] == "2026-03-01"
    assert note["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] == "RE"


def test_an_appointment_is_of_its_patient() -> None:
    found = siu({}, AIS)
    patient = next(e.full_url for e in found.entries if e.resource["resourceType"] == "Patient")

    assert only(found, "Appointment")["extension"][0]["valueReference"] == {"reference": patient}


def test_a_service_that_is_scheduled_is_the_order_that_its_number_names() -> None:
    ais = segment("AIS", {1: "1", 3: "1^X^L", 7: "20", 8: "min", 11: "D1^Left^L"})
    found = siu({26: "P7^EHR", 27: "F7^LAB"}, ais)
    entry = next(e for e in found.entries if e.resource["resourceType"] == "ServiceRequest")

    assert entry.url == "ServiceRequest?identifier=urn:ehrconnect:default:authority:EHR|P7"
    assert entry.keep == ("status", "intent", "code", "orderDetail")
    assert [one["value"] for one in entry.resource["identifier"]] == ["P7", "F7"]
    assert only(found, "Appointment")["basedOn"] == [{"reference": entry.full_url}]
    assert entry.resource["orderDetail"][0]["coding"][0]["code"] == "D1"


def test_a_number_without_an_authority_only_refers_to_an_order() -> None:
    found = siu({26: "P7"}, AIS)
    by_number, scheduled = only(found, "Appointment")["basedOn"]

    assert by_number["identifier"]["value"] == "P7"
    assert "identifier" not in only(found, "ServiceRequest")
    assert scheduled["reference"].startswith("urn:uuid:")


def test_who_asks_for_an_appointment() -> None:
    arq = segment("ARQ", {1: "P1^EHR", 15: "7001^Berger^Paul", 19: "7003^Maier^Uwe", 24: "P7^EHR"})
    found = mapped(MSH.format(kind="SRM^S01", control="S-2"), arq, PID, AIS)
    wanted = only(found, "Appointment")

    assert [one["type"][0].get("text") for one in wanted["participant"] if "type" in one] == [
        "placer contact",
        None,
    ]
    assert wanted["basedOn"][0]["identifier"]["value"] == "P7"
