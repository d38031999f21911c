"""A note is about what it follows; a restriction about whom it follows."""

import pytest

from libs.mapping.inbound.mapper import Mapped
from libs.mapping.tests.messages import MSH, PID, PV1, Json, event, mapped, only, resources

NOTE = "http://hl7.org/fhir/StructureDefinition/note"
ORC = "ORC|RE|P1^EHR|F1^LAB"
OBR = "OBR|1|P1^EHR|F1^LAB|58410-2^CBC^LN|||20260310084500||||||||||||||||||F"
OBX = "OBX|1|NM|718-7^Hemoglobin^LN||13|g/dL|||||F"
SPM = "SPM|1|S55&LAB||BLD^Blood^HL70487"


def oru(*segments: str) -> Mapped:
    return mapped(MSH.format(kind="ORU^R01^ORU_R01", control="N-1"), PID, *segments)


def texts(notes: list[Json]) -> list[str]:
    return [one["text"] for one in notes]


@pytest.mark.parametrize(
    ("segments", "kind"),
    [
        ([ORC, OBR, "NTE|1||here", OBX], "ServiceRequest"),
        ([ORC, OBR, OBX, "NTE|1||here"], "Observation"),
        ([ORC, OBR, OBX, "PRT|1|AD||PP|7001^Berger", "NTE|1||here"], "Observation"),
        ([ORC, OBR, OBX, SPM, "NTE|1||here"], "Specimen"),
        (
            [ORC, "OBX|1|ED|11502-2^Report^LN||^TEXT^^A^x||||||F", "TXA|1|DS", OBR, "NTE|1||here"],
            "ServiceRequest",
        ),
    ],
)
def test_a_note_is_about_the_segment_it_follows(segments: list[str], kind: str) -> None:
    found = oru(*segments)

    noted = {
        entry.resource["resourceType"]: texts(entry.resource["note"])
        for entry in found.entries
        if "note" in entry.resource
    }
    assert noted == {kind: ["here"]}


def test_notes_behind_the_pid_are_about_the_patient() -> None:
    patient = only(
        oru("PD1||F", "NTE|1||Speaks no German~asks for her son", "NTE|2||Hard of hearing", OBR), "Patient"
    )

    assert patient["extension"] == [
        {"url": NOTE, "valueAnnotation": {"text": "Speaks no German\nasks for her son"}},
        {"url": NOTE, "valueAnnotation": {"text": "Hard of hearing"}},
    ]


def test_notes_at_the_end_of_a_referral_are_about_it() -> None:
    header = MSH.format(kind="REF^I12^REF_I12", control="N-2")
    found = mapped(header, "RF1|P|R|Med||O|R-1", PID, PV1, "NTE|1||Please call first")

    assert texts(only(found, "ServiceRequest")["note"]) == ["Please call first"]


def test_restrictions_label_the_patient_and_the_visit_they_follow() -> None:
    found = mapped(*event("A08", PID, "ARV|1|A|DEM^Demographics^HL70717", PV1, "ARV|1|A|LOC", "ARV|2|D|ALL"))

    labels = {
        kind: [one["code"] for one in only(found, kind)["meta"]["security"]]
        for kind in ("Patient", "Encounter")
    }
    assert labels == {"Patient": ["DEM"], "Encounter": ["LOC"]}
    assert found.report.unused_segments == []


def test_a_restriction_that_is_lifted_takes_its_label_away() -> None:
    found = mapped(*event("A08", PID, "ARV|1|D|DEM", PV1))

    patient = next(one for one in found.entries if one.resource["resourceType"] == "Patient")
    assert "meta:security" in patient.remove
    assert "meta" not in patient.resource


def test_an_allergy_has_its_notes_its_reactions_and_those_who_reported_it() -> None:
    iam = "IAM|1|FA|P1^Peanut^L|||A|A-77^NORTH||||||20260301|Okafor^Emeka|SPO||C||||||9001^Smith^Adam"
    found = mapped(*event("A60", PID, PV1, iam, "NTE|1||Seen once", "IAR|R1^Rash^L|MI|AL|Cream"))

    allergy = only(found, "AllergyIntolerance")
    assert texts(allergy["note"]) == ["Seen once"]
    assert allergy["reaction"] == [
        {
            "manifestation": [{"coding": [allergy["reaction"][0]["manifestation"][0]["coding"][0]]}],
            "severity": "mild",
            "note": [{"text": "Cream"}],
        }
    ]
    urls = {entry.full_url: entry.resource for entry in found.entries}
    recorder, reporter = (urls[allergy[who]["reference"]] for who in ("recorder", "asserter"))
    assert (recorder["resourceType"], recorder["name"][0]["family"]) == ("Practitioner", "Smith")
    assert (reporter["resourceType"], reporter["name"][0]["family"]) == ("RelatedPerson", "Okafor")


def test_an_allergy_that_the_patient_reported() -> None:
    found = mapped(*event("A60", PID, "IAM|1|FA|P1^Peanut^L|||||||||||Okafor^Amara|SEL"))

    patient = next(entry for entry in found.entries if entry.resource["resourceType"] == "Patient")
    assert only(found, "AllergyIntolerance")["recorder"] == {"reference": patient.full_url}
    assert resources(found, "RelatedPerson") == []
