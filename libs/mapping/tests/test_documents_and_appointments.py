import base64

import pytest

from libs.mapping.tests.messages import MSH, PID, PV1, mapped, only, resources, segment


def message(kind: str, *segments: str) -> list[str]:
    return [MSH.format(kind=kind, control="D-1"), PID, PV1, *segments]


TXA = segment(
    "TXA",
    {
        1: "1",
        2: "DS^Discharge summary^HL70270",
        6: "20260310093000",
        9: "7001^Berger^Paul",
        12: "DOC9^NORTH",
        17: "AU",
        19: "AV",
    },
)


def test_a_document_with_its_text() -> None:
    found = mapped(
        *message("MDM^T02", TXA, "OBX|1|TX|1^Body^L||First||||||F", "OBX|2|TX|1^Body^L||Second||||||F")
    )
    document = only(found, "DocumentReference")

    assert (document["status"], document["docStatus"]) == ("current", "final")
    assert document["date"] == "2026-03-10T09:30:00+01:00"
    assert document["masterIdentifier"] == {
        "system": "urn:ehrconnect:default:authority:NORTH",
        "value": "DOC9",
    }
    (content,) = document["content"]
    assert content["attachment"]["contentType"] == "text/plain"
    assert base64.b64decode(content["attachment"]["data"]) == b"First\nSecond"
    assert resources(found, "Observation") == []


def test_an_addendum_and_a_cancellation() -> None:
    parent = TXA.replace("DOC9^NORTH", "DOC10^NORTH|DOC9^NORTH").replace("|||||AU", "||||AU")
    addendum = only(mapped(*message("MDM^T06", parent)), "DocumentReference")
    cancelled = only(mapped(*message("MDM^T11", TXA)), "DocumentReference")

    assert addendum["relatesTo"][0]["code"] == "appends"
    assert addendum["relatesTo"][0]["target"]["identifier"]["value"] == "DOC9"
    assert cancelled["status"] == "entered-in-error"


def test_content_above_the_limit_is_a_binary_of_its_own() -> None:
    data = base64.b64encode(b"%PDF" + b"0" * 1_000_000).decode()
    found = mapped(*message("MDM^T02", TXA, f"OBX|1|ED|1^Body^L||A^AP^^Base64^{data}||||||F"))
    (content,) = only(found, "DocumentReference")["content"]
    (binary,) = [e for e in found.entries if e.resource["resourceType"] == "Binary"]

    assert content["attachment"]["url"] == binary.full_url
    assert binary.resource["contentType"] == "application/pdf"
    assert "data" not in content["attachment"]


