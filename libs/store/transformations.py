"""Stored messages that are to be transformed again: by newer layers, or because they were parked.

What is transformed again is a message and all those about the same patient that were received after it, in
their order (by the gateway's clock), so that what they say in the end is what the newest of them says.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
    mapping_version: int | None  # None: before there were layers


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which stored messages are meant; a criterion that is None leaves the choice open."""

    message_id: str | None = None
    sender: str | None = None  # MSH-3|MSH-4, as sent
    since: datetime | None = None  # received at or after
    until: datetime | None = None  # received before
    parked: bool = False  # only those that wait for a code map


def lane_of(envelope: Envelope) -> str:
    """The lane on which the message is transformed again: with the others about its patient."""
    try:
        patient = read_patient(envelope.body, read_header(envelope.body))
    except Permanent:
        patient = b""
    return transformation_lane(envelope.organization, patient or envelope.sender.encode())


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


def onwards(connection: Connection[Any], org: str, message_id: str, limit: int) -> list[Stored]:
    """The message, and those about its patient that were received after it, at most `limit`, in their order.

    Alone when its patient is not known. Raises UnknownMessage.
    """
    row = connection.execute(
        "SELECT patient_key, received_at FROM message WHERE org_id = %s AND id = %s::uuid", (org, message_id)
    ).fetchone()
    if row is None:
        raise UnknownMessage(f"the organization {org} has no message {message_id}")
    key, received_at = row
    if key is None:
        return _stored(connection, org, "org_id = %s AND id = %s::uuid", (org, message_id))
    return _stored(
        connection,
        org,
        "org_id = %s AND patient_key = %s AND (received_at, id) >= (%s, %s::uuid)"
        " ORDER BY received_at, id LIMIT %s",
        (org, key, received_at, message_id, limit),
    )


def count(connection: Connection[Any], org: str, first: str, last: str | None) -> int:
    """How many messages there are about the patient of `first`, from it to `last` (None: to the newest)."""
    row = connection.execute(
        "SELECT count(*) FROM message f JOIN message m ON m.org_id = f.org_id"
        " AND (m.patient_key = f.patient_key AND (m.received_at, m.id) >= (f.received_at, f.id))"
        " WHERE f.org_id = %(org)s AND f.id = %(first)s::uuid"
        " AND (%(last)s::uuid IS NULL OR (m.received_at, m.id) <="
        " (SELECT received_at, id FROM message WHERE org_id = %(org)s AND id = %(last)s::uuid))",
        {"org": org, "first": first, "last": last},
    ).fetchone()
    return int(row[0]) if row and row[0] else 1  # of no known patient: the message alone


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
    return [Stored(envelope(org, row[:6]), *row[6:]) for row in found]
