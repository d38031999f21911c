"""Everything that is known of a message, but for what it says."""

from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from libs.errors import Permanent
from libs.hl7v2.ack import AckCode, application_answer
from libs.hl7v2.charset import decode_message
from libs.hl7v2.header import NotHL7, read_header
from libs.hl7v2.message import parse
from libs.mapping.inbound.segments.msh import provenance_id
from libs.store.dead_letters import DeadLetter, letters_of
from libs.store.deliveries import Sent, sent_for
from libs.store.message_list import Received, content, made_by, received_message
from libs.store.messages import DEAD, TRANSFORMED


@dataclass(frozen=True, slots=True)
class Described:
    message: Received
    report: str | None  # JSON: what was not carried over, each with its position; None: it was not mapped
    resources: list[str] | None  # Type/id of what it is about; None when none is known
    dead_letters: list[DeadLetter]
    deliveries: list[Sent]  # to other systems, that it gave rise to
    # AA | AE: the application acknowledgement that its sender asked for, and that no destination is set for.
    unsent_acknowledgement: str | None


def describe(connection: Connection[Any], org: str, message_id: str) -> Described:
    """Raises UnknownMessage."""
    message, report = received_message(connection, org, message_id)
    raw = content(connection, org, message_id)
    deliveries = sent_for(connection, org, message.id)
    return Described(
        message,
        report,
        _resources(connection, org, raw, message.charset),
        letters_of(connection, org, message.id),
        deliveries,
        _unsent(raw, message.status, {sent.purpose for sent in deliveries}),
    )


def _unsent(raw: bytes, status: str, sent: set[str]) -> str | None:
    code = {TRANSFORMED: AckCode.AA, DEAD: AckCode.AE}.get(status)
    try:
        header = read_header(raw)
    except NotHL7:
        return None
    return code.value if code and application_answer(header, code) and code not in sent else None


def _resources(connection: Connection[Any], org: str, raw: bytes, charset: str) -> list[str] | None:
    """By the Provenance of the message, whose id follows from its header."""
    try:
        text, _ = decode_message(raw, charset)
        header = parse(text).header
    except Permanent:
        return None
    return made_by(connection, org, provenance_id(org, header))
