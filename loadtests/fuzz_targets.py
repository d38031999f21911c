"""What is fuzzed: each target takes any bytes at all, and raises when a library breaks a promise.

The promises: only the documented errors, no hang, the same result however the bytes arrive, nothing lost
on the way through, and two readers of the same thing (from bytes, from text) that agree.
"""

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime

from libs.hl7v2.ack import AckCode, AckError, acknowledge, answer_mode
from libs.hl7v2.batch import split_messages
from libs.hl7v2.character_sets import CharacterSets, character_sets
from libs.hl7v2.charset import UnsupportedCharset, decode_message, decode_part
from libs.hl7v2.delimiters import STANDARD, BadHeader, Delimiters, NotHL7, read_delimiters
from libs.hl7v2.escape import MOST_REPEATED, decode, encode
from libs.hl7v2.header import BOM, Header, read_header, read_patient
from libs.hl7v2.message import HEADERS, Message, Segment, parse
from libs.hl7v2.mllp import END, FS, VT, ForeignProtocol, FrameDecoder, FrameTooLarge, frame
from libs.hl7v2.path import BadPath, parse_path
from libs.hl7v2.timestamp import BadTimestamp, parse_timestamp
from libs.hl7v2.writer import encode as encode_message
from loadtests.fuzz_mapping import Broken, mapping

_NOW = datetime(2026, 3, 2, 10, 15, tzinfo=UTC)
_MSH = "MSH|^~\\&|LAB|NORTH|EHR|MAIN|20260302101500||ADT^A01|1|P|2.5.1\r"


def framing(data: bytes) -> None:
    """The first four bytes say where the stream is cut, and the limit; the rest is the stream."""
    cuts, stream = data[:4], data[4:]
    limit = (cuts[0] if cuts else 0) or 1_000
    whole = _received([stream], limit)
    _require(_received(_chunks(stream, cuts), limit) == whole, "the chunks decide what is received")
    if len(stream) < 32:
        _require(_received(_chunks(stream, b"\0"), limit) == whole, "bytes one by one")
    for message in whole[0]:
        _require(VT not in message and END not in message, "a message with framing in it")
        _require(len(message) <= limit, "a message beyond the limit")
        if not message.endswith(FS):
            _require(_received([frame(message)], limit)[0] == [message], "a framed message comes back")


def header(data: bytes) -> None:
    """MSH and PID-3 are the same, read from bytes, as in the decoded text."""
    try:
        found = read_header(data)
        patient = read_patient(data, found)
        answer_mode(found)
        text, doubts = decode_message(data)
        message = parse(text)
    except (NotHL7, UnsupportedCharset):
        return
    pid = message.first("PID")
    _require(bool(pid) or not patient, "a patient without PID")
    if doubts or data.startswith(BOM) or (b"\x1b" in data and not _sets(found).switches):
        return  # the text is read in another character set than MSH-18 says
    if message.header.raw(18) != found.charset.decode("latin-1"):
        return  # half a character has swallowed a delimiter, and with it the declaration
    if re.search(rb"\x1b[^$(]|\x1b\$\)", data):
        return  # what a field's bytes are depends on the fields before it
    for number in range(1, 19):
        field = decode_part(found.fields[number], found)
        _require(field == message.header.raw(number), "MSH is read otherwise from bytes than from text")
    starts = data.count(b"\rPID") + data.count(b"\nPID")  # none where an escape sequence stands before it
    if pid and pid.field_count and starts == len(message.all("PID")):
        _require(decode_part(patient, found) == _first(pid, 3), "PID-3 is read otherwise from bytes")


def charset(data: bytes) -> None:
    """The first byte chooses the sender's default."""
    default = ("", "UNICODE UTF-8", "8859/1", "BIG-5", "GB 18030-2000", "~ISO IR87~ISO IR159", "ISO IR13")
    body = data[1:] if data.startswith((b"MSH", BOM), 1) else _MSH.encode() + data
    try:
        text, doubts = decode_message(body, default[data[0] % len(default) if data else 0])
    except (NotHL7, UnsupportedCharset):
        return
    _require("\0" not in text, "a NUL in the text")
    encoded = text.encode()  # raises when a surrogate is in it
    if body.isascii() and b"\x1b" not in body and not doubts and read_header(body).charset == b"":
        _require(encoded == body or bool(default), "ASCII is not what it was")
    try:
        _require(encode_message(parse(text)) != "", "nothing is left of the message")
    except NotHL7:
        return


def tokenizer(data: bytes) -> None:
    """A message whose text is any; every leaf of it is what splitting by hand gives."""
    text = data.decode("utf-8", "surrogateescape")
    if not text.startswith("MSH"):
        text = _MSH + text
    try:
        message = parse(text)
    except NotHL7:
        return
    encoded = encode_message(message)
    if text.endswith("\r") and "\n" not in text and all(line.strip() for line in text[:-1].split("\r")):
        _require(encoded == text, "a well-formed message is not encoded as it was sent")
    again = parse(encoded)
    _require([s.line for s in again.segments] == [s.line for s in message.segments], "encoded, read, changed")
    for segment in message.segments:
        _read_all(segment, message)


