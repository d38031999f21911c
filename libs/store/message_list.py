"""Stored messages as an operator looks them up: what was received, from whom, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

import orjson
from psycopg import Connection
from psycopg.rows import class_row

from libs.store.transformations import UnknownMessage

_COLUMNS = (
    "replace(id::text, '-', '') AS id, received_at, processed_at, sender, control_id, message_type, status,"
    " reused_control_id, charset, timezone, peer, length(raw) AS size, mapping_version, error"
)

_ONE = "org_id = %s AND id = %s::uuid"


@dataclass(frozen=True, slots=True)
class Received:
    """A message without its content."""

    id: str  # 32 hex digits
    received_at: datetime
    processed_at: datetime
    sender: str  # MSH-3|MSH-4
    control_id: str  # MSH-10
    message_type: str  # ADT^A01; "" when it could not be read
    status: str  # transformed | dead | replaying | parked
    reused_control_id: bool  # the sender had used this MSH-10 for other content
    charset: str  # what an empty MSH-18 means, as the gateway has it; "" for nothing
    timezone: str  # of times without an offset, as the gateway has it; "" for none
    peer: str
    size: int  # bytes
    mapping_version: int | None  # of the organization's layers
    error: str | None  # why it is dead, without content


@dataclass(frozen=True, slots=True)
class Criteria:
    """Which messages are meant; a criterion that is left out leaves the choice open."""

    status: str | None = None
    message_type: str | None = None  # ADT^A01, or ADT for all of them
    sender: str | None = None  # MSH-3|MSH-4, as sent
    control_id: str | None = None  # MSH-10
    since: datetime | None = None  # received at or after
    until: datetime | None = None  # received before
    reused: bool = False  # only those whose MSH-10 their sender had used before, for other content


Position = tuple[datetime, str]  # received_at and id of a message, after which a list goes on

ALL = Criteria()


def received(
    connection: Connection[Any],
    org: str,
    criteria: Criteria = ALL,
    *,
    limit: int = 100,
    after: Position | None = None,
) -> list[Received]:
    """The organization's messages that meet the criteria, the newest first; those that follow `after`."""
    conditions: list[LiteralString] = ["org_id = %s"]
    values: list[Any] = [org]
    chosen: tuple[tuple[LiteralString, object], ...] = (
        ("status = %s", criteria.status),
        ("starts_with(message_type || '^', %s)", criteria.message_type and f"{criteria.message_type}^"),
        ("sender = %s", criteria.sender),
        ("control_id = %s", criteria.control_id),
        ("received_at >= %s", criteria.since),
        ("received_at < %s", criteria.until),
    )
    for condition, value in chosen:
        if value is not None:
            conditions.append(condition)
            values.append(value)
    if criteria.reused:
        conditions.append("reused_control_id")
    if after is not None:
        conditions.append("(received_at, id) < (%s, %s::uuid)")
        values += after
    return _select(connection, conditions, values, limit)


def received_message(connection: Connection[Any], org: str, message_id: str) -> tuple[Received, str | None]:
    """One message, and the mapping's report as JSON when it was mapped. Raises UnknownMessage."""
    found = _select(connection, [_ONE], [org, _id(org, message_id)], 1)
    if not found:
        raise _unknown(org, message_id)
    return found[0], _column(connection, org, message_id, "report")


def made_by(connection: Connection[Any], org: str, provenance: str) -> list[str] | None:
    """What a message has made, as Type/id, by the id of its Provenance; None when there is none."""
    row = connection.execute(
        "SELECT content FROM org_resource WHERE org_id = %s AND type = 'Provenance' AND id = %s",
        (org, provenance),
    ).fetchone()
    if row is None or row[0] is None:
        return None
    return [target["reference"] for target in orjson.loads(row[0])["target"]]


def content(connection: Connection[Any], org: str, message_id: str) -> bytes:
    """A message as it was received. Raises UnknownMessage."""
    raw: bytes = _column(connection, org, message_id, "raw")
    return raw


def _column(connection: Connection[Any], org: str, message_id: str, name: LiteralString) -> Any:
    query = f"SELECT {name} FROM message WHERE {_ONE}"  # noqa: S608
    row = connection.execute(query, (org, _id(org, message_id))).fetchone()
    if row is None:
        raise _unknown(org, message_id)
    return row[0]


def _select(
    connection: Connection[Any], conditions: Sequence[LiteralString], values: Sequence[Any], limit: int
) -> list[Received]:
    with connection.cursor(row_factory=class_row(Received)) as cursor:
        return cursor.execute(
            f"SELECT {_COLUMNS} FROM message WHERE {' AND '.join(conditions)}"  # noqa: S608
            " ORDER BY received_at DESC, id DESC LIMIT %s",
            (*values, limit),
        ).fetchall()


def _id(org: str, text: str) -> str:
    """The text when it can be an id. Raises UnknownMessage."""
    try:
        return UUID(text).hex
    except ValueError:
        raise _unknown(org, text) from None


def _unknown(org: str, message_id: str) -> UnknownMessage:
    return UnknownMessage(f"no message {message_id} in the organization {org}")
