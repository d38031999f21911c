"""The systems that an organization's messages are sent to."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from libs.errors import Permanent

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
LONGEST_ANSWER_WITHIN = 3600  # seconds
DEAD_LETTER = "dead-letter"  # a delivery that has failed 6 times is set aside, and the next one is sent
BLOCK = "block"  # nothing is sent before what comes first has arrived


class UnknownDestination(Permanent):
    """The organization has no destination of that name."""


class DeliveriesPending(Permanent):
    """Something still waits for the destination."""


@dataclass(frozen=True, slots=True)
class Destination:
    name: str
    host: str
    port: int
    tls: bool
    acknowledges: list[str]  # senders (MSH-3|MSH-4) whose application acknowledgements go here
    waits: bool  # it answers; else what is sent to it counts as delivered
    answer_within: int  # seconds
    on_failure: str  # DEAD_LETTER | BLOCK


_COLUMNS = "name, host, port, tls, acknowledges, waits, answer_within, on_failure"
_SELECT = f"SELECT {_COLUMNS} FROM destination"  # noqa: S608


def put_destination(
    connection: Connection[Any], org: str, destination: Destination, *, replace: bool = False
) -> bool:
    """Whether it is stored: not when there is one of that name, unless it is to be replaced."""
    update = (
        "DO UPDATE SET host = excluded.host, port = excluded.port, tls = excluded.tls,"
        " acknowledges = excluded.acknowledges, waits = excluded.waits,"
        " answer_within = excluded.answer_within, on_failure = excluded.on_failure"
    )
    done = connection.execute(
        f"INSERT INTO destination (org_id, {_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"  # noqa: S608
        f" ON CONFLICT (org_id, name) {update if replace else 'DO NOTHING'}",
        (org, destination.name, destination.host, destination.port, destination.tls,
         destination.acknowledges, destination.waits, destination.answer_within, destination.on_failure),
    )  # fmt: skip
    return done.rowcount == 1


def destinations(connection: Connection[Any], org: str) -> list[Destination]:
    """The organization's destinations, by name."""
    with connection.cursor(row_factory=class_row(Destination)) as cursor:
        return cursor.execute(f"{_SELECT} WHERE org_id = %s ORDER BY name", (org,)).fetchall()


def destination(connection: Connection[Any], org: str, name: str) -> Destination:
    """Raises UnknownDestination."""
    with connection.cursor(row_factory=class_row(Destination)) as cursor:
        found = cursor.execute(f"{_SELECT} WHERE org_id = %s AND name = %s", (org, name)).fetchone()
    if found is None:
        raise UnknownDestination(f"no destination {name} in the organization {org}")
    return found


def acknowledging(connection: Connection[Any], org: str, senders: Iterable[str]) -> list[Destination]:
    """Where the application acknowledgements of these senders go. None of it can be removed meanwhile."""
    with connection.cursor(row_factory=class_row(Destination)) as cursor:
        return cursor.execute(
            f"{_SELECT} WHERE org_id = %s AND acknowledges && %s ORDER BY name FOR KEY SHARE",
            (org, list(senders)),
        ).fetchall()


def remove_destination(
    connection: Connection[Any], org: str, name: str, now: datetime, *, discard: bool = False
) -> None:
    """Forget it; what was delivered to it stays on record. `discard`: what waits for it is never sent.

    Raises UnknownDestination; DeliveriesPending when something waits and is not to be discarded.
    """
    # Who adds a delivery holds the row (`acknowledging`), so that none can come in after this.
    connection.execute("SELECT FROM destination WHERE org_id = %s AND name = %s FOR UPDATE", (org, name))
    waiting = connection.execute(
        "SELECT count(*) FROM delivery WHERE org_id = %s AND destination = %s AND state = 'pending'",
        (org, name),
    ).fetchone()
    count = waiting[0] if waiting else 0
    if count and not discard:
        raise DeliveriesPending(f"{count} deliveries wait for {name}: they have to be discarded with it")
    connection.execute(
        "UPDATE delivery SET state = 'discarded', settled_at = %s"
        " WHERE org_id = %s AND destination = %s AND state = 'pending'",
        (now, org, name),
    )
    gone = connection.execute("DELETE FROM destination WHERE org_id = %s AND name = %s", (org, name))
    if gone.rowcount == 0:
        raise UnknownDestination(f"no destination {name} in the organization {org}")


def pending_destinations(connection: Connection[Any]) -> list[tuple[str, str]]:
    """Organization and name of each destination that something waits for, over all organizations."""
    return connection.execute("SELECT org_id, name FROM list_pending_destinations()").fetchall()
