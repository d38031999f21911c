from decimal import Decimal

import pytest

from libs.mapping.tests.messages import MSH, ORU, PID, Json, mapped, only, resources, segment

UCUM = "http://unitsofmeasure.org"


def results(*obx: str, status: str = "F") -> list[Json]:
    order = segment(
        "OBR", {1: "1", 2: "P1^EHR", 3: "F1^LAB", 4: "1^Panel^L", 7: "20260310084500", 25: status}
    )
    found = mapped(ORU[0], PID, order, *obx)
    return resources(found, "Observation")


def value(kind: str, text: str, unit: str = "") -> Json:
    (found,) = results(f"OBX|1|{kind}|1^Test^LN||{text}|{unit}|||||F")
    return {name: part for name, part in found.items() if name.startswith("value") or name == "component"}


def test_a_report_its_results_its_order_and_its_specimen() -> None:
    found = mapped(*ORU)
    urls = {entry.full_url: entry.resource for entry in found.entries}
    report = only(found, "DiagnosticReport")

    assert report["status"] == "final"
    assert report["effectiveDateTime"] == "2026-03-10T08:45:00+01:00"
    assert report["issued"] == "2026-03-10T10:00:00+01:00"
    assert [urls[one["reference"]]["code"]["coding"][0]["code"] for one in report["result"]] == [
        "718-7",
        "6690-2",
    ]
    assert [one["value"] for one in report["identifier"]] == ["P100", "F900"]
    (request,) = report["basedOn"]
    assert urls[request["reference"]]["status"] == "completed"
    assert urls[request["reference"]]["note"] == [{"text": "Fasting sample"}]
    (specimen,) = report["specimen"]
    assert urls[specimen["reference"]]["collection"] == {"collectedDateTime": "2026-03-10T08:40:00+01:00"}


def test_a_result_keeps_its_digits_its_range_and_its_notes() -> None:
    hemoglobin, leukocytes = resources(mapped(*ORU), "Observation")
    unit = {"unit": "g/dL", "system": UCUM, "code": "g/dL"}

    assert hemoglobin["valueQuantity"] == {"value": Decimal("13.50")} | unit
    assert str(hemoglobin["valueQuantity"]["value"]) == "13.50"
    assert hemoglobin["referenceRange"] == [
        {
            "low": {"value": Decimal("12.0")} | unit,
            "high": {"value": Decimal("16.0")} | unit,
            "text": "12.0-16.0",
        }
    ]
    assert hemoglobin["note"] == [{"text": "Checked twice"}]
    assert leukocytes["valueQuantity"] == {"value": Decimal(100), "comparator": ">", "unit": "10*3/uL"}
    assert leukocytes["referenceRange"] == [
        {"high": {"value": Decimal(11), "unit": "10*3/uL"}, "text": "<=11"}
    ]
    assert leukocytes["effectiveDateTime"] == "2026-03-10T08:45:00+01:00"  # OBR-7 where OBX-14 is silent


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("NM", "007.10", {"valueQuantity": {"value": Decimal("7.10")}}),
        ("NM", "positive", {"valueString": "positive"}),
        ("SN", "<>^5", {"valueString": "<> 5"}),
        ("SN", "^1^:^128", {"valueRatio": RATIO} if (RATIO := {
            "extension": [
                {"url": "http://hl7.org/fhir/StructureDefinition/originalText", "valueString": "1 : 128"}
            ],
            "numerator": {"value": Decimal(1)},
            "denominator": {"value": Decimal(128)},
        }) else {}),
        ("SN", "^2^-^4", {"valueRange": {"low": {"value": Decimal(2)}, "high": {"value": Decimal(4)}}}),
        ("SN", "^2^+", {"valueString": "2 +"}),
        ("SN", "=^2", {"valueQuantity": {"value": Decimal(2)}}),
        ("ST", "pos \\T\\ neg", {"valueString": "pos & neg"}),
        ("TX", "one~two", {"valueString": "one\ntwo"}),
        ("DT", "202603", {"valueDateTime": "2026-03"}),
        ("TS", "20260310084512.12+0200", {"valueDateTime": "2026-03-10T08:45:12.12+02:00"}),
        ("TM", "0730", {"valueTime": "07:30:00"}),
        ("TM", "noon", {"valueString": "noon"}),
        ("CWE", "260385009^Negative^SCT", {"valueCodeableConcept": {"coding": [
            {"system": "http://snomed.info/sct", "code": "260385009", "display": "Negative"}]}}),
        ("CWE", "^free text", {"valueCodeableConcept": {"text": "free text"}}),
        ("NR", "3^5", {"valueRange": {"low": {"value": Decimal(3)}, "high": {"value": Decimal(5)}}}),
        ("VR", "3^5", {"valueString": "3-5"}),
        ("DR", "2026^2027", {"valuePeriod": {"start": "2026", "end": "2027"}}),
        ("XPN", "Roe^Jo", {"valueString": "Jo Roe"}),
        ("", "7", {"valueString": "7"}),
    ],
)  # fmt: skip
def test_a_value_by_its_type(kind: str, text: str, expected: Json) -> None:
    assert value(kind, text) == expected