def escapes(data: bytes) -> None:
    delimiters = _delimiters(data[:6])
    text = data[6:].decode("utf-8", "replace")
    read = decode(text, delimiters)
    _require(len(read) <= MOST_REPEATED * len(text), "an escape sequence grows without limit")
    plain = text.replace("\0", "")
    written = encode(plain, delimiters)
    _require(
        not set(written) & {c for c in delimiters if c and c != delimiters.escape}, "an unescaped delimiter"
    )
    expected = plain.replace("\r\n", "\n").replace("\r", "\n")
    _require(decode(written, delimiters) == expected, "a text is not what it was")


def acknowledgement(data: bytes) -> None:
    """An answer to whatever has a header can be framed, and repeats MSH-10 byte for byte."""
    try:
        sent = read_header(data)
    except NotHL7:
        return
    codes = list(AckCode) if sent.control_id else [AckCode.AE, AckCode.AR, AckCode.CE, AckCode.CR]
    code = codes[len(data) % len(codes)]
    answer = acknowledge(
        sent,
        code,
        control_id="E1",
        now=_NOW,
        error=None if code.accepts else AckError("101", "Field | missing", "PID^1^3"),
        expected_sequence=7 if code is AckCode.AA else None,
    )
    msa = answer.split(b"\r")[1]
    _require(msa.startswith(sent.fields[1].join((b"MSA", code.encode(), sent.control_id))), "MSA-2 differs")
    received = read_header(answer)
    _require(received.delimiters == sent.delimiters, "other delimiters than the sender's")
    # A party that leaves its escape sequence open means something else once the parties have swapped places.
    if not _sets(sent).switches:
        _require(received.control_id == b"E1", "the answer's own MSH-10")
    if VT not in data and END not in data:
        _require(_received([frame(answer)], 100_000)[0] == [answer], "an answer that cannot be sent")


def batches(data: bytes) -> None:
    messages = list(split_messages(data))
    content = data.removeprefix(BOM).lstrip(b"\r\n\t \0")
    if messages == [data]:
        return
    _require(content.startswith((b"MSH", b"FHS", b"BHS")), "what is no batch was split")
    _require(all(message.startswith(b"MSH") for message in messages), "a part that is no message")
    position = 0
    for message in messages:
        position = data.find(message, position) + len(message)
        _require(position >= len(message), "a part that was not sent, or not in this order")
    for message in messages:
        _require(list(split_messages(message)) == [message], "a part that is several messages")


def texts(data: bytes) -> None:
    """Times and paths: read, or refused."""
    text = data.decode("utf-8", "replace")
    with suppress(BadTimestamp):
        parse_timestamp(text).to_datetime()
    with suppress(BadPath):
        _require(min(parse_path(text)[1:]) > 0, "a path that counts from 0")


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (framing, tokenizer, escapes, batches, texts, header, charset, acknowledgement, mapping)
}


def _require(condition: bool, promise: str) -> None:
    if not condition:
        raise Broken(promise)


def _received(chunks: Iterable[bytes], limit: int) -> tuple[list[bytes], str, int]:
    """The messages of a stream, how it ended, and how many bytes were outside messages."""
    decoder = FrameDecoder(limit)
    messages: list[bytes] = []
    ended = ""
    for chunk in chunks:
        try:
            for message in decoder.feed(chunk):
                messages.append(message)  # not in one go: those before an error count
        except (FrameTooLarge, ForeignProtocol) as error:
            ended = type(error).__name__
    messages += decoder.grace_elapsed()
    decoder.close()
    return messages, ended, decoder.dropped


def _chunks(stream: bytes, cuts: bytes) -> list[bytes]:
    sizes = [cut % 40 + 1 for cut in cuts] or [1]
    chunks: list[bytes] = []
    position = 0
    while position < len(stream):
        size = sizes[len(chunks) % len(sizes)]
        chunks.append(stream[position : position + size])
        position += size
    return chunks


def _read_all(segment: Segment, message: Message) -> None:
    d = message.delimiters
    fields = segment.line.split(d.field)
    if segment.name in HEADERS:
        fields.insert(1, d.field)
    _require(segment.field_count == len(fields) - 1, "the number of fields")
    for number, raw in enumerate(fields[:40]):
        segment.state(number)
        bool(segment.first(number))
        if number <= (2 if segment.name in HEADERS else 0):
            continue
        _require(segment.raw(number) == raw, "a field as sent")
        for count, repetition in enumerate(raw.split(d.repetition)[:4], 1):
            for component, part in enumerate(repetition.split(d.component)[:4], 1):
                for subcomponent, leaf in enumerate(part.split(d.subcomponent)[:4], 1):
                    path = f"{number}[{count}].{component}.{subcomponent}"
                    expected = "" if leaf == '""' else decode(leaf, d)
                    _require(segment.at(path) == expected, "a leaf")


def _sets(header: Header) -> CharacterSets:
    """What MSH-18 stands for; nothing when it declares UTF-16."""
    with suppress(UnsupportedCharset):
        return character_sets(header.charset.decode("latin-1"), header.delimiters.repetition)
    return character_sets("")


def _first(segment: Segment, field: int) -> str:
    """The first leaf of a field, as sent."""
    return segment.first(field).part(1).part(1).raw


def _delimiters(data: bytes) -> Delimiters:
    try:
        return read_delimiters("MSH" + data.decode("latin-1") + data[:1].decode("latin-1"))
    except BadHeader:
        return STANDARD
