"""The one way in which FHIR resources are written: a batch of transactions in a handful of statements.

The batch is one PostgreSQL transaction, the caller's. It reads what it is about without locks, applies
its transactions in memory in their order, and writes the outcome under the condition that nothing it
changes has been changed since. If it has, Conflict is raised and the caller does the batch again (see
`engine.attempt`). So resources that every message mentions and none changes are never locked.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection

from libs.fhir.bundle import Entry
from libs.store import identity, index_rows, rows
from libs.store.batch import Batch, State, Written, successor
from libs.store.engine import translated
from libs.store.heirs import name_heirs
from libs.store.merge import Resource
from libs.store.merged import MERGEABLE, Place, successor_in
from libs.store.request import Request, read

__all__ = ["Place", "Written", "amend", "apply", "change", "survivors"]


_PART = 1000  # resources written at once, with their index rows


def apply(
    connection: Connection[Any],
    org: str,
    transactions: Sequence[Sequence[Entry]],
    now: datetime,
    if_match: Mapping[Place, int] | None = None,
) -> list[list[Written]]:
    """Write the entries of each transaction; a later transaction sees what an earlier one did.

    `if_match` says at which version a resource (type, id) has to be, 0 for not there yet.
    Raises Conflict when another transaction was first, NotWritable for an entry that cannot be done,
    VersionMismatch when `if_match` does not hold. After any of them the transaction has to be rolled back.
    """
    now = _as_last_updated(now)
    requests = [[read(entry, identity.target(entry)) for entry in entries] for entries in transactions]
    written: list[list[Written]] = []
    with translated():
        while len(written) < len(requests):
            rest = requests[len(written) :]
            owners = identity.find(connection, org, {i for one in rest for r in one for i in r.wanted})
            states = _with_survivors(connection, org, rows.fetch(connection, org, _places(rest, owners)))
            batch = Batch(now, owners, states, if_match or {})
            written += _applied(batch, rest)
            _save(connection, org, batch, now)
    return written


def _applied(batch: Batch, requests: Sequence[Sequence[Request]]) -> list[list[Written]]:
    """The transactions up to one after which an identifier names nothing: who is its heir the tables tell."""
    written = []
    for one in requests:
        written.append(batch.apply(one))
        if batch.orphans():
            break
    return written


def amend(
    connection: Connection[Any],
    org: str,
    before: Sequence[Sequence[Entry]],
    after: Sequence[Sequence[Entry]],
    now: datetime,
) -> int:
    """Make of what transactions have written what others would have, where the two differ.

    Both are carried out in thought, beginning with nothing. Where a stored element still is what `before`
    makes, it becomes what `after` makes; where it is not, somebody else has said it, and it stays. How many
    resources have such elements. What is said of a resource that was merged is said of the survivor, whenever
    the merge was. Raises Conflict, NotWritable as `apply` does.
    """
    now = _as_last_updated(now)
    both = [
        [[read(entry, identity.target(entry)) for entry in entries] for entries in transactions]
        for transactions in (before, after)
    ]
    with translated():
        wanted = {i for requests in both for one in requests for r in one for i in r.wanted}
        owners = identity.find(connection, org, wanted)
        named = {(kind, owner) for (kind, _, _), owner in owners.items() if kind in MERGEABLE}
        heirs = survivors(connection, org, named)
        old, new = (_in_thought(requests, owners, heirs, now) for requests in both)
        then, today = old.bodies(), new.bodies()
        batch = Batch(now, owners, rows.fetch(connection, org, then.keys() | today.keys()), {})
        moved = new.moving - old.moving
        left = sum(
            batch.amend(place, then.get(place, {}), body, new.claim(place), moved=place in moved)
            for place, body in today.items()
        )
        batch.own(new.owners)
        _save(connection, org, batch, now)
    return left


def change(
    connection: Connection[Any],
    org: str,
    places: Collection[Place],
    changed: Callable[[Resource], Resource],
    now: datetime,
) -> dict[Place, Resource]:
    """Make of each resource what `changed` makes of it; those that became another, as they are now.

    Raises Conflict.
    """
    now = _as_last_updated(now)
    with translated():
        batch = Batch(now, {}, rows.fetch(connection, org, places), {})
        found = {place: changed(body) for place, body in batch.bodies().items()}
        written = {place: body for place, body in found.items() if batch.put(place, body)}
        _save(connection, org, batch, now)
    return written


def survivors(connection: Connection[Any], org: str, places: Collection[Place]) -> dict[Place, Place]:
    """What stands in the place of each, in the end; one that stands itself is not in it."""
    states = _with_survivors(connection, org, rows.fetch(connection, org, places))
    stored = {(one.type, one.id) for one in states}
    next_of = {(one.type, one.id): heir for one in states if (heir := successor(one)) in stored}
    found = {}
    for place in places:
        passed = [place]
        while (heir := next_of.get(passed[-1])) is not None and heir not in passed:
            passed.append(heir)
        if len(passed) > 1:
            found[place] = passed[-1]
    return found


def _as_last_updated(now: datetime) -> datetime:
    """The time as precisely as lastUpdated can say it."""
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def _in_thought(
    requests: Sequence[Sequence[Request]],
    owners: Mapping[identity.Identifier, str],
    heirs: Mapping[Place, Place],
    now: datetime,
) -> Batch:
    batch = Batch(now, dict(owners), [], {}, heirs)
    for one in requests:
        batch.apply(one)
    return batch


def _places(requests: Sequence[Sequence[Request]], owners: Mapping[identity.Identifier, str]) -> set[Place]:
    """Where what the requests are about may be: also at the id that a new resource would take."""
    places = set()
    for request in (request for one in requests for request in one):
        target = request.target
        owner = owners.get(target.identifier) if target.identifier else None
        for candidate in (target.id, owner, identity.id_in(request.entry.full_url)):
            if candidate is not None:
                places.add((target.type, candidate))
        if target.otherwise and target.otherwise in owners:
            places.add((target.type, owners[target.otherwise]))
        for identifier in request.conditions:  # what it names may have been merged
            if identifier[0] in MERGEABLE and identifier in owners:
                places.add((identifier[0], owners[identifier]))
        if target.type in MERGEABLE and (place := successor_in(request.entry.resource)) is not None:
            places.add(place)
    return places


def _with_survivors(connection: Connection[Any], org: str, states: list[State]) -> list[State]:
    """The states, and those of what some of them were merged into."""
    known = {(state.type, state.id) for state in states}
    new = states
    while merged := {place for state in new if (place := successor(state)) is not None} - known:
        new = rows.fetch(connection, org, merged)
        known |= merged
        states = [*states, *new]
    return states


def _save(connection: Connection[Any], org: str, batch: Batch, now: datetime) -> None:
    # First, so that whoever works on the same has let go of it before this locks a resource.
    rows.let_follow(connection, org, batch.follows)
    changes = batch.changes()
    if not changes:
        return
    rows.number(connection, batch.created())
    # In parts: the index rows of a report of 10,000 results, all at once, took half a gigabyte.
    for first in range(0, len(changes), _PART):
        part = changes[first : first + _PART]
        indexed = index_rows.index(org, part)
        rows.write(connection, org, part, now)
        index_rows.write(connection, org, indexed)
    rows.unname(connection, org, batch.unnamed())
    rows.name(connection, org, batch.named())
    name_heirs(connection, org, batch.orphans())
