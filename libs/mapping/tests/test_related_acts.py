"""What a procedure, a diagnosis or an order is part of, and who else had a part in it."""

from libs.mapping.inbound.mapper import Mapped
from libs.mapping.tests.messages import MSH, PID, PV1, Json, event, mapped, only, resources, segment


def urls(found: Mapped) -> dict[str, Json]:
    return {entry.full_url: entry.resource for entry in found.entries}


def pr1(number: str, code: str, parent: str = "") -> str:
    return segment("PR1", {1: "1", 3: code, 5: "20260310", 19: number, 25: parent})


def test_a_parent_procedure_of_which_only_the_number_is_known_is_found_by_it() -> None:
    found = mapped(*event("A04", PID, PV1, pr1("2", "B^Biopsy^L", parent="1")))

    child, parent = sorted(resources(found, "Procedure"), key=lambda one: "code" not in one)
    assert urls(found)[child["partOf"][0]["reference"]] is parent
    (stub,) = [one for one in found.entries if one.resource is parent]
    assert (stub.method, parent["status"], parent["identifier"][0]["value"]) == ("POST", "unknown", "1")
    assert stub.if_none_exist is not None


def test_a_parent_procedure_that_is_stated_later_is_one_and_the_same() -> None:
    found = mapped(*event("A04", PID, PV1, pr1("2", "B^Biopsy^L", parent="1"), pr1("1", "C^Colonoscopy^L")))

    parent = next(
        one for one in found.entries if one.resource.get("code", {}).get("coding", [{}])[0].get("code") == "C"
    )
    assert (len(resources(found, "Procedure")), parent.method, parent.resource["status"]) == (
        2,
        "PUT",
        "completed",
    )


def test_a_diagnosis_is_due_to_another() -> None:
    dg1 = segment("DG1", {1: "1", 3: "K25^Ulcer^I10", 20: "D2", 22: "D1"})
    found = mapped(*event("A04", PID, PV1, dg1))

    ulcer, cause = sorted(resources(found, "Condition"), key=lambda one: "code" not in one)
    assert ulcer["extension"][-1]["url"] == "http://hl7.org/fhir/StructureDefinition/condition-dueTo"
    assert urls(found)[ulcer["extension"][-1]["valueReference"]["reference"]] is cause
    assert cause["identifier"][0]["value"] == "D1"


def test_nothing_is_part_of_itself() -> None:
    found = mapped(*event("A04", PID, PV1, pr1("1", "B^Biopsy^L", parent="1")))

    assert "partOf" not in only(found, "Procedure")


def oml(*segments: str) -> Mapped:
    return mapped(MSH.format(kind="OML^O21^OML_O21", control="O-1"), PID, *segments)


def test_an_order_keeps_the_numbers_that_its_obr_states_otherwise() -> None:
    found = oml("ORC|NW|P1^EHR|F1^LAB||||||20260310|||7^Berger", "OBR|1|P9^EHR|F1^LAB|58410-2^CBC^LN")

    (entry,) = [one for one in found.entries if one.resource["resourceType"] == "ServiceRequest"]
    assert [one["value"] for one in entry.resource["identifier"]] == ["P1", "F1", "P9"]
    assert entry.url.endswith("|P1")


def test_the_parent_of_an_order() -> None:
    request = only(oml("ORC|NW|P1^EHR||||||P0&EHR^F0&LAB", "OBR|1|||58410-2^CBC^LN"), "ServiceRequest")

    assert [one["identifier"]["value"] for one in request["basedOn"]] == ["P0", "F0"]


def test_everybody_who_ordered_is_named() -> None:
    orc = segment("ORC", {1: "NW", 2: "P1^EHR", 12: "7^Berger", 21: "Ward~Clinic"})
    obr = segment("OBR", {1: "1", 4: "58410-2^CBC^LN", 16: "7^Berger~8^Wolf", 28: "9^Adler"})
    found = oml(orc, obr)

    request = only(found, "ServiceRequest")
    event_of = next(
        one for one in resources(found, "Provenance") if "activity" in one and len(one["target"]) == 1
    )
    names = [urls(found)[one["who"]["reference"]]["name"] for one in event_of["agent"]]
    assert [one if isinstance(one, str) else one[0]["family"] for one in names] == [
        "Berger",
        "Clinic",
        "Wolf",
    ]
    copies = [one for one in request["extension"] if one["url"] == "urn:ehrconnect:fhir:result-copies-to"]
    assert [urls(found)[one["valueReference"]["reference"]]["name"][0]["family"] for one in copies] == [
        "Adler"
    ]


def test_a_prescription_has_the_facility_and_the_people_of_its_orc() -> None:
    orc = segment("ORC", {1: "NW", 2: "P1^EHR", 12: "7^Berger", 19: "8^Wolf", 21: "Lake Hospital"})
    found = mapped(
        MSH.format(kind="RDE^O25", control="O-2"), PID, orc, "RXE|1^^^20260310|D^Doxycycline^L|1||TAB"
    )

    requester = urls(found)[only(found, "MedicationRequest")["requester"]["reference"]]
    assert urls(found)[requester["organization"]["reference"]]["name"] == "Lake Hospital"
    assert {one["name"][0]["family"] for one in resources(found, "Practitioner")} == {"Berger", "Wolf"}


def test_the_software_that_wrote_a_message_is_a_device_of_its_vendor() -> None:
    found = mapped(*event("A04", "SFT|Acme|2.4|Scribe|77||20250101", PID))

    device = only(found, "Device")
    assert urls(found)[device["owner"]["reference"]]["name"] == device["manufacturer"] == "Acme"
    assert device["deviceName"] == [{"name": "Scribe", "type": "manufacturer-name"}]
    assert device["version"][0]["value"] == "2.4"


def test_an_attachment_outside_a_report_is_a_report_of_its_own() -> None:
    obx = "OBX|1|ED|11502-2^Report^LN||^TEXT^^A^all well||||||F|||20260310"
    found = mapped(*event("A08", PID, PV1, obx))

    report, observation = only(found, "DiagnosticReport"), only(found, "Observation")
    assert (report["code"], report["status"]) == (observation["code"], "final")
    assert urls(found)[report["result"][0]["reference"]] is observation
    assert [one["contentType"] for one in report["presentedForm"]] == ["text/plain"]


def test_an_attachment_with_an_order_supports_it_as_a_report() -> None:
    obx = "OBX|1|ED|11502-2^Report^LN||^TEXT^^A^all well||||||F"
    found = oml("ORC|NW|P1^EHR", "OBR|1|P1^EHR||58410-2^CBC^LN", obx)

    supporting = [urls(found)[one["reference"]] for one in only(found, "ServiceRequest")["supportingInfo"]]
    assert [one["resourceType"] for one in supporting] == ["Observation", "DiagnosticReport"]


def test_what_an_spm_does_not_say_of_its_specimen_its_obr_does() -> None:
    obr = segment("OBR", {1: "1", 2: "P1^EHR", 4: "58410-2^CBC^LN", 14: "20260310", 15: "BLD"})
    told, silent = (only(oml("ORC|NW|P1^EHR", obr, spm), "Specimen") for spm in ("SPM|1|S1||UR", "SPM|1|S1"))

    assert [one["type"]["coding"][0]["code"] for one in (told, silent)] == ["UR", "BLD"]
    assert told["receivedTime"] == silent["receivedTime"] == "2026-03-10"
