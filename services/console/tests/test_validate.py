"""`ehrconnect validate`: a line for each fault, with its place and without what the file says."""

import json
from pathlib import Path

import pytest

from libs.hl7v2.mllp import frame
from libs.testing.messages import adt, oru
from services.console.tests.command import Run, ehrconnect

US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/"
PATIENT = {"resourceType": "Patient", "id": "p1", "gender": "female"}


def validate(folder: Path, content: bytes, *options: str) -> Run:
    (folder / "file").write_bytes(content)
    return ehrconnect("validate", "file", *options, folder=folder)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(adt(), id="HL7"),
        pytest.param(frame(adt()) + frame(oru()), id="a capture"),
        pytest.param(json.dumps(PATIENT).encode(), id="FHIR"),
        pytest.param(b"\xef\xbb\xbf\n " + json.dumps(PATIENT).encode(), id="FHIR with a byte order mark"),
    ],
)
def test_a_valid_file_has_no_errors(tmp_path: Path, content: bytes) -> None:
    run = validate(tmp_path, content)

    assert (run.code, run.err) == (0, "")
    assert "error" not in run.out


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        pytest.param(
            adt().replace(b"|100001^^^NORTH^MR|", b"||"),
            ["file: error PID-3: patient identifier list is required"],
            id="HL7: a field",
        ),
        pytest.param(
            adt().replace(b"EVN|", b"EVX|"),
            [
                "file: error EVN: EVN is required here and missing",
                "file: error EVX: EVX is not expected here: not in this structure, out of order,"
                " or one too many",
            ],
            id="HL7: segments",
        ),
        pytest.param(
            b"FHS|^~\\&\rBHS|^~\\&\r"
            + adt()
            + oru(observations=1).replace(b"|F|", b"||")
            + b"BTS|2\rFTS|1\r",
            ["file, message 2: error OBX-11: observation result status is required"],
            id="HL7: a batch",
        ),
        pytest.param(
            b"FHS|^~\\&\rFTS|0\r", ["file: error: a batch without a message"], id="HL7: an empty batch"
        ),
        pytest.param(
            adt().replace(b"^~\\&", b"^", 1),
            ["file: error MSH-2: MSH-2 must hold four or five encoding characters"],
            id="HL7: delimiters",
        ),
        pytest.param(
            adt().replace(b"Paula", "Zoé".encode("latin-1")),
            ["file: warning MSH-18: the character set is unknown; read as Windows-1252"],
            id="HL7: character set",
        ),
        pytest.param(
            b"once upon a time",
            ["file: error: the message does not start with an MSH segment"],
            id="neither",
        ),
        pytest.param(
            b'{"resourceType": "Patient", "gender": "F"}',
            [
                "file: error Patient.gender: not a code of http://hl7.org/fhir/ValueSet/administrative-gender:"
                " female, male, other, unknown"
            ],
            id="FHIR",
        ),
        pytest.param(
            json.dumps({**PATIENT, "meta": {"profile": [US_CORE + "us-core-patient", "urn:ours"]}}).encode(),
            [
                "file: error Patient.identifier: us-core-patient: identifier is required",
                "file: error Patient.name: us-core-patient: name is required",
                "file: information: not checked: urn:ours is not known",
            ],
            id="FHIR: profiles",
        ),
        pytest.param(b'{"resourceType": ', ["file: error: not JSON: line 1, column 18"], id="no JSON"),
        pytest.param(b"[]", ["file: error: not a JSON object"], id="no object"),
    ],
)
def test_each_fault_is_a_line_with_its_place(tmp_path: Path, content: bytes, lines: list[str]) -> None:
    run = validate(tmp_path, content)

    said = [line for line in run.out.splitlines() if ": information " not in line]
    if "MSH-18" not in lines[0]:
        said = [line for line in said if ": warning " not in line]
    assert said == lines
    assert run.code == int(any("error" in line for line in lines))


def test_the_entries_of_a_bundle_are_validated(tmp_path: Path) -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": PATIENT}, {"resource": {**PATIENT, "birthDate": "yesterday"}}],
    }

    run = validate(tmp_path, json.dumps(bundle).encode())

    assert run.out.startswith("file: error Bundle.entry[1].resource.birthDate: ")
    assert (run.code, run.out.count("\n")) == (1, 1)


def test_faults_as_json(tmp_path: Path) -> None:
    run = validate(tmp_path, adt().replace(b"|100001^^^NORTH^MR|", b"||"), "--json")

    assert [fault for fault in json.loads(run.out) if fault["severity"] == "error"] == [
        {
            "file": "file",
            "message": None,
            "severity": "error",
            "code": "101",
            "position": "PID-3",
            "text": "patient identifier list is required",
        }
    ]


def test_a_file_that_cannot_be_read_is_told_and_the_others_are_validated(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('{"resourceType": "Nothing"}')

    run = ehrconnect("validate", "gone.hl7", "bad.json", folder=tmp_path)

    assert run == Run(
        1,
        "bad.json: error Resource.resourceType: resourceType is missing or not a type of R4\n",
        "gone.hl7: No such file or directory\n",
    )


def test_no_content_is_told(tmp_path: Path) -> None:
    message = adt().replace(b"|F|", b"|SECRETSEX|").replace(b"19700131", b"SECRETDATE")
    resource = b'{"resourceType": "Patient", "gender": "SECRETSEX", "birthDate": "SECRETDATE"}'

    for content in (message, resource):
        run = validate(tmp_path, content)
        assert run.out
        assert "SECRET" not in run.out
