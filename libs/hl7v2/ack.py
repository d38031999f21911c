"""Acknowledgements: which one is due, and how it is written for the sender's version.

Source: HL7 v2.5.1 chapter 2, 2.9.2 (original mode), 2.9.3 (enhanced mode), 2.15.5 (ERR), 2.15.8 (MSA).
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from libs.hl7v2.delimiters import STANDARD, Delimiters
from libs.hl7v2.escape import encode
from libs.hl7v2.header import Header

OUR_VERSION = "2.5.1"  # of an answer to a message that does not say its own

# Table 0357: message error condition codes.
ERROR_TEXTS = {
    "100": "Segment sequence error",
    "101": "Required field missing",
    "102": "Data type error",
    "103": "Table value not found",
    "104": "Value too long",
    "200": "Unsupported message type",
    "201": "Unsupported event code",
    "202": "Unsupported processing id",
    "203": "Unsupported version id",
    "204": "Unknown key identifier",
    "205": "Duplicate key identifier",
    "206": "Application record locked",
    "207": "Application internal error",
}


class AckCode(StrEnum):
    """Table 0008: what became of a message."""

    AA = "AA"  # original mode, or application: accepted
    AE = "AE"  # the content is at fault; the sender must correct it
    AR = "AR"  # the header is at fault, or a cause that has nothing to do with the content
    CA = "CA"  # enhanced mode: committed to safe storage
    CE = "CE"
    CR = "CR"

    @property
    def accepts(self) -> bool:
        return self in (AckCode.AA, AckCode.CA)


@dataclass(frozen=True, slots=True)
class AckError:
    """Why a message was not accepted. Never put a message's content or an exception's text into it."""

    code: str  # table 0357
    text: str = ""  # for the sender's engineer; "" when the table's text says it all
    location: str = ""  # segment^sequence^field, e.g. "MSH^1^10"; "" when it has none
    severity: str = "E"  # table 0516


class Condition(StrEnum):
    """Table 0155: when a sender wants an acknowledgement."""

    AL = "AL"  # always
    NE = "NE"  # never
    ER = "ER"  # only when it was not accepted
    SU = "SU"  # only when it was accepted

    def wants(self, code: AckCode) -> bool:
        if self in (Condition.AL, Condition.NE):
            return self is Condition.AL
        return code.accepts is (self is Condition.SU)


@dataclass(frozen=True, slots=True)
class AnswerMode:
    """What a sender wants to hear, and when."""

    enhanced: bool
    accept: Condition  # when an answer is due at once: AA/AE/AR, in enhanced mode CA/CE/CR
    application: Condition  # when a message of its own reports what became of it; NE in original mode
    unknown: bool = False  # MSH-15 or MSH-16 is not in table 0155, so original mode is used

    def answer(self, code: AckCode) -> AckCode | None:
        """The code to answer at once where original mode answers `code`; None when none is wanted."""
        if not self.enhanced:
            return code
        commit = AckCode("C" + code[1])
        return commit if self.accept.wants(commit) else None


ORIGINAL = AnswerMode(enhanced=False, accept=Condition.AL, application=Condition.NE)
NO_ANSWER = AnswerMode(enhanced=True, accept=Condition.NE, application=Condition.NE)


def answer_mode(header: Header) -> AnswerMode:
    """Original mode, or the enhanced mode that MSH-15 and MSH-16 ask for.

    One of them left empty counts as never; an accept acknowledgement never and an application
    acknowledgement always is what original mode does.
    """
    if not header.accept_ack and not header.application_ack:
        return ORIGINAL
    try:
        accept = Condition((header.accept_ack or b"NE").decode("latin-1"))
        application = Condition((header.application_ack or b"NE").decode("latin-1"))
    except ValueError:
        return AnswerMode(enhanced=False, accept=Condition.AL, application=Condition.NE, unknown=True)
    if accept is Condition.NE and application is Condition.AL:
        return ORIGINAL
    return AnswerMode(enhanced=True, accept=accept, application=application)


def application_answer(header: Header, code: AckCode) -> AckCode | None:
    """`code`, where MSH-16 asks to be told it in a message of its own once the message is settled.

    None where it does not, and without MSH-10: nothing could say what is answered.
    """
    return code if header.control_id and answer_mode(header).application.wants(code) else None


def acknowledge(
    header: Header | None,
    code: AckCode,
    *,
    control_id: str,
    now: datetime,
    error: AckError | None = None,
    expected_sequence: int | None = None,
    asks: Condition | None = None,
) -> bytes:
    """The acknowledgement message, unframed.

    `header` is None when no MSH could be read; `control_id` is the acknowledgement's own MSH-10;
    `now` has a time zone; `expected_sequence` is MSA-4 for a sender that uses MSH-13; `asks` is for one
    that is a message of its own: when it is to be answered itself (MSH-15; MSH-16 is NE then).
    Raises ValueError: a message without MSH-10 cannot be accepted, since no one could tell which it was.
    """
    if code.accepts and (header is None or not header.control_id):
        raise ValueError("a message without MSH-10 cannot be accepted")
    delimiters = header.delimiters if header else STANDARD
    echoed = header.control_id if header else b""
    version = _version(header)

    msa: list[bytes] = [b"MSA", code.encode(), echoed]
    if error and version < (2, 5):
        msa.append(_text(_explanation(error)[:80], delimiters))
    if expected_sequence is not None:
        msa += [b""] * (4 - len(msa)) + [str(expected_sequence).encode()]

    segments = [_msh(header, version, control_id, now, asks), msa]
    if error:
        segments.append(_err(error, version, delimiters))
    separator = delimiters.field.encode()
    return b"".join(_segment(fields, separator) for fields in segments)


def _msh(
    header: Header | None, version: tuple[int, int], control_id: str, now: datetime, asks: Condition | None
) -> list[bytes]:
    delimiters = header.delimiters if header else STANDARD
    # The sign of an offset cannot be escaped.
    time = now.strftime("%Y%m%d%H%M%S" if "+" in delimiters or "-" in delimiters else "%Y%m%d%H%M%S%z")
    parties = [b"", b"", b"", b""]
    event = charset = b""
    processing, sent_version = b"P", _text(OUR_VERSION, delimiters)
    if header:
        parties = [
            header.receiving_application,
            header.receiving_facility,
            header.application,
            header.facility,
        ]
        event, charset = header.event, header.charset
        processing, sent_version = header.fields[11] or processing, header.fields[12] or sent_version
    component = delimiters.component.encode()
    acknowledgement = component.join((b"ACK", event, b"ACK")) if event and version >= (2, 4) else b"ACK"
    msh = [
        b"MSH",
        delimiters.encoding_characters.encode(),
        *parties,
        time.encode(),
        b"",
        acknowledgement,
        control_id.encode("ascii"),
        processing,
        sent_version,
    ]
    wanted = [asks.encode(), Condition.NE.encode()] if asks else [b"", b""]
    msh += [b"", b"", *wanted, b"", charset]
    while not msh[-1]:
        msh.pop()
    return msh


def _err(error: AckError, version: tuple[int, int], delimiters: Delimiters) -> list[bytes]:
    component, subcomponent = delimiters.component.encode(), delimiters.subcomponent.encode()
    place = [_text(part, delimiters) for part in error.location.split("^")]
    condition = [error.code.encode(), _text(ERROR_TEXTS.get(error.code, ""), delimiters), b"HL70357"]
    if version < (2, 5):
        # No repetition and component: the code is the fourth component.
        place = [*place, b"", b""][:3]
        return [b"ERR", component.join((*place, subcomponent.join(condition)))]
    err = [b"ERR", b"", component.join(place), component.join(condition), error.severity.encode()]
    return [*err, b"", b"", b"", _text(error.text, delimiters)] if error.text else err


def _explanation(error: AckError) -> str:
    return error.text or ERROR_TEXTS.get(error.code, "")


def _text(text: str, delimiters: Delimiters) -> bytes:
    return encode(text, delimiters).encode("ascii", "replace")


def _segment(fields: list[bytes], separator: bytes) -> bytes:
    line = separator.join(fields)
    if line.endswith(b"\x1c"):  # an echoed FS must not meet the CR: that would end the frame
        line += separator
    return line + b"\r"


def _version(header: Header | None) -> tuple[int, int]:
    """Major and minor number; ours when the message does not say one that can be read."""
    if header:
        major, _, minor = header.version.partition(b".")
        minor = minor.partition(b".")[0]
        if major.isdigit() and minor.isdigit() and len(major) + len(minor) <= 4:
            return int(major), int(minor)
    return 2, 5
