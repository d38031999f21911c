"""Dead letters: messages that could not be applied and deliveries that could not be made, for an operator.

libs.store.messages and libs.store.deliveries write them; here they are read, replayed and discarded.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from libs.errors import Permanent
from libs.lanes.contracts import Envelope
from libs.store import deliveries
from libs.store.messages import DEAD, ENVELOPE, REPLAYING, envelope

OPEN = "open"
REPLAYED = "replayed"
DISCARDED = "discarded"


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
