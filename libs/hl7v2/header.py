"""What the first segment says, read from bytes without parsing the rest."""

import re
from typing import NamedTuple

from libs.hl7v2.delimiters import BadHeader, Delimiters, NotHL7, has_more_characters, read_delimiters
from libs.hl7v2.iso2022 import ESC
from libs.hl7v2.multibyte import cover_header, cover_segment, cut

__all__ = ["BadHeader", "Delimiters", "Header", "NotHL7", "is_answer", "read_header", "read_patient"]

BOM = b"\xef\xbb\xbf"

_BEFORE_MSH = b"\r\n\t \0"
_LAST_FIELD = 18  # MSH-18 is the last that anyone here asks for
_MSA = (b"\rMSA", b"\nMSA")
_SEGMENT_END = re.compile(rb"[\r\n]")
# The same in its UTF-16 and UTF-32 forms: MSH, or a byte order mark.
_WIDE = (b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff", b"M\0", b"\0M", b"\0\0\0M")


class Header(NamedTuple):
    """MSH as bytes, as sent. Fields with components hold the first one, but for MSH-3 to MSH-6 (whole)."""

    delimiters: Delimiters
    application: bytes  # MSH-3, whole
    facility: bytes  # MSH-4, whole
    receiving_application: bytes  # MSH-5, whole
    receiving_facility: bytes  # MSH-6, whole
    time: bytes  # MSH-7
    type: bytes  # MSH-9.1
    event: bytes  # MSH-9.2
    structure: bytes  # MSH-9.3
    control_id: bytes  # MSH-10, whole: it is echoed byte for byte
    processing_id: bytes  # MSH-11.1
    version: bytes  # MSH-12.1
    accept_ack: bytes  # MSH-15
    application_ack: bytes  # MSH-16
    charset: bytes  # MSH-18, all repetitions
    fields: list[bytes]  # MSH-n at index n, up to MSH-18 (b"" where absent)
    quirks: tuple[str, ...]  # what was accepted although it is not as the standard wants it


def read_header(body: bytes) -> Header:
    """The MSH of an unframed message.

    Raises NotHL7: it starts with something else, or is not in a byte-wise encoding; BadHeader: its
    delimiters cannot be used.
    """
    start = _start(body)
    found = _SEGMENT_END.search(body, start)
    end = found.start() if found else len(body)
    beginning = body[start : min(end, start + 12)].decode("latin-1")
    delimiters = read_delimiters(beginning)

    separator = body[start + 3 : start + 4]
    fields = _fields(body[start:end], delimiters)
    fields.insert(1, separator)
    fields += [b""] * (_LAST_FIELD + 1 - len(fields))

    component = delimiters.component.encode()
    message_type = fields[9].split(component, 3)
    return Header(
        delimiters,
        fields[3],
        fields[4],
        fields[5],
        fields[6],
        fields[7],
        message_type[0],
        message_type[1] if len(message_type) > 1 else b"",
        message_type[2] if len(message_type) > 2 else b"",
        fields[10],
        fields[11].partition(component)[0],
        fields[12].partition(component)[0],
        fields[15],
        fields[16],
        fields[18],
        fields,
        _quirks(body, start, beginning),
    )


def is_answer(body: bytes, header: Header) -> bool:
    """Whether the message is an acknowledgement, or another answer to a message: what has an MSA."""
    return header.type == b"ACK" or any(msa in body for msa in _MSA)


def read_patient(body: bytes, header: Header, default: str = "") -> bytes:
    """PID-3.1 of the first repetition, as sent; b"" when there is none, or no PID.

    `default` is the character set agreed with the sender.
    """
    delimiters = header.delimiters
    separator = delimiters.field.encode()
    start = _find_segment(body, b"PID" + separator)
    if start < 0:
        return b""
    found = _SEGMENT_END.search(body, start)
    line = body[start : found.start() if found else len(body)]
    if not _is_plain(line, delimiters):
        return _first_leaf(line, cover_segment(line, delimiters, header.charset, default), delimiters)
    fields = line.split(separator, 4)
    if len(fields) < 4:
        return b""
    first = fields[3].partition(delimiters.repetition.encode())[0]
    component = first.partition(delimiters.component.encode())[0]
    return component.partition(delimiters.subcomponent.encode())[0]


def _first_leaf(line: bytes, cover: bytes, delimiters: Delimiters) -> bytes:
    """The same of a PID with characters of more than one byte."""
    fields = cut(line, cover, delimiters.field, 4)
    if len(fields) < 4:
        return b""
    part = fields[3]
    for separator in (delimiters.repetition, delimiters.component, delimiters.subcomponent):
        part = cut(*part, separator, 1)[0]
    return part[0]


def _fields(line: bytes, delimiters: Delimiters) -> list[bytes]:
    """`MSH` and what follows it, up to MSH-18."""
    if _is_plain(line, delimiters):
        return line.split(delimiters.field.encode(), _LAST_FIELD)[:_LAST_FIELD]
    parts = cut(line, cover_header(line, delimiters), delimiters.field, _LAST_FIELD)
    return [part for part, _ in parts[:_LAST_FIELD]]


def _is_plain(line: bytes, delimiters: Delimiters) -> bool:
    """Whether every byte is a character: no others, and no escape sequence that leads to others."""
    return line.isascii() and ESC not in line and b"%sM" % delimiters.escape.encode() not in line


def _start(body: bytes) -> int:
    """Where MSH starts."""
    if body.startswith(b"MSH"):
        return 0
    rest = body.removeprefix(BOM).lstrip(_BEFORE_MSH)
    if rest.startswith(b"MSH"):
        return len(body) - len(rest)
    if body.startswith(_WIDE):
        raise NotHL7("the message is in UTF-16 or UTF-32; MLLP carries single-byte encodings and UTF-8")
    if rest.startswith(b"<"):
        raise NotHL7("the message is in XML; send the ER7 (vertical bar) encoding")
    raise NotHL7("the message does not start with an MSH segment")


def _quirks(body: bytes, start: int, beginning: str) -> tuple[str, ...]:
    quirks = []
    if start:
        quirks.append("byte order mark" if body.startswith(BOM) else "blank before MSH")
    if has_more_characters(beginning):
        quirks.append("long MSH-2")
    if b"\n" in body:
        quirks.append("line feeds")
    if not body.endswith((b"\r", b"\n")):
        quirks.append("no last segment end")
    return tuple(quirks)


def _find_segment(body: bytes, opening: bytes) -> int:
    starts = [found + 1 for end in (b"\r", b"\n") if (found := body.find(end + opening)) >= 0]
    return min(starts, default=-1)
