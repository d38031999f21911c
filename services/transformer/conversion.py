"""One message on its way through: what it became, or why it could not become anything."""

from dataclasses import dataclass, replace

import orjson

from libs.errors import Permanent
from libs.fhir.bundle import Entry
from libs.hl7v2.charset import decode_message
from libs.hl7v2.header import read_header
from libs.hl7v2.message import parse
from libs.lanes.contracts import Envelope
from libs.lanes.drain import reason
from libs.mapping.inbound.config import MappingConfig
from libs.mapping.inbound.mapper import map_message


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a message is a dead letter."""

    reason: str  # name of the error
    error: str  # what is wrong and where; no content of the message
    attempts: int


@dataclass(frozen=True, slots=True)
class Conversion:
    """A message and what it became: entries to write, or a failure."""

    envelope: Envelope
    control_id: str = ""  # "" when it could not be read
    message_type: str = ""  # ADT^A01; "" when it could not be read
    entries: tuple[Entry, ...] = ()
    report: str = "{}"  # JSON
    failure: Failure | None = None

    def failed(self, error: Exception, attempts: int) -> "Conversion":
        """The same message as one that cannot be stored."""
        return replace(self, entries=(), failure=_failure(error, attempts))


def convert(envelope: Envelope, config: MappingConfig) -> Conversion:
    """Read and map one message. Never raises: what goes wrong here goes wrong every time."""
    conversion = Conversion(envelope)
    try:
        header = read_header(envelope.body)
        conversion = replace(
            conversion,
            control_id=header.control_id.decode("latin-1"),
            message_type="^".join(part.decode("latin-1") for part in (header.type, header.event) if part),
        )
        text, warnings = decode_message(envelope.body, envelope.charset)
        mapped = map_message(parse(text), config)
        report = {**mapped.report.to_dict(), "charset": warnings}
        return replace(conversion, entries=tuple(mapped.entries), report=orjson.dumps(report).decode())
    except Exception as error:
        # Reading and mapping are pure: even a defect of the mapping hits this message each time,
        # and must hit no other message of the batch.
        return conversion.failed(error, 1)


def _failure(error: Exception, attempts: int) -> Failure:
    text = str(error) if isinstance(error, Permanent) else reason(error)
    return Failure(type(error).__name__, text, attempts)