def test_a_document_with_what_is_known_of_its_edition() -> None:
    fields = {
        2: "DS",
        3: "AP",
        6: "20260310",
        8: "20260311093000+0100",
        9: "7001^Berger^Paul",
        12: "DOC9^NORTH",
        14: "P7^EHR",
        15: "F7^LAB",
        19: "UN",
        21: "Typing error",
        23: "8001^Novak^Ada",
    }
    found = mapped(
        *message(
            "MDM^T08",
            segment("TXA", fields),
            segment(
                "OBX",
                {1: "1", 2: "RP", 3: "1^Body^L", 5: "http://files/1", 11: "F", 14: "20260310093000+0100"},
            ),
            "NTE|1||Page two is missing",
        )
    )
    document, edited = only(found, "DocumentReference"), resources(found, "Provenance")[0]
    pointer, comment = (one["attachment"] for one in document["content"])

    assert document["extension"][0]["valueDate"] == "2026-03-10"
    assert document["_status"]["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] == "UN"
    assert document["docStatus"] == "final"
    assert [one["identifier"]["value"] for one in document["context"]["related"]] == ["P7", "F7"]
    assert pointer["creation"] == "2026-03-10T09:30:00+01:00"
    assert base64.b64decode(comment["data"]) == b"Page two is missing"
    assert edited["recorded"] == "2026-03-11T09:30:00+01:00"
    assert edited["reason"] == [{"text": "Typing error"}]
    assert [one["type"]["coding"][0]["code"] for one in edited["agent"]] == ["AUT", "IRCP"]


SCH = segment(
    "SCH",
    {
        1: "P1^EHR",
        2: "F1^SCHED",
        7: "FOLLOWUP^^HL70276",
        8: "NORMAL",
        9: "30",
        10: "min",
        11: "^^^20260401090000^20260401093000",
    },
)


@pytest.mark.parametrize(
    ("event", "status", "expected"),
    [
        ("S12", "", "booked"),
        ("S14", "", "booked"),
        ("S15", "", "cancelled"),
        ("S16", "", "cancelled"),
        ("S17", "", "entered-in-error"),
        ("S26", "", "noshow"),
        ("S12", "Cancelled", "cancelled"),
        ("S15", "Noshow", "noshow"),
    ],
)
def test_where_an_appointment_stands(event: str, status: str, expected: str) -> None:
    sch = SCH + "|" * 14 + status

    assert only(mapped(*message(f"SIU^{event}", sch)), "Appointment")["status"] == expected


def test_an_appointment_with_its_people_place_and_things() -> None:
    found = mapped(
        *message(
            "SIU^S12",
            SCH,
            "NTE|1||Bring the card",
            "AIS|1||73761001^Colonoscopy^SCT",
            "AIG|1||SCOPE1^Colonoscope^L",
            "AIL|1||W3^7",
            "AIP|1||7001^Berger^Paul",
        )
    )
    appointment = only(found, "Appointment")
    kinds = {e.full_url: e.resource["resourceType"] for e in found.entries}

    assert (appointment["start"], appointment["end"]) == (
        "2026-04-01T09:00:00+01:00",
        "2026-04-01T09:30:00+01:00",
    )
    assert appointment["minutesDuration"] == 30
    assert appointment["comment"] == "Bring the card"
    assert sorted(kinds[one["actor"]["reference"]] for one in appointment["participant"]) == [
        "Device",
        "Location",
        "Patient",
        "Practitioner",
    ]


def test_charges_problems_and_referrals() -> None:
    charge = only(
        mapped(
            *message(
                "DFT^P03",
                segment("FT1", {1: "1", 4: "20260310", 6: "CG", 7: "99213^Visit^C4", 10: "1", 11: "120&EUR"}),
            )
        ),
        "ChargeItem",
    )
    problem = only(
        mapped(*message("PPR^PC1", "PRB|AD|20260310|73211009^Diabetes^SCT|PB1^EHR|||20260101")), "Condition"
    )
    referral = only(
        mapped(*message("REF^I12", "RF1|A|R|MED||||||||REF1", "PRD|RT|Ito^Ken")), "ServiceRequest"
    )

    assert (charge["status"], charge["priceOverride"]["currency"]) == ("billable", "EUR")
    assert problem["category"][0]["coding"][0]["code"] == "problem-list-item"
    assert problem["clinicalStatus"]["coding"][0]["code"] == "active"
    assert (referral["status"], referral["priority"], len(referral["performer"])) == ("active", "routine", 1)


def test_people_of_a_master_file() -> None:
    found = mapped(
        MSH.format(kind="MFN^M02", control="M-1"),
        "MFI|PRA||UPD",
        "MFE|MAD|||7001",
        "STF|7001|88^^^NORTH|Berger^Paul^^^Dr||M|19700101|A",
        "PRA|7001||MD|||1122334455^NPI",
    )
    person = only(found, "Practitioner")

    assert person["active"] is True
    assert [one["value"] for one in person["identifier"]] == ["7001", "88", "1122334455"]
    assert person["identifier"][2]["system"] == "http://hl7.org/fhir/sid/us-npi"


@pytest.mark.parametrize(("event", "status"), [("S01", "proposed"), ("S04", "cancelled")])
def test_a_requested_appointment(event: str, status: str) -> None:
    arq = segment("ARQ", {1: "P1^EHR", 7: "CHECKUP", 9: "20", 10: "min", 11: "20260401^20260403"})
    appointment = only(mapped(*message(f"SRM^{event}", arq, "AIS|1||1^Visit^L")), "Appointment")

    assert appointment["status"] == status
    assert appointment["requestedPeriod"] == [{"start": "2026-04-01", "end": "2026-04-03"}]
    assert appointment["minutesDuration"] == 20


@pytest.mark.parametrize(("event", "status"), [("P01", "active"), ("P02", "inactive"), ("P06", "inactive")])
def test_the_account_that_a_billing_message_is_about(event: str, status: str) -> None:
    pid = segment("PID", {3: "1", 5: "Doe", 18: "ACC1^^^NORTH"})
    found = mapped(MSH.format(kind=f"BAR^{event}", control="B-1"), pid)

    assert only(found, "Account")["status"] == status
