"""References that follow a merge or a move, a batch of resources a transaction.

What refers to a patient, account or visit in whose place another stands is made to refer to that one; what
refers to a moved visit or account belongs to its new patient. Each resource gets a new version, its history
keeps the old. Links between patients stay, since they tell the merge, and so does what tells of messages:
Provenance, MessageHeader and AuditEvent.

Why nothing is left behind. The row of `repointing` is written with the merge and deleted when nothing refers
any more, so that a crash at any point only means that it is looked at again. Whoever begins after the
merge has committed finds the survivor. Whoever had begun before may yet write a reference to the old: those
transactions are noted when the first batch is done, and after the last of them has ended everything is looked
through once more, from the beginning. A resource that a message changes meanwhile is a Conflict, and the
batch is done again.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from psycopg import Connection

from libs.fhir.definitions import search_parameters, types
from libs.fhir.reference import parse_reference
from libs.fhir.search_keys import Form, token_key
from libs.store import rows, writer
from libs.store.batch import body_of
from libs.store.followers import Follow, patients_of, repointed
from libs.store.merge import Resource
from libs.store.merged import Place

BATCH = 500  # resources a transaction
LONGEST_PAUSE = 300.0  # seconds until what has to wait, or has failed, is looked at again

_STAY = frozenset({"Patient", "Provenance", "MessageHeader", "AuditEvent"})


def due(connection: Connection[Any], most: int) -> list[tuple[str, Follow]]:
    """What is due, over all organizations: (organization, due), the longest waiting first."""
    found = connection.execute("SELECT org_id, about, was FROM due_repointings(%s)", (most,))
    return [(org, Follow(about, was)) for org, about, was in found]


def count(connection: Connection[Any]) -> int:
    """How many merges and moves are not followed by all references yet, over all organizations."""
    row = connection.execute("SELECT count_repointings()").fetchone()
    return int(row[0]) if row else 0


def step(connection: Connection[Any], org: str, one: Follow, now: datetime) -> int | None:
    """Re-point the next batch; how many resources that were. None where another process is at it.

    Raises Conflict.
    """
    row = connection.execute(
        "SELECT after, overlapping FROM repointing WHERE org_id = %s AND about = %s AND was = %s"
        " AND due_at <= now() FOR UPDATE SKIP LOCKED",
        (org, one.about, one.was),
    ).fetchone()
    if row is None:
        return None
    # First what is under way, then what it has written: who has ended by now is seen by what follows.
    position = _begin(row[0], row[1], _under_way(connection))
    change = _change(connection, org, one)
    if change is None:
        _done(connection, org, one)
        return 0
    found = _referring(connection, org, one.about, position.after)
    changed = _repoint(connection, org, one, change, {place for _, place in found}, now)
    if len(found) == BATCH:
        _save(connection, org, one, replace(position, after=found[-1][0]))
    elif position.waits:
        _save(connection, org, one, replace(position, after=0))
        postpone(connection, org, one)
    else:
        _done(connection, org, one)
    return changed


def postpone(connection: Connection[Any], org: str, one: Follow) -> None:
    """Let it be looked at again after 1, 2, 4, 8 ... seconds."""
    connection.execute(
        "UPDATE repointing SET tries = tries + 1,"
        " due_at = now() + make_interval(secs => least(%s, 2 ^ least(tries, 20)))"
        " WHERE org_id = %s AND about = %s AND was = %s",
        (LONGEST_PAUSE, org, one.about, one.was),
    )


@dataclass(frozen=True, slots=True)
class _Change:
    """Which references become which."""

    was: frozenset[str]
    now: str

    def __call__(self, resource: Resource) -> Resource:
        result: Resource = repointed(resource, self.was, self.now)
        return result


@dataclass(frozen=True, slots=True)
class _Position:
    """How far a pass has come, and the transactions that are to be waited for; none: it is the last pass."""

    after: int
    waits: list[str]


def _begin(after: int, overlapping: list[str] | None, under_way: set[str]) -> _Position:
    """Where to go on.

    `overlapping` are the transactions that were under way when the first batch was done; None: this is it.
    """
    if overlapping is None:
        return _Position(0, sorted(under_way))
    waits = [one for one in overlapping if one in under_way]
    return _Position(0 if overlapping and not waits else after, waits)


def _under_way(connection: Connection[Any]) -> set[str]:
    """The transactions that others have begun and not ended. Each holds a lock on its virtual id."""
    found = connection.execute(
        "SELECT l.virtualxid FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
        " JOIN pg_database d ON d.oid = a.datid AND d.datname = current_database()"
        " WHERE l.locktype = 'virtualxid' AND l.mode = 'ExclusiveLock' AND l.pid <> pg_backend_pid()"
        " AND a.usesysid IS NOT NULL"  # autovacuum writes no references, and may take hours
    )
    return {virtual_id for (virtual_id,) in found}


def _change(connection: Connection[Any], org: str, one: Follow) -> _Change | None:
    """What is to be done as things stand now. None: nothing, since they have changed again."""
    about, was = _place(one.about), _place(one.was)
    if about == was:
        heir = writer.survivors(connection, org, {about}).get(about)
        return _Change(frozenset({one.was}), _text(heir)) if heir else None
    subjects = {
        ("Patient", patient)
        for state in rows.fetch(connection, org, [about])
        if state.exists
        for patient in patients_of(body_of(state))
    }
    if len(subjects) != 1:
        return None
    [new] = subjects
    heirs = writer.survivors(connection, org, {new, was})  # either may have been merged meanwhile
    now, old = heirs.get(new, new), {was, heirs.get(was, was)}
    return _Change(frozenset(_text(place) for place in old - {now}), _text(now)) if old != {now} else None


def _referring(connection: Connection[Any], org: str, about: str, after: int) -> list[tuple[int, Place]]:
    """The next resources that refer to it: number of the row and place."""
    kind, resource_id = _place(about)
    keys = [
        token_key(org, source, parameter, Form.REFERENCE, kind, resource_id)
        for source, parameter in _parameters(kind)
    ]
    # By themselves, so that they are looked up by their tokens: in the order of the rows, all would be read.
    found = connection.execute(
        "WITH referring AS MATERIALIZED (SELECT i.rid FROM org_index i WHERE i.tok && %s::bigint[])"
        " SELECT n.rid, r.type, r.id FROM ("
        "SELECT rid FROM referring WHERE rid > %s ORDER BY rid LIMIT %s"
        ") n CROSS JOIN LATERAL (SELECT r.type, r.id FROM org_resource r WHERE r.rid = n.rid OFFSET 0) r"
        " ORDER BY n.rid",
        (keys, after, BATCH),
    )
    return [(rid, (source, source_id)) for rid, source, source_id in found]


@lru_cache
def _parameters(kind: str) -> tuple[tuple[str, str], ...]:
    """The search parameters, by type, whose references may be to a resource of that kind."""
    return tuple(
        (source, parameter.code)
        for source in sorted(types() - _STAY)
        for parameter in search_parameters(source).values()
        if parameter.kind == "reference" and kind in parameter.targets
    )


def _repoint(  # noqa: PLR0917  # a batch and its surroundings
    connection: Connection[Any], org: str, one: Follow, change: _Change, places: set[Place], now: datetime
) -> int:
    written = writer.change(connection, org, places - {_place(change.now)}, change, now)
    if one.about == one.was:
        return len(written)
    # The visits of an account take along what refers to them, and results the specimens they refer to.
    visits = {Follow(_text(place), one.was) for place in written if place[0] == "Encounter"}
    rows.let_follow(connection, org, visits)
    specimens = {place for body in written.values() for place in _references(body) if place[0] == "Specimen"}
    return len(written) + len(writer.change(connection, org, specimens, change, now))


def _references(value: Any) -> set[Place]:
    """The places of this server that the JSON refers to."""
    if isinstance(value, dict):
        below = set().union(*(_references(part) for part in value.values()))
        literal = parse_reference(text) if isinstance(text := value.get("reference"), str) else None
        return below | {(literal.type, literal.id)} if literal and literal.base is None else below
    if isinstance(value, list):
        return set().union(*(_references(part) for part in value))
    return set()


def _save(connection: Connection[Any], org: str, one: Follow, position: _Position) -> None:
    connection.execute(
        "UPDATE repointing SET after = %s, overlapping = %s WHERE org_id = %s AND about = %s AND was = %s",
        (position.after, position.waits, org, one.about, one.was),
    )


def _done(connection: Connection[Any], org: str, one: Follow) -> None:
    connection.execute(
        "DELETE FROM repointing WHERE org_id = %s AND about = %s AND was = %s", (org, one.about, one.was)
    )


def _place(text: str) -> Place:
    kind, _, resource_id = text.partition("/")
    return kind, resource_id


def _text(place: Place) -> str:
    return f"{place[0]}/{place[1]}"
