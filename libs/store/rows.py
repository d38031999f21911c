"""The rows of resources: read by key, and written with their history, a table a statement.

A statement takes its rows as arrays, one a column, in binary form: measured against executemany, COPY
and a JSON document, this costs the least on both sides. Look-ups are lateral subqueries that cannot be
flattened (OFFSET 0, FOR UPDATE): a key at a time through the index, whatever the statistics say.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection

from libs.store.batch import State
from libs.store.engine import Conflict
from libs.store.followers import Follow
from libs.store.identity import Identifier
from libs.store.merged import Place


def fetch(connection: Connection[Any], org: str, places: Collection[Place]) -> list[State]:
    """The resources at those places; one that does not exist is not in the list."""
    if not places:
        return []
    found = connection.execute(
        "SELECT w.type, w.id, r.rid, r.index_hash, r.entry_hash, r.version, r.deleted, r.last_updated,"
        " r.content"
        " FROM unnest(%b::text[], %b::text[]) AS w (type, id)"
        " CROSS JOIN LATERAL (SELECT * FROM fhir_resource r"
        " WHERE r.org_id = %b AND r.type = w.type AND r.id = w.id OFFSET 0) r",
        (*columns(places, 2), org),
    )
    return [
        State(
            type=kind, id=resource_id, stored_version=version, version=version, rid=rid,
            index_hash=index_hash, entry_hash=entry_hash, deleted=deleted, last_updated=last_updated,
            content=(content or "").encode(),
        )
        for kind, resource_id, rid, index_hash, entry_hash, version, deleted, last_updated, content in found
    ]  # fmt: skip


def number(connection: Connection[Any], new: Sequence[State]) -> None:
    """Give resources that are new the numbers by which index rows call them, an older one the lower."""
    if new:
        numbers = connection.execute(
            "SELECT nextval('fhir_resource_rid') FROM generate_series(1, %s)", (len(new),)
        ).fetchall()
        for state, (rid,) in zip(new, numbers, strict=True):
            state.rid = rid


def write(connection: Connection[Any], org: str, states: Sequence[State], now: datetime) -> None:
    """The new versions of `states` (in order), and the versions they supersede.

    Raises Conflict when one of them is no longer at the version that was read.
    """
    old = [state for state in states if state.stored_version]
    if old:
        _keep_current(connection, org, old, now)
        _update(connection, org, old)
    _keep_passed_over(connection, org, states, now)
    if new := [state for state in states if not state.stored_version]:
        _insert(connection, org, new)


def _keep_current(connection: Connection[Any], org: str, states: Sequence[State], now: datetime) -> None:
    """Copy the current rows to the history, and lock them: in order, lest two batches wait in a circle."""
    kept = connection.execute(
        "INSERT INTO fhir_version (org_id, type, id, version, superseded_at, last_updated, deleted, content)"
        " SELECT r.org_id, r.type, r.id, r.version, %b, r.last_updated, r.deleted, r.content"
        " FROM unnest(%b::text[], %b::text[], %b::int[]) AS w (type, id, version)"
        " CROSS JOIN LATERAL (SELECT * FROM fhir_resource r WHERE r.org_id = %b AND r.type = w.type"
        " AND r.id = w.id AND r.version = w.version FOR NO KEY UPDATE) r",
        (now, *columns(((s.type, s.id, s.stored_version) for s in states), 3), org),
    )
    if kept.rowcount != len(states):
        raise Conflict("another transaction has changed a resource of this batch")


def _update(connection: Connection[Any], org: str, states: Sequence[State]) -> None:
    # Each of them exists and is locked: ON CONFLICT finds it by the primary key, and by nothing else.
    connection.execute(
        _INSERT + " ON CONFLICT (org_id, type, id) DO UPDATE SET version = excluded.version,"
        " deleted = excluded.deleted, last_updated = excluded.last_updated,"
        " index_hash = excluded.index_hash, entry_hash = excluded.entry_hash, content = excluded.content",
        (org, *columns(map(_facts, states), 9)),
    )


def _insert(connection: Connection[Any], org: str, states: Sequence[State]) -> None:
    connection.execute(_INSERT, (org, *columns(map(_facts, states), 9)))


_INSERT = (
    "INSERT INTO fhir_resource"
    " (org_id, type, id, rid, version, deleted, last_updated, index_hash, entry_hash, content)"
    " SELECT %b, * FROM unnest(%b::text[], %b::text[], %b::bigint[], %b::int[], %b::bool[],"
    " %b::timestamptz[], %b::bigint[], %b::bigint[], %b::text[])"
)


def _keep_passed_over(connection: Connection[Any], org: str, states: Iterable[State], now: datetime) -> None:
    """The versions that were made and superseded within the batch."""
    passed = [
        (state.type, state.id, version, now, content.decode())
        for state in states
        for version, content in state.superseded
    ]
    if passed:
        connection.execute(
            "INSERT INTO fhir_version"
            " (org_id, type, id, version, superseded_at, content, last_updated, deleted)"
            " SELECT %b, w.*, w.at, false FROM"
            " unnest(%b::text[], %b::text[], %b::int[], %b::timestamptz[], %b::text[])"
            " AS w (type, id, version, at, content)",
            (org, *columns(passed, 5)),
        )


def name(connection: Connection[Any], org: str, named: Iterable[tuple[Identifier, str]]) -> None:
    """Let identifiers name resources. A unique violation means that another transaction was first."""
    if rows := [(*identifier, resource_id) for identifier, resource_id in named]:
        connection.execute(
            "INSERT INTO fhir_identifier (org_id, type, system, value, id)"
            " SELECT %b, * FROM unnest(%b::text[], %b::text[], %b::text[], %b::text[])",
            (org, *columns(rows, 4)),
        )


def unname(connection: Connection[Any], org: str, unnamed: Iterable[tuple[Identifier, str]]) -> None:
    """End what identifiers name."""
    if rows := [(org, *identifier, resource_id) for identifier, resource_id in unnamed]:
        with connection.cursor() as cursor:
            cursor.executemany(
                "DELETE FROM fhir_identifier"
                " WHERE org_id = %s AND type = %s AND system = %s AND value = %s AND id = %s",
                rows,
            )


def let_follow(connection: Connection[Any], org: str, follows: Iterable[Follow]) -> None:
    """Let references be looked for that have to follow, from the beginning if they are looked for already."""
    if rows := sorted((one.about, one.was) for one in follows):
        connection.execute(
            "INSERT INTO repointing (org_id, about, was) SELECT %b, * FROM unnest(%b::text[], %b::text[])"
            " ON CONFLICT (org_id, about, was) DO UPDATE"
            " SET due_at = excluded.due_at, after = 0, overlapping = NULL, tries = 0",
            (org, *columns(rows, 2)),
        )


def columns(rows: Iterable[Sequence[Any]], width: int) -> list[list[Any]]:
    """The columns of rows of that width, each as a list: what `unnest` takes."""
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]


def _facts(state: State) -> tuple[Any, ...]:
    return (
        state.type, state.id, state.rid, state.version, state.deleted, state.last_updated,
        state.index_hash, state.entry_hash, None if state.deleted else state.content.decode(),
    )  # fmt: skip
