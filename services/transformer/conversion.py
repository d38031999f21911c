"""One message on its way through: what it became, or why it could not become anything."""

import re
import time
from dataclasses import dataclass, replace
from hashlib import blake2b

import orjson

from libs.errors import Permanent
from libs.fhir.bundle import Entry
from libs.hl7v2.ack import AckError
from libs.hl7v2.character_sets import UnsupportedCharset
from libs.hl7v2.charset import decode_message
from libs.hl7v2.header import Header, NotHL7, read_header, read_patient
from libs.hl7v2.message import parse
from libs.lanes.claim import Batch
from libs.lanes.contracts import Envelope, patient_key, queue_of
from libs.lanes.drain import reason
from libs.mapping.inbound.mapper import Unmappable, map_message
from libs.store.engine import NotStorable
from libs.store.messages import Buried, Finished
from services.transformer.configurations import Configuration

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
    answer: AckError  # what its sender may be told


@dataclass(frozen=True, slots=True)
class Conversion:
    """A message and what it became: entries to write, or a failure."""

    lane: str
    envelope: Envelope
    header: Header | None = None  # None when it could not be read
    control_id: str = ""  # "" when it could not be read
    message_type: str = ""  # ADT^A01; "" when it could not be read
    patient_key: int | None = None  # of PID-3 as sent; None without one
    mapping_version: int = 0  # of the layers that it was mapped by
    waits: bool = False  # it has a code that no map knows, and is to be parked for that
    entries: tuple[Entry, ...] = ()
    report: str = "{}"  # JSON
    failure: Failure | None = None

    def failed(self, error: Exception, attempts: int) -> "Conversion":
        """The same message as one that cannot be stored."""
        return replace(self, entries=(), waits=False, failure=_failure(error, attempts))

    def finished(self) -> Finished:
        """The message as one that was mapped."""
        return Finished(
            self.envelope,
            self.control_id,
            self.message_type,
            self.report,
            self.patient_key,
            self.mapping_version,
        )

    def buried(self, failure: Failure) -> Buried:
        """The message as a dead letter."""
        return Buried(
            envelope=self.envelope,
            control_id=self.control_id,
            message_type=self.message_type,
            queue=queue_of(self.lane),
            lane=self.lane,
            reason=failure.reason,
            error=failure.error,
            attempts=failure.attempts,
            patient_key=self.patient_key,
        )


def receive(batch: Batch) -> list[Conversion]:
    """The messages of a batch, nothing done with them yet; what cannot be handled has failed already."""
    received = [_receive(batch.lane, wire) for wire in batch.messages]
    if batch.stalls >= LOST_WORKERS:
        lost = WorkerLost(f"{batch.stalls} workers in a row ended with it in hand")
        received[0] = received[0].failed(lost, batch.stalls)
    return received


def convert(received: Conversion, configuration: Configuration) -> Conversion:
    """Read and map one message that has not failed. What goes wrong here goes wrong every time."""
    if received.failure is not None:
        return received
    envelope = received.envelope
    received = replace(received, mapping_version=configuration.version)
    try:
        config = configuration.of(envelope)
        text, warnings = decode_message(envelope.body, config.charset)
        mapped = map_message(parse(text), config)
        report = {**mapped.report.to_dict(), "charset": warnings}
        return replace(
            received,
            entries=tuple(mapped.entries),
            report=orjson.dumps(report).decode(),
            waits=config.park_unmapped and bool(mapped.report.uncoded),
        )
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
    return read(lane, envelope)


def read(lane: str, envelope: Envelope) -> Conversion:
    """A message with what its header says, nothing done with it yet."""
    try:
        header = read_header(envelope.body)
    except NotHL7:
        return Conversion(lane, envelope)
    kind = "^".join(part.decode("latin-1") for part in (header.type, header.event) if part)
    control_id = header.control_id.decode("latin-1")
    key = patient_key(read_patient(envelope.body, header, envelope.charset))
    kind = kind if _MESSAGE_TYPE.fullmatch(kind) else ""
    return Conversion(lane, envelope, header, control_id, kind, key)


def _failure(error: Exception, attempts: int) -> Failure:
    text = str(error) if isinstance(error, Permanent) else reason(error)
    return Failure(type(error).__name__, text, attempts, _answer(error))


def _answer(error: Exception) -> AckError:
    """Only what it says on purpose: the text of an error is for operators."""
    match error:
        case Unmappable():
            return AckError(error.code, location=error.location)
        case UnsupportedCharset():
            return AckError("103", location="MSH^1^18")
        case NotStorable():
            return AckError("102")
        case _:
            return AckError("207")
