"""What the services agree on about queues: their names, what a lane is called, what travels in it."""

from dataclasses import dataclass
from hashlib import blake2b

import orjson

INBOUND = "hl7.inbound"
PRIORITIES = (1, 2, 3, 4, 5)  # 1 is drained first
DEFAULT_PRIORITY = 3
SLOTS = 64  # lanes an organization's messages of one priority are spread over

INBOUND_QUEUES = tuple(f"{INBOUND}:{priority}" for priority in PRIORITIES)
TRANSFORMATIONS = "transformations"  # stored messages that are to be transformed again
OUTBOUND = "hl7.outbound"  # what is to be sent to other systems

# The RQ job that drains a lane, by queue: called with (lane, job id). Dotted paths, so that only the worker
# imports them.
DRAINS = {
    **dict.fromkeys(INBOUND_QUEUES, "services.transformer.jobs.drain"),
    TRANSFORMATIONS: "services.transformer.jobs.transform_again",
    OUTBOUND: "services.outbound_sender.jobs.drain",
}

TRANSFORMER_QUEUES = (*INBOUND_QUEUES, TRANSFORMATIONS)  # what is new goes before what is known


@dataclass(frozen=True, slots=True)
class Envelope:
    """One acknowledged HL7 message on its way from the gateway to the transformer."""

    message_id: str  # 32 hex digits; the same for a resend of the same bytes by the same sender
    organization: str
    received_at: float  # Unix seconds, the gateway's clock
    sender: str  # MSH-3|MSH-4 as text; escape sequences as sent
    peer: str  # address of the sender's connection
    charset: str  # character set to assume when MSH-18 is empty; "" for none
    body: bytes  # the message as received, without framing
    timezone: str = ""  # IANA zone of times where the message states no offset; "" for none

    def to_wire(self) -> bytes:
        """One JSON line of facts, then the message's bytes untouched."""
        facts = {
            "id": self.message_id,
            "org": self.organization,
            "at": self.received_at,
            "sender": self.sender,
            "peer": self.peer,
            "charset": self.charset,
            "timezone": self.timezone,
        }
        return orjson.dumps(facts) + b"\n" + self.body

    @classmethod
    def from_wire(cls, wire: bytes) -> "Envelope":
        line, _, body = wire.partition(b"\n")
        facts = orjson.loads(line)
        return cls(
            message_id=facts["id"],
            organization=facts["org"],
            received_at=facts["at"],
            sender=facts["sender"],
            peer=facts["peer"],
            charset=facts["charset"],
            body=body,
            timezone=facts.get("timezone", ""),  # the release before does not write it
        )


@dataclass(frozen=True, slots=True)
class Due:
    """Says on its destination's lane that a delivery waits. Whether it still does, its row knows."""

    organization: str
    destination: str
    delivery_id: int
    since: float  # Unix seconds

    @property
    def lane(self) -> str:
        """One lane a destination, so that its order is kept and it holds up no other."""
        return outbound_lane(self.organization, self.destination)

    def to_wire(self) -> bytes:
        return orjson.dumps({"delivery": self.delivery_id, "at": self.since})

    @staticmethod
    def delivery_of(wire: bytes) -> int:
        """The id in what `to_wire` wrote. Raises ValueError, LookupError or TypeError."""
        return int(orjson.loads(wire)["delivery"])


def message_id(organization: str, application: bytes, facility: bytes, control_id: bytes, body: bytes) -> str:
    """The id under which a message is applied once: its sender, its MSH-10 and its content.

    A resend of the same bytes has the same id and is a no-op; other bytes under a used MSH-10 are
    another message (rule 18 of the MLLP rules: docs/mllp.md).
    """
    digest = blake2b(digest_size=16)
    for part in (organization.encode(), application, facility, control_id, body):
        digest.update(len(part).to_bytes(4, "big") + part)
    return digest.hexdigest()


def inbound_lane(organization: str, priority: int, patient: bytes) -> str:
    """The lane of a message: `queue/organization/slot`.

    `patient` is what its order is kept by: the patient identifier (PID-3.1 of the first repetition,
    as sent), or the sender when there is no PID. Priority belongs to a sender rule, never to a
    message, so that what one sender says about a patient stays in one lane.
    """
    return f"{INBOUND}:{priority}/{organization}/{_slot(patient)}"


def transformation_lane(organization: str, patient: bytes) -> str:
    """The lane on which what is stored about a patient is transformed again; `patient` as above."""
    return f"{TRANSFORMATIONS}/{organization}/{_slot(patient)}"


def outbound_lane(organization: str, destination: str) -> str:
    """The lane on which everything waits that is to be sent to a destination."""
    return f"{OUTBOUND}/{organization}/{destination}"


def patient_key(patient: bytes) -> int | None:
    """A number for the patient identifier, as sent (PID-3.1); None without one. Equal ones keep an order."""
    return int.from_bytes(blake2b(patient, digest_size=8).digest(), "big", signed=True) if patient else None


def _slot(patient: bytes) -> int:
    return int.from_bytes(blake2b(patient, digest_size=4).digest(), "big") % SLOTS


def queue_of(lane: str) -> str:
    """The RQ queue that carries the lane's job."""
    return lane.partition("/")[0]


def organization_of(lane: str) -> str:
    """Whose messages are in the lane."""
    return lane.split("/")[1] if "/" in lane else ""