def test_a_repeated_value_is_a_component_each() -> None:
    found = value("CWE", "A^Apple^L~B^Pear^L")

    assert [one["valueCodeableConcept"]["coding"][0]["code"] for one in found["component"]] == ["A", "B"]


def test_the_lines_of_a_text_are_one_observation() -> None:
    report = results(
        "OBX|1|TX|18748-4^Report^LN|1|First line||||||F",
        "OBX|2|TX|18748-4^Report^LN|1|Second line||||||F",
        "OBX|3|TX|18748-4^Report^LN|2|Another||||||F",
    )

    assert [one["valueString"] for one in report] == ["First line\nSecond line", "Another"]


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("F", "final"),
        ("P", "preliminary"),
        ("C", "corrected"),
        ("X", "cancelled"),
        ("D", "entered-in-error"),
        ("W", "entered-in-error"),
        ("I", "registered"),
        ("N", "final"),
        ("", "final"),
    ],
)
def test_where_a_result_stands(code: str, status: str) -> None:
    (found,) = results(f"OBX|1|NM|1^Test^LN||1||||||{code}")

    assert found["status"] == status


def test_what_was_not_asked_says_so() -> None:
    (found,) = results("OBX|1|NM|1^Test^LN||||||||N")

    assert found["dataAbsentReason"] == {
        "coding": [
            {
                "system": "http://terminology.hl7.org/CodeSystem/data-absent-reason",
                "code": "not-asked",
                "display": "Not Asked",
            }
        ]
    }


def test_a_correction_is_a_new_version_of_the_same_observation() -> None:
    def urls(*obx: str) -> list[str]:
        found = mapped(ORU[0], PID, "OBR|1|P1^EHR|F1^LAB|1^Panel^L|||||||||||||||||||||F", *obx)
        return [entry.url for entry in found.entries if entry.resource["resourceType"] == "Observation"]

    first = urls("OBX|1|NM|1^A^LN||1||||||F", "OBX|2|NM|2^B^LN||2||||||F")
    corrected = urls("OBX|1|NM|2^B^LN||2.5||||||C")

    assert corrected == first[1:]


def test_results_with_one_code_are_told_apart_by_their_set_id() -> None:
    found = mapped(
        ORU[0],
        PID,
        "OBR|1|P1^EHR|F1^LAB|1^Panel^L",
        "OBX|1|ST|1^A^LN||x||||||F",
        "OBX|2|ST|1^A^LN||y||||||F",
    )

    assert len(resources(found, "Observation")) == 2


def test_a_result_that_follows_its_specimen_is_not_lost() -> None:
    found = mapped(
        ORU[0], PID, "OBR|1|P1^EHR|F1^LAB|1^Panel^L", "SPM|1|S1&LAB||BLD", "OBX|1|NM|1^A^LN||1||||||F"
    )

    assert len(only(found, "DiagnosticReport")["result"]) == 1


def test_an_observation_about_a_specimen_is_no_result_of_the_report() -> None:
    found = mapped(
        ORU[0],
        PID,
        "OBR|1|P1^EHR|F1^LAB|1^Panel^L",
        "OBX|1|NM|1^A^LN||1||||||F",
        "SPM|1|S1&LAB||BLD",
        "OBX|1|NM|2^Volume^LN||5||||||F",
    )

    assert len(resources(found, "Observation")) == 2
    assert len(only(found, "DiagnosticReport")["result"]) == 1


def test_two_reports_with_one_order_number_stay_two() -> None:
    found = mapped(
        ORU[0],
        PID,
        "OBR|1|P1^EHR|F1^LAB|1^Panel^L",
        "OBX|1|NM|1^A^LN||1||||||F",
        "OBR|2|P1^EHR|F1^LAB|2^Other^L",
        "OBX|1|NM|1^A^LN||2||||||F",
    )

    assert [
        len(resources(found, kind)) for kind in ("DiagnosticReport", "ServiceRequest", "Observation")
    ] == [2, 2, 2]


def test_a_document_among_the_results_is_an_attachment_of_both() -> None:
    found = mapped(
        ORU[0],
        PID,
        "OBR|1|P1^EHR|F1^LAB|1^Panel^L",
        "OBX|1|ED|11502-2^Report^LN||LAB^AP^PDF^Base64^JVBERi0xLjQ=||||||F",
    )

    attachment = {"contentType": "application/pdf", "size": 8, "title": "Report", "data": "JVBERi0xLjQ="}
    assert only(found, "DiagnosticReport")["presentedForm"] == [attachment]
    (extension,) = only(found, "Observation")["extension"]
    assert extension["valueAttachment"] == attachment


