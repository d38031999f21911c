"""HL7 messages: applied once each, or kept as dead letters (libs.store.dead_letters).

A message is *fresh*, that is to be applied, when it is not stored yet or when a replay has marked it.
Its row is written in the transaction that writes its resources: both are there or neither, and its
primary key lets one transaction only do so.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import blake2b
from operator import itemgetter
from typing import Any

from psycopg import Connection

from libs.lanes.contracts import Envelope
from libs.store.engine import Conflict

TRANSFORMED = "transformed"
DEAD = "dead"
REPLAYING = "replaying"
PARKED = "parked"  # it waits for a code map; see libs.store.transformations

_LONGEST_KEY = 300  # characters of a text that is part of an index entry, whose limit is 2,704 bytes

# The columns of a message that `envelope` takes.
ENVELOPE = "id, received_at, sender, peer, charset, timezone, raw"


@dataclass(frozen=True, slots=True)
class Finished:
    """A message that was mapped, and what the mapping has to say about it."""

    envelope: Envelope
    control_id: str  # MSH-10; "" when it has none
    message_type: str  # ADT^A01
    report: str  # JSON
    patient_key: int | None = None  # libs.lanes.contracts.patient_key
    mapping_version: int | None = 0  # of the organization's layers


@dataclass(frozen=True, slots=True)
class Buried:
    """A message that cannot be mapped or delivered."""

    envelope: Envelope
    control_id: str  # "" when it could not be read
    message_type: str
    queue: str
    lane: str
    reason: str  # name of the error
    error: str  # its text: what is wrong and where, no content of the message
    attempts: int
    patient_key: int | None = None


def take(connection: Connection[Any], org: str, envelopes: Iterable[Envelope]) -> set[str]:
    """The ids of those messages that are fresh."""
    ids = {envelope.message_id for envelope in envelopes}
    stored = connection.execute(
        "SELECT replace(id::text, '-', '') FROM message"
        " WHERE org_id = %s AND id = ANY(%s::uuid[]) AND status <> %s",
        (org, list(ids), REPLAYING),
    )
    return ids - {row[0] for row in stored}


def finish(connection: Connection[Any], org: str, finished: Sequence[Finished], now: datetime) -> None:
    """Record fresh messages as transformed. Raises Conflict when one of them no longer is fresh."""
    _record(
        connection,
        [
            _row(org, message, now, status=TRANSFORMED, report=message.report, error=None)
            for message in finished
        ],
    )


def park(connection: Connection[Any], org: str, parked: Sequence[Finished], now: datetime) -> None:
    """Record fresh messages as waiting for a code map. Raises Conflict when one no longer is fresh."""
    waiting = [replace(one, mapping_version=None) for one in parked]
    rows = [_row(org, one, now, status=PARKED, report=one.report, error=None) for one in waiting]
    _record(connection, rows)


def bury(connection: Connection[Any], org: str, buried: Buried, now: datetime) -> None:
    """Record a fresh message as dead, with an open letter. Raises Conflict when it no longer is fresh."""
    _record(connection, [_row(org, buried, now, status=DEAD, report=None, error=buried.error)])
    connection.execute(
        "INSERT INTO dead_letter"
        " (org_id, queue, lane, message_id, reason, error, attempts, created_at, state)"
        " VALUES (%s, %s, %s, %s::uuid, %s, %s, %s, %s, 'open')",
        (org, buried.queue, buried.lane, buried.envelope.message_id, buried.reason, storable(buried.error),
         buried.attempts, now),
    )  # fmt: skip


def newer(connection: Connection[Any], org: str, message_id: str) -> int:
    """How many messages about the same patient were received later and are applied already.

    0 for a message whose patient is not known.
    """
    row = connection.execute(
        "SELECT count(*) FROM message f JOIN message m ON m.org_id = f.org_id"
        " AND m.patient_key = f.patient_key AND (m.received_at, m.id) > (f.received_at, f.id)"
        " WHERE f.org_id = %s AND f.id = %s::uuid AND m.status = %s",
        (org, message_id, TRANSFORMED),
    ).fetchone()
    return int(row[0]) if row else 0


def envelope(org: str, row: Sequence[Any]) -> Envelope:
    """The message of a row, as the gateway had sent it."""
    message_id, received_at, sender, peer, charset, timezone, raw = row
    return Envelope(
        message_id=message_id.hex,
        organization=org,
        received_at=received_at.timestamp(),
        sender=sender,
        peer=peer,
        charset=charset,
        body=raw,
        timezone=timezone,
    )


_INSERT = """
INSERT INTO message AS m (org_id, id, sender, control_id, reused_control_id, message_type, received_at,
    processed_at, status, raw, charset, timezone, peer, report, error, patient_key, mapping_version)
