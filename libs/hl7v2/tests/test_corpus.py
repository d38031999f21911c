"""Messages of other projects, where they are at hand: beside the repository, or where EHR_CORPUS says."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from libs.hl7v2.batch import split_messages
from libs.hl7v2.charset import decode_message
from libs.hl7v2.conformance import validate
from libs.hl7v2.header import BadHeader, read_header, read_patient
from libs.hl7v2.message import Message, parse
from libs.hl7v2.writer import encode

BESIDE = Path(__file__).parents[3] / "../shared/corpus"
CORPUS = Path(os.environ.get("EHR_CORPUS", BESIDE))

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not at hand")


def messages() -> Iterator[tuple[Path, bytes]]:
    for path in sorted(CORPUS.rglob("*.hl7")):
        for body in split_messages(path.read_bytes()):
            try:
                read_header(body)
            except BadHeader:  # their own tests of MSH-2
                continue
            yield path, body


def test_every_message_is_read_and_encoded_as_it_was_sent() -> None:
    count = 0
    for path, body in messages():
        text, _ = decode_message(body)
        message = parse(text)

        sent = re.sub(r"[\r\n]+(\s*[\r\n]+)*", "\r", text.lstrip("\ufeff\r\n\t ") + "\r")
        assert encode(message) == sent, path
        assert read_patient(body, read_header(body)).decode(errors="ignore") == patient(message), path
        count += 1
    assert count > 600


def patient(message: Message) -> str:
    pid = message.first("PID")
    return pid.first(3).part(1).part(1).raw if pid else ""


def test_every_message_can_be_validated() -> None:
    for path, body in messages():
        text, _ = decode_message(body)
        assert all(finding.path or finding.code == "100" for finding in validate(text)), path