def test_times_without_any_zone_keep_the_precision_of_a_date() -> None:
    from libs.mapping.inbound.mapper import MappingConfig

    header = MSH.format(kind="ORU^R01", control="1").replace("+0100", "")
    found = mapped(
        header, PID, "OBR|1|P1|F1|1^Panel^L|||20260310084500", config=MappingConfig(default_timezone=None)
    )

    assert only(found, "DiagnosticReport")["effectiveDateTime"] == "2026-03-10"
    assert any("no time zone" in one.text for one in found.report.warnings)


def test_a_zone_that_was_assumed_is_told_once() -> None:
    header = MSH.format(kind="ORU^R01", control="1")
    order = "OBR|1|P1|F1|1^Panel^L|||20260310084500|20260310090000"

    stated = mapped(header, PID, order)
    assumed = mapped(header.replace("+0100", ""), PID, order)

    told = "no offset: times without one are taken as of UTC"
    assert [one.text for one in stated.report.warnings if "offset" in one.text] == []
    assert [(str(one.position), one.text) for one in assumed.report.warnings if "offset" in one.text] == [
        ("MSH[0]-7", told)
    ]


def test_the_zone_of_the_organization_knows_summer_time() -> None:
    from libs.mapping.inbound.mapper import MappingConfig

    header = MSH.format(kind="ORU^R01", control="1").replace("+0100", "")

    def effective(time: str) -> object:
        config = MappingConfig(default_timezone="Europe/Vienna")
        found = mapped(header, PID, f"OBR|1|P1|F1|1^Panel^L|||{time}", config=config)
        return only(found, "DiagnosticReport")["effectiveDateTime"]

    assert effective("202601150800") == "2026-01-15T08:00:00+01:00"
    assert effective("202607150800") == "2026-07-15T08:00:00+02:00"


def test_a_susceptibility_is_a_member_of_the_organism_it_was_tested_on() -> None:
    found = mapped(
        ORU[0],
        PID,
        segment("OBR", {1: "1", 2: "P1^EHR", 3: "F1^LAB", 4: "630-4^Culture^LN"}),
        "OBX|1|CWE|600-7^Organism^LN|1|112283007^E. coli^SCT||||||F",
        "OBX|2|CWE|600-7^Organism^LN|2|3092008^S. aureus^SCT||||||F",
        segment(
            "OBR",
            {1: "2", 3: "F2^LAB", 4: "18769-0^Susceptibility^LN", 26: "600-7&Organism&LN^2", 29: "^F1&LAB"},
        ),
        "OBX|1|ST|18906-8^Ciprofloxacin^LN||S||||||F",
    )
    coli, aureus, drug = [e for e in found.entries if e.resource["resourceType"] == "Observation"]

    assert aureus.resource["hasMember"] == [{"reference": drug.full_url}]
    assert "hasMember" not in coli.resource


def test_the_container_of_a_specimen() -> None:
    found = mapped(
        ORU[0],
        PID,
        "OBR|1|P1^EHR|F1^LAB|1^Panel^L",
        "OBX|1|NM|1^A^LN||1||||||F",
        "SPM|1|S1&LAB||BLD",
        segment("SAC", {2: "ACC7^LAB", 3: "TUBE9^LAB", 22: "4.50", 24: "mL^^UCUM"}),
    )
    specimen = only(found, "Specimen")

    assert specimen["accessionIdentifier"]["value"] == "ACC7"
    (container,) = specimen["container"]
    assert container["identifier"][0]["value"] == "TUBE9"
    assert str(container["specimenQuantity"]["value"]) == "4.50"


def test_a_correction_sent_alone_finds_its_result_among_several_by_the_identifier_of_the_instance() -> None:
    header = MSH.format(kind="ORU^R01", control="R-7")
    obr = "OBR|1||F900^LAB|90423^Biopsy^L" + "|" * 21 + "F"
    first, second = (
        segment("OBX", {1: str(n), 2: "NM", 3: "33756-8^Size^LN", 5: str(n), 11: "F", 21: f"I{n}^LAB"})
        for n in (1, 2)
    )
    corrected = segment("OBX", {1: "1", 2: "NM", 3: "33756-8^Size^LN", 5: "7", 11: "C", 21: "I2^LAB"})

    before = [one["id"] for one in resources(mapped(header, PID, obr, first, second), "Observation")]
    after = only(mapped(header, PID, obr, corrected), "Observation")

    assert (after["id"], after["status"]) == (before[1], "corrected")
    assert before[0] != before[1]
