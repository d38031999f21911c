"""What is to be sent to other systems: the outbox, written in the transaction that gives rise to it.

A row says what became of a delivery; its place on a lane only says that there is something to send. So a
delivery that stands on its lane twice, or not any more, is sent neither twice nor never: who drains the lane
sends what is pending, in the order of the ids, and a sweep puts on its lane what a crash has left off it.

Ids follow the order of what is written one after the other, as the messages about one patient are.
Transactions that overlap have no order between them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from libs.lanes.contracts import OUTBOUND, Due

_OVERDUE = timedelta(seconds=5)  # a delivery that is younger is about to be put on its lane by who wrote it


@dataclass(frozen=True, slots=True)
class Owed:
    """A message that is to be sent."""

    destination: str
    message_id: str  # of the received message that gave rise to it
    purpose: str  # AA | AE: it acknowledges that message so
    control_id: str  # its own MSH-10
    body: bytes  # without framing


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message on its way."""

    id: int
    message_id: str
    control_id: str
    body: bytes
    attempts: int  # so far


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a delivery, for operators."""

    id: int
    destination: str
    purpose: str
    control_id: str
    state: str  # pending | delivered | dead | discarded
    attempts: int
    error: str | None
    created_at: datetime
    settled_at: datetime | None


def owe(connection: Connection[Any], org: str, owed: Sequence[Owed], now: datetime) -> list[Due]:
    """Write deliveries; what to put on the lanes after the commit. The same ones again are not written."""
    dues = []
    for one in owed:
        row = connection.execute(
            "INSERT INTO delivery (org_id, destination, message_id, purpose, control_id, body, state,"
            " attempts, created_at) VALUES (%s, %s, %s::uuid, %s, %s, %b, 'pending', 0, %s)"
            " ON CONFLICT (org_id, message_id, destination, purpose) DO NOTHING RETURNING id",
            (org, one.destination, one.message_id, one.purpose, one.control_id, one.body, now),
        ).fetchone()
        if row:
            dues.append(Due(org, one.destination, row[0], now.timestamp()))
    return dues


def pending(
    connection: Connection[Any], org: str, destination: str, up_to: int, limit: int
) -> list[Delivery]:
    """The first deliveries that wait for the destination and have an id of at most `up_to`, in order."""
    with connection.cursor(row_factory=class_row(Delivery)) as cursor:
        return cursor.execute(
            "SELECT id, replace(message_id::text, '-', '') AS message_id, control_id, body, attempts"
            " FROM delivery WHERE org_id = %s AND destination = %s AND state = 'pending' AND id <= %s"
            " ORDER BY id LIMIT %s",
            (org, destination, up_to, limit),
        ).fetchall()


def delivered(connection: Connection[Any], org: str, delivery_id: int, now: datetime) -> None:
    """It has arrived."""
    connection.execute(
        "UPDATE delivery SET state = 'delivered', attempts = attempts + 1, error = NULL, settled_at = %s"
        " WHERE org_id = %s AND id = %s AND state = 'pending'",
        (now, org, delivery_id),
    )


def failed(connection: Connection[Any], org: str, delivery_id: int, error: str) -> None:
    """An attempt failed; the delivery waits for the next one."""
    connection.execute(
        "UPDATE delivery SET attempts = attempts + 1, error = %s"
        " WHERE org_id = %s AND id = %s AND state = 'pending'",
        (error, org, delivery_id),
    )


def give_up(
    connection: Connection[Any],
    org: str,
    delivery_id: int,
    *,
    lane: str,
    reason: str,
    error: str,
    now: datetime,
) -> None:
    """Make a dead letter of it. `reason` is the name of the error, `error` its text, without content."""
    connection.execute(
        "WITH dead AS (UPDATE delivery"
        " SET state = 'dead', attempts = attempts + 1, error = %(error)s, settled_at = %(now)s"
        " WHERE org_id = %(org)s AND id = %(id)s AND state = 'pending'"
        " RETURNING org_id, message_id, id, attempts)"
        " INSERT INTO dead_letter"
        " (org_id, queue, lane, message_id, delivery_id, reason, error, attempts, created_at, state)"
        " SELECT org_id, %(queue)s, %(lane)s, message_id, id, %(reason)s, %(error)s, attempts, %(now)s,"
        " 'open' FROM dead",
        {"org": org, "id": delivery_id, "queue": OUTBOUND, "lane": lane, "reason": reason, "error": error,
         "now": now},
    )  # fmt: skip


def send_again(connection: Connection[Any], org: str, delivery_id: int) -> Due | None:
    """Make a dead delivery wait again; what to put on its lane after the commit.

    None: it is not dead, or its destination is no more.
    """
    row = connection.execute(
        # The lock, so that the destination is not removed meanwhile.
        "WITH here AS (SELECT org_id, name FROM destination WHERE org_id = %s FOR KEY SHARE)"
        " UPDATE delivery d SET state = 'pending', attempts = 0, settled_at = NULL FROM here"
        " WHERE d.org_id = here.org_id AND d.destination = here.name AND d.id = %s AND d.state = 'dead'"
        " RETURNING d.destination, d.created_at",
        (org, delivery_id),
    ).fetchone()
    return Due(org, row[0], delivery_id, row[1].timestamp()) if row else None


def drop(connection: Connection[Any], org: str, delivery_id: int) -> None:
    """A dead delivery is never to be sent."""
    connection.execute(
        "UPDATE delivery SET state = 'discarded' WHERE org_id = %s AND id = %s AND state = 'dead'",
        (org, delivery_id),
    )


def overdue(connection: Connection[Any], org: str, destination: str, limit: int) -> list[Due]:
    """What waits for a destination and should have been put on its lane by now, in order."""
    rows = connection.execute(
        "SELECT id, created_at FROM delivery WHERE org_id = %s AND destination = %s AND state = 'pending'"
        " AND created_at < now() - %s ORDER BY id LIMIT %s",
        (org, destination, _OVERDUE, limit),
    ).fetchall()
    return [Due(org, destination, row[0], row[1].timestamp()) for row in rows]


def waiting(connection: Connection[Any], org: str) -> dict[str, int]:
    """Destination -> deliveries that wait for it."""
    return dict(
        connection.execute(
            "SELECT destination, count(*) FROM delivery WHERE org_id = %s AND state = 'pending' GROUP BY 1",
            (org,),
        ).fetchall()
    )


def sent_for(connection: Connection[Any], org: str, message_id: str) -> list[Sent]:
    """The deliveries that a received message gave rise to, the oldest first."""
    with connection.cursor(row_factory=class_row(Sent)) as cursor:
        return cursor.execute(
            "SELECT id, destination, purpose, control_id, state, attempts, error, created_at, settled_at"
            " FROM delivery WHERE org_id = %s AND message_id = %s::uuid ORDER BY id",
            (org, message_id),
        ).fetchall()
