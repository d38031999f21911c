"""What the layer for US Core makes of messages, beyond HL7's guide."""

import pytest

from libs.fhir.validate import validate
from libs.mapping.inbound.config import MappingConfig
from libs.mapping.inbound.layers import configure, read_layer, shipped_profile
from libs.mapping.inbound.mapper import Mapped
from libs.mapping.tests.messages import A01, MSH, ORU, PID, PV1, Json, mapped, only, resources, segment

US = configure(MappingConfig(), [read_layer("profile", shipped_profile("us-core"))])
US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
ABSENT = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
UNKNOWN = {
    "coding": [
        {
            "system": "http://terminology.hl7.org/CodeSystem/data-absent-reason",
            "code": "unknown",
            "display": "Unknown",
        }
    ]
}


def us(*segments: str) -> Mapped:
    found = mapped(*segments, config=US)
    for entry in found.entries:
        assert validate(entry.resource) == []
    return found


def claimed(resource: Json) -> list[str]:
    return [one.removeprefix(US_CORE) for one in resource.get("meta", {}).get("profile", [])]


def categories(resource: Json) -> list[str]:
    return [one["code"] for concept in resource.get("category", []) for one in concept["coding"]]


def kept(found: Mapped, kind: str) -> set[str]:
    return {name for e in found.entries if e.resource["resourceType"] == kind for name in e.keep}


def test_a_section_of_the_laboratory_makes_laboratory_reports_and_results() -> None:
    found = us(*ORU)

    report = only(found, "DiagnosticReport")
    assert (categories(report), claimed(report)) == (["HM", "LAB"], ["diagnosticreport-lab"])
    for observation in resources(found, "Observation"):
        assert categories(observation) == ["laboratory"]
        assert claimed(observation) == ["observation-clinical-result", "observation-lab"]


def results(*obx: str, section: str = "", specimen: str = "") -> Mapped:
    obr = {
        1: "1",
        3: "F1^LAB",
        4: "1^Panel^L",
        7: "20260310",
        15: specimen,
        22: "20260310",
        24: section,
        25: "F",
    }
    return us(MSH.format(kind="ORU^R01", control="1"), PID, segment("OBR", obr), *obx)


POTASSIUM = "OBX|1|NM|2823-3^Potassium^LN||4.1|mmol/L^^UCUM||||F"
PULSE = "OBX|1|NM|8867-4^Heart rate^LN||61|/min^^UCUM||||F"


@pytest.mark.parametrize(
    ("section", "specimen", "expected"),
    [
        ("LAB", "", ["LAB"]),
        ("", "BLD", ["LAB"]),
        ("", "", []),
        ("RAD", "BLD", ["RAD"]),
        ("OTH", "BLD", ["OTH"]),
    ],
)
def test_a_report_is_the_laboratorys_by_its_section_or_a_kind_of_specimen(
    section: str, specimen: str, expected: list[str]
) -> None:
    found = results(POTASSIUM, section=section, specimen=specimen)

    assert categories(only(found, "DiagnosticReport")) == expected
    assert ("laboratory" in categories(only(found, "Observation"))) == ("LAB" in expected)


def test_a_vital_sign_is_one_by_its_code() -> None:
    found = only(results(PULSE), "Observation")

    assert categories(found) == ["vital-signs"]
    assert claimed(found) == ["heart-rate", "vital-signs"]


@pytest.mark.parametrize(
    ("obx", "reason"),
    [
        ("OBX|1|NM|2823-3^Potassium^LN||||||||P", "unknown"),
        ("OBX|1|ED|1^Letter^L||^text^plain^Base64^aGk=||||||F", "unsupported"),
    ],
)
def test_an_observation_without_a_value_says_so(obx: str, reason: str) -> None:
    [observation] = resources(results(obx, specimen="BLD"), "Observation")

    assert observation["dataAbsentReason"]["coding"][0]["code"] == reason
    assert claimed(observation) == ["observation-clinical-result", "observation-lab"]


