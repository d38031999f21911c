"""HL7 messages: applied once each, or kept as dead letters that an operator can replay.

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
from psycopg.rows import class_row

from libs.errors import Permanent
from libs.lanes.contracts import Envelope
from libs.store import deliveries
from libs.store.engine import Conflict

TRANSFORMED = "transformed"
DEAD = "dead"
REPLAYING = "replaying"
PARKED = "parked"  # it waits for a code map; see libs.store.transformations

OPEN = "open"
REPLAYED = "replayed"
DISCARDED = "discarded"

_LONGEST_KEY = 300  # characters of a text that is part of an index entry, whose limit is 2,704 bytes


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


@dataclass(frozen=True, slots=True)
class DeadLetter:
    id: int
    message_id: str
    queue: str
    lane: str
    sender: str
    control_id: str
    message_type: str
    reason: str
    error: str
    attempts: int
    created_at: datetime
    state: str  # open | replayed | discarded
    replaying: bool  # its message was put back on its lane and is not applied yet; never of a delivery
    closed_at: datetime | None
    delivery_id: int | None = None  # what could not be delivered; None: the message could not be applied


class UnknownLetter(Permanent):
    """The organization has no such dead letter."""


class LetterClosed(Permanent):
    """The dead letter has been replayed or discarded before."""


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
        " VALUES (%s, %s, %s, %s::uuid, %s, %s, %s, %s, %s)",
        (org, buried.queue, buried.lane, buried.envelope.message_id, buried.reason, storable(buried.error),
         buried.attempts, now, OPEN),
    )  # fmt: skip


def dead_letters(
    connection: Connection[Any], org: str, state: str = OPEN, limit: int = 100, after: int = 0
) -> list[DeadLetter]:
    """The organization's dead letters of that state, the oldest first; those with ids above `after`."""
    return _letters(connection, "d.org_id = %s AND d.state = %s AND d.id > %s", (org, state, after), limit)


def letters_of(connection: Connection[Any], org: str, message_id: str) -> list[DeadLetter]:
    """A message's dead letters, the oldest first."""
    return _letters(connection, "d.org_id = %s AND d.message_id = %s::uuid", (org, message_id), None)


def dead_letter(connection: Connection[Any], org: str, letter_id: int) -> tuple[DeadLetter, Envelope]:
    """One dead letter and the message in it. Raises UnknownLetter."""
    letters = _letters(connection, "d.org_id = %s AND d.id = %s", (org, letter_id), 1)
    if not letters:
        raise UnknownLetter(f"no dead letter {letter_id} in the organization {org}")
    return letters[0], _envelope(connection, org, letters[0].message_id)


def replay(connection: Connection[Any], org: str, letter_id: int) -> tuple[str, bytes]:
    """Make a dead letter's message fresh again; returns the lane it belongs in and what to put there.

    To be done after the commit, behind what waits there. The letter stays open until the message has been
    applied or has died again, and until then asking again is allowed, since the process may end between the
    two. That of a delivery is closed: a delivery that waits comes onto its lane even then.
    Raises UnknownLetter, LetterClosed.
    """
    letter, envelope = _open_letter(connection, org, letter_id)
    if letter.delivery_id is not None:
        due = deliveries.send_again(connection, org, letter.delivery_id)
        if due is None:
            raise UnknownLetter(f"the destination of dead letter {letter_id} has been removed")
        _close(connection, org, letter_id, REPLAYED, datetime.now(UTC))
        return due.lane, due.to_wire()
    _set_status(connection, org, letter, REPLAYING)
    return letter.lane, envelope.to_wire()


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


def discard(connection: Connection[Any], org: str, letter_id: int, now: datetime) -> None:
    """Close an open dead letter for good; what is dead stays stored. Raises UnknownLetter, LetterClosed."""
    letter, _ = _open_letter(connection, org, letter_id)
    if letter.delivery_id is not None:
        deliveries.drop(connection, org, letter.delivery_id)
    else:
        _set_status(connection, org, letter, DEAD)  # one that is on its lane is not applied any more
    _close(connection, org, letter_id, DISCARDED, now)


def open_dead_letters(connection: Connection[Any]) -> dict[str, int]:
    """How many dead letters wait for an operator, by queue, over all organizations."""
    return dict(connection.execute("SELECT queue, letters FROM count_open_dead_letters()").fetchall())


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
        "UPDATE dead_letter SET state = %s, closed_at = %s"
        " WHERE org_id = %s AND message_id = ANY(%s::uuid[]) AND state = %s AND delivery_id IS NULL",
        (REPLAYED, rows[0]["now"], rows[0]["org"], [row["id"] for row in rows], OPEN),
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


def _letters(
    connection: Connection[Any], condition: str, values: tuple[Any, ...], limit: int | None
) -> list[DeadLetter]:
    with connection.cursor(row_factory=class_row(DeadLetter)) as cursor:
        return cursor.execute(
            "SELECT d.id, replace(d.message_id::text, '-', '') AS message_id, d.queue, d.lane,"  # noqa: S608
            " d.delivery_id, m.sender, m.control_id, m.message_type, d.reason, d.error, d.attempts,"
            " d.created_at, d.state, d.closed_at,"
            " m.status = 'replaying' AND d.state = 'open' AND d.delivery_id IS NULL AS replaying"
            " FROM dead_letter d JOIN message m ON m.org_id = d.org_id AND m.id = d.message_id"
            f" WHERE {condition} ORDER BY d.id LIMIT %s",
            (*values, limit),
        ).fetchall()


def _envelope(connection: Connection[Any], org: str, message_id: str) -> Envelope:
    row = connection.execute(
        f"SELECT {ENVELOPE} FROM message WHERE org_id = %s AND id = %s::uuid",  # noqa: S608
        (org, message_id),
    ).fetchone()
    assert row is not None  # noqa: S101  # a letter's message is never deleted before the letter
    return envelope(org, row)


# The columns of a message that `envelope` takes.
ENVELOPE = "id, received_at, sender, peer, charset, timezone, raw"


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


def _open_letter(connection: Connection[Any], org: str, letter_id: int) -> tuple[DeadLetter, Envelope]:
    letter, envelope = dead_letter(connection, org, letter_id)
    if letter.state != OPEN:
        raise LetterClosed(f"dead letter {letter_id} is {letter.state}")
    return letter, envelope


def _close(connection: Connection[Any], org: str, letter_id: int, state: str, now: datetime) -> None:
    connection.execute(
        "UPDATE dead_letter SET state = %s, closed_at = %s WHERE org_id = %s AND id = %s",
        (state, now, org, letter_id),
    )


def _set_status(connection: Connection[Any], org: str, letter: DeadLetter, status: str) -> None:
    set_ = connection.execute(
        "UPDATE message SET status = %s WHERE org_id = %s AND id = %s::uuid AND status = ANY(%s)",
        (status, org, letter.message_id, [DEAD, REPLAYING]),
    )
    if set_.rowcount == 0:  # another transaction has applied it since the letter was read
        raise LetterClosed(f"dead letter {letter.id} has been replayed and its message applied since")


def _key(value: str) -> str:
    """The text in a form that fits an index entry and still differs where the texts differ."""
    if len(value) <= _LONGEST_KEY:
        return storable(value)
    return f"{storable(value[:_LONGEST_KEY])}#{blake2b(value.encode(), digest_size=16).hexdigest()}"


def storable(value: str) -> str:
    """The text as it is stored and shown: PostgreSQL's has no NUL."""
    return value.replace("\0", "\N{SYMBOL FOR NULL}")
