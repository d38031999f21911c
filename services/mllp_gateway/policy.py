"""What is refused on the header alone, per sender. Source: rules 14, 15 and 17 of docs/mllp.md."""

import re

from libs.errors import Permanent
from libs.hl7v2.ack import AckCode, AckError
from libs.hl7v2.character_sets import UnsupportedCharset, character_sets
from libs.hl7v2.charset import decode_message
from libs.hl7v2.header import BadHeader, Header, NotHL7
from services.mllp_gateway.listeners import Listener
from services.mllp_gateway.message_types import MESSAGE_TYPES
from services.mllp_gateway.senders import Sender

# Of a message whose structure is checked; what is beyond would hold up every other sender meanwhile.
MOST_CHECKED = 1_000_000  # bytes
MOST_PARTS = 10_000  # segments, fields, repetitions and components: 0.1 to 0.2 s

_VERSION = re.compile(rb"2\.[1-9](\.[0-9])?")


class Refusal(Permanent):
    """A message that is not taken: how to say so, and how the metrics name it."""

    def __init__(self, code: AckCode, error: AckError, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.error = error
        self.reason = reason


def check(header: Header, sender: Sender, listener: Listener) -> None:
    """Raises Refusal for what the sender's rule, or else the listener, does not let in."""
    if _says_nothing(header.control_id):
        raise missing(10, "no_control_id")
    if header.type not in MESSAGE_TYPES and sender.unknown_types == "refuse":
        raise _rejected("200", "MSH^1^9^1^1", "unknown_type") if header.type else missing(9, "no_type")
    if sender.types and sender.types.isdisjoint(_names(header)):
        event = any(name.partition("^")[0] == header.type.decode("latin-1") for name in sender.types)
        raise _rejected("201" if event else "200", f"MSH^1^9^1^{2 if event else 1}", "type_not_accepted")
    version = header.version.decode("latin-1")
    if sender.versions:
        if version not in sender.versions:
            raise _rejected("203", "MSH^1^12", "version_not_accepted")
    elif version and not _VERSION.fullmatch(header.version):
        raise _rejected("203", "MSH^1^12", "unknown_version")
    processing_ids = sender.processing_ids or listener.processing_ids
    if processing_ids and header.processing_id.decode("latin-1") not in processing_ids:
        raise _rejected("202", "MSH^1^11", "processing_id_not_accepted")
    if header.charset and not _can_be_read(header):
        raise _rejected("103", "MSH^1^18", "unsupported_charset")
    for field in sorted(sender.required):
        if _says_nothing(header.fields[field]):
            raise missing(field, "required_field_missing")


def not_hl7(error: NotHL7) -> Refusal:
    if isinstance(error, BadHeader):
        return Refusal(AckCode.AR, AckError("102", str(error), error.location), "bad_delimiters")
    return Refusal(AckCode.AR, AckError("100", str(error)), "not_hl7")


def too_large(limit: int) -> Refusal:
    return Refusal(AckCode.AR, AckError("104", f"The message exceeds {limit} bytes"), "too_large")


def unknown_sender() -> Refusal:
    error = AckError("207", "No rule of this receiver knows the sender in MSH-3 to MSH-6", "MSH^1^3")
    return Refusal(AckCode.AR, error, "unknown_sender")


def out_of_sequence() -> Refusal:
    return Refusal(
        AckCode.AE, AckError("100", "A message before this one is missing", "MSH^1^13"), "out_of_sequence"
    )


def check_structure(body: bytes, header: Header, charset: str) -> None:
    """Raises Refusal for the first error of a message's structure, by segment and field."""
    from libs.hl7v2.conformance import first_error  # 20 MB that only strict senders need

    if len(body) > MOST_CHECKED or _parts(body, header) > MOST_PARTS:
        return
    text, _ = decode_message(body, charset)
    if error := first_error(text):
        raise Refusal(AckCode.AE, AckError(error.code, error.text, error.location), "not_conformant")


def _parts(body: bytes, header: Header) -> int:
    """About as many as there are: the number of separators."""
    return sum(body.count(separator.encode()) for separator in ("\r", "\n", *header.delimiters) if separator)


def storage_down() -> Refusal:
    return Refusal(
        AckCode.AR, AckError("207", "The message could not be stored; send it again"), "storage_down"
    )


def missing(field: int, reason: str) -> Refusal:
    return Refusal(AckCode.AE, AckError("101", location=f"MSH^1^{field}"), reason)


def _says_nothing(field: bytes) -> bool:
    return not field or field == b'""' or field.isspace()


def _can_be_read(header: Header) -> bool:
    try:
        character_sets(header.charset.decode("latin-1"), header.delimiters.repetition)
    except UnsupportedCharset:
        return False
    return True


def _rejected(code: str, location: str, reason: str) -> Refusal:
    return Refusal(AckCode.AR, AckError(code, location=location), reason)


def _names(header: Header) -> set[str]:
    message_type = header.type.decode("latin-1")
    return {message_type, f"{message_type}^{header.event.decode('latin-1')}"}