def test_what_a_message_does_not_tell_is_unknown_and_leaves_what_is_stored() -> None:
    found = us(
        MSH.format(kind="ADT^A01", control="1"), "PID|1||7^^^NORTH", "PV1||I|||||||||||||||||V1^^^NORTH"
    )

    patient, encounter = only(found, "Patient"), only(found, "Encounter")
    assert (patient["name"], patient["gender"]) == ([{"extension": [ABSENT]}], "unknown")
    assert encounter["type"] == [UNKNOWN]
    assert claimed(patient) + claimed(encounter) == ["patient", "encounter"]
    assert {"name", "gender"} <= kept(found, "Patient")
    assert "type" in kept(found, "Encounter")


def test_nothing_is_unknown_where_that_would_not_make_a_resource_conform() -> None:
    found = us(MSH.format(kind="ADT^A01", control="1"), "PID|1||||Okafor^Amara", PV1)

    assert "gender" not in only(found, "Patient")
    assert kept(found, "Patient") == set()


def test_a_patient_that_another_has_replaced_is_not_said_to_be_unknown() -> None:
    found = us(MSH.format(kind="ADT^A40", control="1"), PID, "MRG|9^^^NORTH")

    assert [sorted(claimed(one)) for one in resources(found, "Patient")] == [["patient"], []]


def test_a_visits_type_is_unknown_no_longer_once_it_is_told() -> None:
    found = us(
        MSH.format(kind="ADT^A01", control="1"), PID, segment("PV1", {2: "I", 4: "E", 19: "V1^^^NORTH"})
    )

    [visit] = [entry for entry in found.entries if entry.resource["resourceType"] == "Encounter"]
    assert "type:unknown" in visit.remove
    assert "type" not in visit.keep


def test_organizations_and_related_persons_that_messages_name_are_in_use() -> None:
    found = us(*A01)

    assert [one["active"] for one in resources(found, "RelatedPerson")] == [True]
    assert {one["active"] for one in resources(found, "Organization")} == {True}
    assert "active" in kept(found, "Organization") & kept(found, "RelatedPerson")


def test_who_sends_a_message_is_whom_its_people_act_for() -> None:
    evn = "EVN||20260310|||77^Huber^Eva"
    agents = only(us(A01[0], evn, PID, PV1), "Provenance")["agent"]

    assert agents[-1]["onBehalfOf"] == agents[0]["who"]


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        ("HP", [("HP", None), ("34117-2", "History and physical note")]),
        ("ZZ", [("ZZ", None), ("UNK", "unknown")]),
        ("18842-5^Discharge summary^LN", [("18842-5", "Discharge summary")]),
        ("", [("UNK", "unknown")]),
    ],
)
def test_a_document_is_a_clinical_note_with_a_type_of_loinc(
    kind: str, codes: list[tuple[str, str | None]]
) -> None:
    txa = segment("TXA", {1: "1", 2: kind, 12: "D1^NORTH", 17: "AU"})
    found = us(MSH.format(kind="MDM^T02", control="1"), PID, PV1, txa, "OBX|1|TX|1^Text^L||Well.||||||F")

    document = only(found, "DocumentReference")
    assert [(one["code"], one.get("display")) for one in document["type"]["coding"]] == codes
    assert (categories(document), claimed(document)) == (["clinical-note"], ["documentreference"])
    assert kept(found, "DocumentReference") == {"category"} | (set() if kind else {"type"})


@pytest.mark.parametrize(
    "race", ["2131-1^Other Race^CDCREC", "2108-9^European^CDCREC", "2135-2^Hispanic^CDCREC"]
)
def test_races_and_ethnicities_are_those_of_their_own_lists(race: str) -> None:
    pid = segment("PID", {3: "1^^^NORTH", 5: "Doe^Ann", 8: "F", 10: race, 22: "2186-5^Not Hispanic^CDCREC"})

    assert claimed(only(us(MSH.format(kind="ADT^A01", control="1"), pid, PV1), "Patient")) == ["patient"]


def test_without_the_layer_nothing_of_it_is_said() -> None:
    found = mapped(*ORU)

    assert categories(only(found, "DiagnosticReport")) == ["HM"]
    assert all("active" not in one for one in resources(found, "Organization"))
