"""Stored messages that are to be transformed again: by newer layers, or because they were parked.

Messages about one patient are transformed again together, in the order of the gateway's clock: what they say
in the end is what the newest of them says.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from psycopg import Connection

from libs.errors import Permanent
from libs.hl7v2.header import read_header, read_patient
from libs.lanes.contracts import Envelope, transformation_lane
from libs.store.messages import ENVELOPE, PARKED, REPLAYING, TRANSFORMED, envelope

_LONG = "10min"  # looking for messages reads many of them, and nobody waits for it but the operator


@dataclass(frozen=True, slots=True)
class Stored:
    """A message with what became of it."""

    envelope: Envelope
    status: str  # transformed | parked | replaying | dead
    control_id: str
    message_type: str
    processed_at: datetime
    mapping_version: int | None  # by which it was applied last; None: never, or before there were layers

    @property
    def applied(self) -> bool:
        """Whether it has made resources. One that is replayed may have, before it failed."""
        return self.status == TRANSFORMED or (self.status == REPLAYING and self.mapping_version is not None)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which stored messages are meant; a criterion that is None leaves the choice open."""

    message_id: str | None = None
    sender: str | None = None  # MSH-3|MSH-4, as sent
    since: datetime | None = None  # received at or after
    until: datetime | None = None  # received before
    parked: bool = False  # only those that wait for a code map


def to_do(envelope: Envelope, now: float) -> tuple[str, bytes]:
    """What to put on which lane so that the message is transformed again, with what is about its patient.

    `now`, in Unix seconds, is since when it waits: lanes tell how long.
    """
    try:
        patient = read_patient(envelope.body, read_header(envelope.body), envelope.charset)
    except Permanent:
        patient = b""
    lane = transformation_lane(envelope.organization, patient or envelope.sender.encode())
    return lane, replace(envelope, received_at=now).to_wire()


class UnknownMessage(Permanent):
    """The organization has no such message."""


def first_of_each_patient(connection: Connection[Any], org: str, chosen: Chosen) -> Iterator[Envelope]:
    """Of each patient the first chosen message; of messages about no patient that is known, every one."""
    condition, values = _condition(org, chosen)
    connection.execute("SELECT set_config('statement_timeout', %s, true)", (_LONG,))
    with connection.cursor("first_of_each_patient") as cursor:
        cursor.execute(
            f"SELECT DISTINCT ON (coalesce(patient_key::text, id::text)) {ENVELOPE} FROM message"  # noqa: S608
            f" WHERE {condition} AND status = ANY(%s)"
            " ORDER BY coalesce(patient_key::text, id::text), received_at, id",
            (*values, [TRANSFORMED, PARKED, REPLAYING]),
        )
        for row in cursor:
            yield envelope(org, row)


def newest(connection: Connection[Any], org: str, chosen: Chosen, limit: int) -> list[Stored]:
    """The chosen messages that were received last, the newest first."""
    condition, values = _condition(org, chosen)
    connection.execute("SELECT set_config('statement_timeout', %s, true)", (_LONG,))
    return _stored(
        connection, org, f"{condition} ORDER BY received_at DESC, id DESC LIMIT %s", (*values, limit)
    )


def of_patient(connection: Connection[Any], org: str, message_id: str, limit: int) -> list[Stored]:
    """The messages about the patient of a message, the newest `limit`, in their order; else it alone.

    Raises UnknownMessage.
    """
    key = _patient_key(connection, org, message_id)
    if key is None:
        return _stored(connection, org, "org_id = %s AND id = %s::uuid", (org, message_id))
    order = "ORDER BY received_at DESC, id DESC LIMIT %s"
    return _stored(connection, org, f"org_id = %s AND patient_key = %s {order}", (org, key, limit))[::-1]


def count(connection: Connection[Any], org: str, message_id: str) -> int:
    """How many messages there are about the patient of a message. Raises UnknownMessage."""
    key = _patient_key(connection, org, message_id)
    row = connection.execute(
        "SELECT count(*) FROM message WHERE org_id = %s AND patient_key = %s", (org, key)
    ).fetchone()
    return int(row[0]) if row else 0


def was_applied(connection: Connection[Any], org: str, message_id: str) -> bool:
    """Whether the message has made resources at any time."""
    row = connection.execute(
        "SELECT FROM message WHERE org_id = %s AND id = %s::uuid"
        " AND (status = %s OR mapping_version IS NOT NULL)",
        (org, message_id, TRANSFORMED),
    ).fetchone()
    return row is not None


def _patient_key(connection: Connection[Any], org: str, message_id: str) -> int | None:
    row = connection.execute(
        "SELECT patient_key FROM message WHERE org_id = %s AND id = %s::uuid", (org, message_id)
    ).fetchone()
    if row is None:
        raise UnknownMessage(f"the organization {org} has no message {message_id}")
    key: int | None = row[0]
    return key


def reopen(connection: Connection[Any], org: str, message_ids: Sequence[str]) -> None:
    """Make messages fresh that were applied or parked, within the transaction that applies them again."""
    connection.execute(
        "UPDATE message SET status = %s WHERE org_id = %s AND id = ANY(%s::uuid[])",
        (REPLAYING, org, list(message_ids)),
    )


def _condition(org: str, chosen: Chosen) -> tuple[str, tuple[Any, ...]]:
    conditions, values = ["org_id = %s"], [org]
    for condition, value in (
        ("id = %s::uuid", chosen.message_id),
        ("sender = %s", chosen.sender),
        ("received_at >= %s", chosen.since),
        ("received_at < %s", chosen.until),
        ("status = %s", PARKED if chosen.parked else None),
    ):
        if value is not None:
            conditions.append(condition)
            values.append(value)  # type: ignore[arg-type]
    return " AND ".join(conditions), tuple(values)


def _stored(connection: Connection[Any], org: str, condition: str, values: tuple[Any, ...]) -> list[Stored]:
    found = connection.execute(
        f"SELECT {ENVELOPE}, status, control_id, message_type, processed_at, mapping_version"  # noqa: S608
        f" FROM message WHERE {condition}",
        values,
    )
    return [Stored(envelope(org, row[:-5]), *row[-5:]) for row in found]
