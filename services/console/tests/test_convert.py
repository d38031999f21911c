"""`ehrconnect convert`: files in, bundles out, one line for each that cannot be converted."""

import json
from pathlib import Path

import pytest

from libs.hl7v2.mllp import frame
from libs.testing.messages import adt, oru
from services.console.tests.command import Run, ehrconnect


def test_a_file_becomes_a_transaction_bundle_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "admission.hl7").write_bytes(adt(patient_id="100001"))

    run = ehrconnect("convert", tmp_path / "admission.hl7", "--out", tmp_path / "out")

    assert run == Run(0, "", "")
    bundle = json.loads((tmp_path / "out" / "admission.json").read_bytes())
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "transaction")
    patients = [e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Patient"]
    assert [patient["identifier"][0]["value"] for patient in patients] == ["100001"]


def test_what_cannot_be_converted_is_told_and_the_rest_is_converted(tmp_path: Path) -> None:
    (tmp_path / "good.hl7").write_bytes(adt())
    (tmp_path / "bad.hl7").write_bytes(adt().replace(b"^~\\&", b"^", 1))
    (tmp_path / "none.hl7").write_bytes(b"not HL7")
    files = [tmp_path / name for name in ("bad.hl7", "none.hl7", "gone.hl7", "good.hl7")]

    run = ehrconnect("convert", *files, "--out", tmp_path / "out")

    assert run == Run(
        1,
        "",
        f"{tmp_path}/bad.hl7: MSH-2: MSH-2 must hold four or five encoding characters\n"
        f"{tmp_path}/none.hl7: the message does not start with an MSH segment\n"
        f"{tmp_path}/gone.hl7: No such file or directory\n",
    )
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.json"]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(adt() + oru(), id="one after the other"),
        pytest.param(b"FHS|^~\\&\rBHS|^~\\&\r" + adt() + oru() + b"BTS|2\rFTS|1\r", id="a batch"),
        pytest.param(frame(adt()) + frame(oru()), id="as captured on the wire"),
        pytest.param((frame(adt()) + frame(oru()))[:-2] + b"\n", id="captured without the last end"),
    ],
)
def test_several_messages_in_a_file_are_numbered(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "day.hl7").write_bytes(content)

    run = ehrconnect("convert", tmp_path / "day.hl7", "--out", tmp_path / "out")

    assert run == Run(0, "", "")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["day-1.json", "day-2.json"]


def test_two_files_of_one_name_do_not_overwrite_each_other(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.hl7").write_bytes(adt())

    run = ehrconnect("convert", tmp_path / "a/same.hl7", tmp_path / "b/same.hl7", "--out", tmp_path / "out")

    assert run == Run(
        1, "", f"{tmp_path}/b/same.hl7: same.json was written from another file; use another --out\n"
    )


def test_the_report_says_what_was_not_carried_over(tmp_path: Path) -> None:
    (tmp_path / "local.hl7").write_bytes(adt() + b"ZPI|1|local\r")

    run = ehrconnect("convert", tmp_path / "local.hl7", "--out", tmp_path / "out", "--report")

    report = json.loads(run.out)
    assert (report["file"], report["bundle"]) == (f"{tmp_path}/local.hl7", "local.json")
    assert report["segments"]["unused"] == ["ZPI[8]"]


def test_what_is_refused_has_a_report_too(tmp_path: Path) -> None:
    (tmp_path / "day.hl7").write_bytes(adt() + adt().replace(b"ADT^A", b"ZZZ^A", 1))

    run = ehrconnect("convert", tmp_path / "day.hl7", "--out", tmp_path / "out", "--report")

    converted, refused = map(json.loads, run.out.splitlines())
    assert (run.code, converted["bundle"]) == (1, "day-1.json")
    assert refused == {
        "file": f"{tmp_path}/day.hl7, message 2",
        "bundle": None,
        "error": "MSH-9: messages of the type ZZZ are not mapped",
    }


def test_a_mapping_layer_is_tried_without_a_database(tmp_path: Path) -> None:
    (tmp_path / "admission.hl7").write_bytes(adt(patient_id="100001"))
    documents = {
        "hospital.toml": '[authorities]\nNORTH = "https://north.example.org/mrn"\n',
        "sender.toml": '[authorities]\nNORTH = "https://north.example.org/adt"\n',
    }
    for name, text in documents.items():
        (tmp_path / name).write_text(text)
    files: list[str | Path] = [tmp_path / "admission.hl7", "--out", tmp_path / "out"]
    hospital: list[str | Path] = ["--layer", "organization", tmp_path / "hospital.toml"]
    own: list[str | Path] = ["--layer", "sender:REGISTRATION|NORTH", tmp_path / "sender.toml"]
    other: list[str | Path] = ["--layer", "sender:OTHER|NORTH", tmp_path / "sender.toml"]

    def system(*layers: str | Path) -> str:
        assert ehrconnect("convert", *files, *layers) == Run(0, "", "")
        bundle = json.loads((tmp_path / "out" / "admission.json").read_bytes())
        (patient,) = (e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Patient")
        return str(patient["identifier"][0]["system"])

    assert system(*hospital) == "https://north.example.org/mrn"
    assert system(*own, *hospital) == "https://north.example.org/adt"  # the sender's wins, in any order
    assert system(*other, *hospital) == "https://north.example.org/mrn"


def test_a_national_profile_is_claimed_by_the_resources_that_conform_to_it(tmp_path: Path) -> None:
    (tmp_path / "admission.hl7").write_bytes(adt())

    run = ehrconnect(
        "convert", tmp_path / "admission.hl7", "--out", tmp_path / "out", "--profile", "us-core", "--report"
    )

    claimed = json.loads(run.out)["profiles"]
    assert (run.code, claimed["us-core-patient"]) == (0, {"claimed": 1})


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (["organization", "bad.toml"], "layer organization: colour is no setting of a layer; known are "),
        (["ward", "good.toml"], "'ward' is no layer; a layer is profile, organization or sender:"),
        (["organization", "gone.toml"], "gone.toml: No such file or directory"),
        (["profile", "good.toml", "--profile", "abdm"], "there is one layer profile, and several documents"),
    ],
)
def test_a_layer_that_cannot_be_used_ends_it(tmp_path: Path, layer: list[str], reason: str) -> None:
    (tmp_path / "admission.hl7").write_bytes(adt())
    (tmp_path / "good.toml").write_text('timezone = "Europe/Vienna"\n')
    (tmp_path / "bad.toml").write_text('colour = "blue"\n')

    run = ehrconnect("convert", "admission.hl7", "--out", "out", "--layer", *layer, folder=tmp_path)

    assert (run.code, run.out) == (1, "")
    assert run.err.startswith(f"ehrconnect: {reason}")
    assert not (tmp_path / "out").exists()