VALUES (%(org)s, %(id)s::uuid, %(sender)s, %(control_id)s,
    EXISTS (SELECT FROM message o WHERE o.org_id = %(org)s AND o.sender = %(sender)s
            AND o.control_id = %(control_id)s AND o.id <> %(id)s::uuid),
    %(type)s, %(received_at)s, %(now)s, %(status)s, %(raw)b, %(charset)s, %(timezone)s, %(peer)s, %(report)s,
    %(error)s, %(patient_key)s, %(mapping_version)s)
ON CONFLICT (org_id, id) DO UPDATE
    SET status = excluded.status, processed_at = excluded.processed_at, report = excluded.report,
        error = excluded.error, message_type = excluded.message_type,
        patient_key = excluded.patient_key,
        mapping_version = coalesce(excluded.mapping_version, m.mapping_version)
    WHERE m.status = 'replaying'
"""


def _record(connection: Connection[Any], rows: list[dict[str, Any]]) -> None:
    """Write the messages' rows, and close the letters of those that were replayed."""
    if not rows:
        return
    # Two transactions with messages in common then wait for each other one way round.
    in_order: list[dict[str, Any]] = sorted(rows, key=itemgetter("id"))
    with connection.cursor() as cursor:
        cursor.executemany(_INSERT, in_order)
        if cursor.rowcount != len(rows):
            raise Conflict("another transaction has applied a message of this batch")
    connection.execute(
        "UPDATE dead_letter SET state = 'replayed', closed_at = %s"
        " WHERE org_id = %s AND message_id = ANY(%s::uuid[]) AND state = 'open' AND delivery_id IS NULL",
        (rows[0]["now"], rows[0]["org"], [row["id"] for row in rows]),
    )


def _row(
    org: str, message: Finished | Buried, now: datetime, *, status: str, report: str | None, error: str | None
) -> dict[str, Any]:
    envelope = message.envelope
    return {
        "org": org,
        "id": envelope.message_id,
        "sender": _key(envelope.sender),
        "control_id": _key(message.control_id),
        "type": _key(message.message_type),
        "received_at": datetime.fromtimestamp(envelope.received_at, UTC),
        "now": now,
        "status": status,
        "raw": envelope.body,
        "charset": storable(envelope.charset),
        "timezone": storable(envelope.timezone),
        "peer": storable(envelope.peer),
        "report": report if report is None else storable(report),
        "error": error if error is None else storable(error),
        "patient_key": message.patient_key,
        "mapping_version": message.mapping_version if isinstance(message, Finished) else None,
    }


def _key(value: str) -> str:
    """The text in a form that fits an index entry and still differs where the texts differ."""
    if len(value) <= _LONGEST_KEY:
        return storable(value)
    return f"{storable(value[:_LONGEST_KEY])}#{blake2b(value.encode(), digest_size=16).hexdigest()}"


def storable(value: str) -> str:
    """The text as it is stored and shown: PostgreSQL's has no NUL."""
    return value.replace("\0", "\N{SYMBOL FOR NULL}")
