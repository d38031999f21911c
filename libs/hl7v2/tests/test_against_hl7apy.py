"""Whatever hl7apy's own validator finds wrong with the structure of a message, ours finds, and says where."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message

from libs.hl7v2.charset import decode_message
from libs.hl7v2.conformance import validate
from libs.hl7v2.message import parse
from libs.hl7v2.tests import test_corpus

VERSIONS = ("2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8", "2.8.1", "2.8.2")
ADT = [
    "EVN|A01|20240102",
    "PID|1||42^^^H^MR||Smith^Ann||19700101|F",
    "NK1|1|A^B|SPO||555",
    "PV1|1|I|W",
    "AL1|1|DA|PEN",
]
ORU = [
    "PID|1||42^^^H^MR||Smith^Ann",
    "OBR|1||2|GLU^Glucose^L|||20240101",
    "OBX|1|NM|GLU^Glucose^L|1|5.4|mmol/L|||||F",
    "NTE|1||y",
]
# hl7apy wants every alternative of a choice, from v2.8 on takes a result for the document of an order, and
# knows no parts of the CM of v2.1.
_MISTAKEN = re.compile(r"_CHOICE\.|_SUPPGRP\.|ORDER_DOCUMENT|ORU_R01_COMMON_ORDER|OBR_[23] \(it must")


@pytest.mark.parametrize(
    ("structure", "segments", "version"),
    [pytest.param("ADT^A01^ADT_A01", ADT, version, id=f"ADT {version}") for version in VERSIONS]
    + [pytest.param("ORU^R01^ORU_R01", ORU, version, id=f"ORU {version}") for version in VERSIONS[::3]],
)
def test_what_hl7apy_rejects_is_found(
    structure: str, segments: list[str], version: str, tmp_path: Path
) -> None:
    name = structure if version > "2.3" else structure[:7]
    message = [f"MSH|^~\\&|LAB|N|EHR|S|20240102||{name}|1|P|{version}", *segments]
    known, known_to_us = rejections(message, tmp_path), errors(message)
    rejected = 0

    for what, changed in changes(message):
        if rejections(changed, tmp_path) - known:
            rejected += 1
            found, place = errors(changed), what.partition(" ")[0]
            assert found - known_to_us or any(path.startswith(place) for _, path, _ in found), what

    assert rejected > 20


@pytest.mark.skipif(not test_corpus.CORPUS.is_dir(), reason="the corpus is not at hand")
def test_of_the_corpus_too(tmp_path: Path) -> None:
    checked = 0
    for path, body in list(test_corpus.messages())[::12]:
        text, _ = decode_message(body)
        message = [segment.line for segment in parse(text).segments]
        if rejections(message, tmp_path):
            checked += 1
            assert errors(message) or any(found.path == "MSH-9" for found in validate(text)), path
    assert checked > 10


def changes(message: list[str]) -> Iterator[tuple[str, list[str]]]:
    """The message with one thing about it changed, and what."""
    for index, segment in enumerate(message[1:], 1):
        before, after = message[:index], message[index + 1 :]
        yield f"{segment[:3]} is missing", before + after
        yield f"{segment[:3]} twice", [*before, segment, segment, *after]
        yield f"{segment[:3]} last", [*before, *after, segment]
        fields = segment.split("|")
        for number, said in enumerate(fields):
            if not number or not said:
                continue
            for what, value in (
                ("missing", ""),
                ("twice", f"{said}~{said}"),
                ("with too many components", f"{said}{'^' * 30}x"),
                ("with too many subcomponents", f"{said}{'&' * 30}x"),
            ):
                changed = "|".join([*fields[:number], value, *fields[number + 1 :]])
                yield f"{segment[:3]}-{number} {what}", [*before, changed, *after]
        yield f"{segment[:3]} with a field too many", [*before, segment + "|" * 80 + "x", *after]
    for unknown in ("QQQ|1", "RXA|1", "a line of text"):
        yield f"{unknown[:3]} added", [*message, unknown]


def rejections(message: list[str], folder: Path) -> set[str]:
    """What hl7apy says is wrong; not what no version of it can know, such as the type of the message."""
    report = folder / "report"
    try:
        parsed = parse_message("\r".join(message), validation_level=VALIDATION_LEVEL.TOLERANT)
    except Exception:
        return set()  # it cannot read it at all, and so says of nothing that it is wrong
    report.unlink(missing_ok=True)
    try:
        parsed.validate(report_file=str(report))
    except Exception:
        if not report.exists():
            return set()  # a failure of the validator, not of the message
    lines = {re.sub("<[^>]*>", "", line) for line in report.read_text().splitlines()}
    return {line for line in lines if line.startswith("Error") and not _MISTAKEN.search(line)}


def errors(message: list[str]) -> set[tuple[str, str, str]]:
    """What we say is wrong, with its place (none for a line that is no segment)."""
    found = validate("\r".join(message))
    return {(one.code, one.path, one.text) for one in found if one.severity == "E"}
