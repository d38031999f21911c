"""One message on its way through: what it became, or why it could not become anything."""

import re
import time
from dataclasses import dataclass, replace
from hashlib import blake2b

import orjson

from libs.errors import Permanent
from libs.fhir.bundle import Entry
from libs.hl7v2.charset import decode_message
from libs.hl7v2.header import NotHL7, read_header
from libs.hl7v2.message import parse
from libs.lanes.claim import Batch
from libs.lanes.contracts import Envelope
from libs.lanes.drain import reason
from libs.mapping.inbound.config import MappingConfig
from libs.mapping.inbound.mapper import map_message

# A message that ends its worker each time would hold its lane for ever. So many workers are not lost by
# chance while the same message stands first: it is set aside untried, as a dead letter to be replayed.
LOST_WORKERS = 5

# What else stands in MSH-9 is no type but content that slipped, and must not get into logs.
_MESSAGE_TYPE = re.compile(r"[A-Z0-9]{3}(\^[A-Z0-9]{3})?")


class WorkerLost(Permanent):
    """Worker after worker ended while it had the message in hand."""


class Unreadable(Permanent):
    """What stands in the lane is not as this release writes it."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a message is a dead letter."""

    reason: str  # name of the error
    error: str  # what is wrong and where; no content of the message
    attempts: int


@dataclass(frozen=True, slots=True)
class Conversion:
    """A message and what it became: entries to write, or a failure."""

    lane: str
    envelope: Envelope
    control_id: str = ""  # "" when it could not be read
    message_type: str = ""  # ADT^A01; "" when it could not be read
    entries: tuple[Entry, ...] = ()
    report: str = "{}"  # JSON
    failure: Failure | None = None

    def failed(self, error: Exception, attempts: int) -> "Conversion":
        """The same message as one that cannot be stored."""
        return replace(self, entries=(), failure=_failure(error, attempts))


def receive(batch: Batch) -> list[Conversion]:
    """The messages of a batch, nothing done with them yet; what cannot be handled has failed already."""
    received = [_receive(batch.lane, wire) for wire in batch.messages]
    if batch.stalls >= LOST_WORKERS:
        lost = WorkerLost(f"{batch.stalls} workers in a row ended with it in hand")
        received[0] = received[0].failed(lost, batch.stalls)
    return received


def convert(received: Conversion, config: MappingConfig) -> Conversion:
    """Read and map one message that has not failed. What goes wrong here goes wrong every time."""
    if received.failure is not None:
        return received
    envelope = received.envelope
    try:
        text, warnings = decode_message(envelope.body, envelope.charset)
        mapped = map_message(parse(text), config)
        report = {**mapped.report.to_dict(), "charset": warnings}
        return replace(received, entries=tuple(mapped.entries), report=orjson.dumps(report).decode())
    except MemoryError:
        raise  # it may be the other messages' fault
    except Exception as error:
        # Reading and mapping are pure: even a defect of the mapping hits this message each time,
        # and must hit no other message of the batch.
        return received.failed(error, 1)


def _receive(lane: str, wire: bytes) -> Conversion:
    try:
        envelope = Envelope.from_wire(wire)
    except (ValueError, LookupError, TypeError) as error:
        message_id = blake2b(wire, digest_size=16).hexdigest()
        envelope = Envelope(message_id, lane.split("/")[1], time.time(), "", "", "", wire)
        problem = f"it is not as this release writes messages into lanes ({type(error).__name__})"
        return Conversion(lane, envelope).failed(Unreadable(problem), 1)
    try:
        header = read_header(envelope.body)
    except NotHL7:
        return Conversion(lane, envelope)
    kind = "^".join(part.decode("latin-1") for part in (header.type, header.event) if part)
    control_id = header.control_id.decode("latin-1")
    return Conversion(lane, envelope, control_id, kind if _MESSAGE_TYPE.fullmatch(kind) else "")


def _failure(error: Exception, attempts: int) -> Failure:
    text = str(error) if isinstance(error, Permanent) else reason(error)
    return Failure(type(error).__name__, text, attempts)
