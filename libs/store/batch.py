"""A batch of transactions, applied in order in memory: what each finds, and what is left to write.

A later transaction sees what an earlier one did. Nothing here talks to the database.
"""

import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from libs.fhir.bundle import Entry
from libs.fhir.claims import claims, profiles_of, with_claims, without_claims
from libs.fhir.json import dumps, loads
from libs.store.followers import Follow, patients_of
from libs.store.identity import Identifier, NotWritable, id_in, identifiers
from libs.store.merge import Resource, amended, dropped, merge, same
from libs.store.merged import (
    MERGEABLE,
    Place,
    may_be_replaced,
    states_replacement,
    successor_in,
    with_old_numbers,
    without_references_to_itself,
)
from libs.store.request import Request, fingerprint, resolved

Outcome = Literal["created", "updated", "unchanged"]


class Written(NamedTuple):
    """What became of an entry."""

    type: str
    id: str
    version: int
    outcome: Outcome
    content: bytes  # the resource as it is stored now
    last_updated: datetime
    dropped: tuple[str, ...] = ()  # elements of which something stored is gone, by the entry's will


@dataclass(slots=True)
class State:
    """A resource as the batch has left it so far."""

    type: str
    id: str
    stored_version: int = 0  # in the database; 0 when it is not there
    rid: int = 0
    index_hash: int = 0
    entry_hash: int = 0  # of the entry that made this version
    claim: tuple[str, ...] = ()  # guides whose profiles it is to claim (Entry.claim)
    version: int = 0
    deleted: bool = False
    last_updated: datetime | None = None
    content: bytes = b""
    body: Resource | None = None  # without what the server adds: id, versionId, lastUpdated
    superseded: list[tuple[int, bytes]] = field(default_factory=list)  # versions made and left in this batch

    @property
    def changed(self) -> bool:
        return self.version != self.stored_version

    @property
    def exists(self) -> bool:
        return self.version > 0 and not self.deleted


class Batch:
    """The resources that a batch is about."""

    def __init__(
        self,
        now: datetime,
        owners: dict[Identifier, str],
        states: Iterable[State],
        if_match: Mapping[Place, int],
        heirs: Mapping[Place, Place] | None = None,
    ) -> None:
        """`heirs`: in whose place what stands, of resources that are not among the `states`."""
        self.owners = owners  # identifier -> id of the resource it names
        self.follows: set[Follow] = set()  # references that have to follow what the batch did
        self.moving: set[Place] = set()  # what entries say that it has moved
        self._heirs = heirs or {}
        self._stored_owners = dict(owners)
        self._released: set[tuple[Identifier, str]] = set()
        self._now = now
        self._stamp = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._states = {(state.type, state.id): state for state in states}
        self._if_match = if_match

    def apply(self, requests: Sequence[Request]) -> list[Written]:
        """Do what one transaction asks. Raises NotWritable, and then the batch is of no more use."""
        states = [self._locate(request) for request in requests]
        places = {
            request.entry.full_url: f"{state.type}/{state.id}"
            for request, state in zip(requests, states, strict=True)
        }
        return [self._write(request, state, places) for request, state in zip(requests, states, strict=True)]

    def bodies(self) -> dict[Place, Resource]:
        """The resources as the batch has left them, without what the server adds."""
        return {place: body_of(state) for place, state in self._states.items() if state.exists}

    def claim(self, place: Place) -> tuple[str, ...]:
        """The guides whose profiles the resource is to claim where it conforms."""
        return self._states[place].claim

    def amend(
        self,
        place: Place,
        before: Resource,
        after: Resource,
        claim: Sequence[str] = (),
        *,
        moved: bool = False,
    ) -> bool:
        """Make of a resource what makes `after` another than `before`; whether something of it was left.

        A resource that is stored no more stays away; it is new where `before` does not know it either.
        What it claims is neither's to say but follows from what it then is (`claim`: see Entry). `moved`:
        what refers to it follows it to another patient.
        """
        state = self._at(*place)
        if not state.exists and (before or state.stored_version):
            return True
        stored = body_of(state) if state.exists else {}
        body, left = amended(*map(without_claims, (stored, before, after)))
        others = [one for one in claims(stored) if one not in claims(before)]
        body = with_claims(body, claim, also=others)
        if not same(stored, body):
            self._change(state, stored, body)
            self._follow(state, stored, body, moved=moved, replaced=not states_replacement(stored))
        return left

    def put(self, place: Place, body: Resource) -> bool:
        """Make `body` of a resource that exists; whether that is another than it was."""
        state = self._at(*place)
        stored = body_of(state)
        if same(stored, body):
            return False
        self._change(state, stored, body)
        return True

    def _change(self, state: State, stored: Resource, body: Resource) -> None:
        self._supersede(state, body)
        state.entry_hash = 0  # no entry says it as it is now
        self._name(state, stored, body)

    def own(self, owners: Mapping[Identifier, str]) -> None:
        """Let identifiers that name nothing name the resources that are there."""
        for identifier, resource_id in owners.items():
            state = self._states.get((identifier[0], resource_id))
            if state is not None and state.exists:
                self.owners.setdefault(identifier, resource_id)

    def changes(self) -> list[State]:
        """The resources that have a new version, in an order that is the same for every batch."""
        return sorted(
            (state for state in self._states.values() if state.changed), key=lambda s: (s.type, s.id)
        )

    def created(self) -> list[State]:
        """The resources that are new, in the order in which they came up."""
        return [state for state in self._states.values() if state.changed and not state.stored_version]

    def named(self) -> list[tuple[Identifier, str]]:
        """The identifiers that name a resource since this batch, in order."""
        return sorted(item for item in self.owners.items() if self._stored_owners.get(item[0]) != item[1])

    def unnamed(self) -> list[tuple[Identifier, str]]:
        """The identifiers that no longer name the resource beside them, in order."""
        return sorted(item for item in self._released if self.owners.get(item[0]) != item[1])

    def orphans(self) -> set[Identifier]:
        """Identifiers of which it is not known here that they still name a resource."""
        return {identifier for identifier, _ in self._released if identifier not in self.owners}

    def _locate(self, request: Request) -> State:
        """The resource that the request is about, made room for if there is none."""
        target = request.target
        if target.id is not None:
            return self._at(target.type, target.id)
        owner = self.owners.get(target.identifier) if target.identifier else None
        if owner is None and target.otherwise:
            owner = self.owners.get(target.otherwise)
        if owner is not None:
            named = self._at(target.type, owner)
            return named if states_replacement(request.entry.resource) else self._survivor(named)
        state = self._at(target.type, self._free_id(target.type, request.entry.full_url))
        if target.identifier:
            self.owners[target.identifier] = state.id
        return state

    def _survivor(self, state: State) -> State:
        """What stands in the place of `state`, or in the place of that in turn; else `state`."""
        if (heir := self._heirs.get((state.type, state.id))) is not None:
            return self._at(*heir)
        passed = {state.id}
        while (place := successor(state)) is not None and place[1] not in passed:
            other = self._states.get(place)
            if other is None or not other.exists:
                break
            passed.add(other.id)
            state = other
        return state

    def _at(self, kind: str, resource_id: str) -> State:
        place = (kind, resource_id)
        state = self._states.get(place)
        if state is None:
            state = self._states[place] = State(kind, resource_id)
        return state

    def _free_id(self, kind: str, full_url: str) -> str:
        stated = id_in(full_url)
        if stated is not None and (kind, stated) not in self._states:
            return stated
        return new_id()

    def _write(self, request: Request, state: State, places: Mapping[str, str]) -> Written:
        expected = self._if_match.get((state.type, state.id))
        if expected is not None and expected != state.version:
            raise VersionMismatch(f"{state.type}/{state.id} is at version {state.version}, not {expected}")
        existed = state.exists
        if existed and request.target.only_if_none:
            return self._written(state, "unchanged")
        entry = request.entry
        text = resolved(request, places, self._place_of)
        entry_hash = fingerprint(entry, text)
        if existed and entry_hash == state.entry_hash:  # to say a thing twice is to say it once
            return self._written(state, "unchanged")
        stated = _body(loads(text) if request.linked else entry.resource)
        replaced = False
        if entry.merge and state.type in MERGEABLE and ("link" in stated or "extension" in stated):
            replaced = states_replacement(stated)
            stated = without_references_to_itself(f"{state.type}/{state.id}", stated)
            if replaced and not states_replacement(stated):
                return self._written(state, "unchanged")  # the two are one already
        before = body_of(state) if existed else {}
        number = request.target.identifier
        if entry.merge and number and self.owners.get(number, state.id) != state.id:  # of one that was merged
            stated = with_old_numbers(before, stated)
        body = _merged(before, stated, entry) if existed and entry.merge else stated
        if replaced or entry.moved:
            self._follow(state, before, body, moved=entry.moved, replaced=replaced)
        if existed and same(before, body):
            return self._written(state, "unchanged")
        self._supersede(state, body)
        state.entry_hash, state.claim = entry_hash, entry.claim
        self._name(state, before, body)
        if not existed:
            return self._written(state, "created")
        return self._written(state, "updated", dropped(before, body))

    def _follow(self, state: State, before: Resource, body: Resource, *, moved: bool, replaced: bool) -> None:
        """Note which references have to follow the resource: into the survivor, or to another patient."""
        place = f"{state.type}/{state.id}"
        if replaced and before and states_replacement(body):
            self.follows.add(Follow(place, place))
        if moved:
            self.moving.add((state.type, state.id))
            left = patients_of(before) - patients_of(body)
            self.follows |= {Follow(place, f"Patient/{patient}") for patient in left}

    def _place_of(self, condition: Identifier) -> str | None:
        owner = self.owners.get(condition)
        if owner is None:
            return None
        place = (condition[0], owner)
        if (state := self._states.get(place)) is not None:
            place = (state.type, self._survivor(state).id)
        else:
            place = self._heirs.get(place, place)
        return f"{place[0]}/{place[1]}"

    def _supersede(self, state: State, body: Resource) -> None:
        """Make `body` the next version of the resource."""
        if state.changed:
            state.superseded.append((state.version, state.content))
        state.version += 1
        state.deleted = False
        state.last_updated = self._now
        state.body = body
        meta = {"versionId": str(state.version), "lastUpdated": self._stamp, **body.get("meta", {})}
        state.content = dumps({"resourceType": state.type, "id": state.id, "meta": meta} | _but_meta(body))

    def _name(self, state: State, before: Resource, body: Resource) -> None:
        """Keep who owns which identifier: the first that stated it, for as long as it does."""
        had = identifiers(before) if before else set()
        has = identifiers(body)
        for identifier in had - has:
            self._released.add((identifier, state.id))
            if self.owners.get(identifier) == state.id:
                del self.owners[identifier]
        for identifier in has - had:
            self.owners.setdefault(identifier, state.id)

    def _written(self, state: State, outcome: Outcome, gone: tuple[str, ...] = ()) -> Written:
        assert state.last_updated is not None  # noqa: S101  # it has a version
        return Written(state.type, state.id, state.version, outcome, state.content, state.last_updated, gone)


def successor(state: State) -> Place | None:
    """The resource that stands in its place."""
    return successor_in(body_of(state)) if may_be_replaced(state.type, state.content) else None


class VersionMismatch(NotWritable):
    """The resource is not at the version that the writer has seen (If-Match)."""


def new_id() -> str:
    """A UUID of version 7: later ones sort behind earlier ones, to the millisecond."""
    value = (time.time_ns() // 1_000_000) << 80 | 7 << 76 | secrets.randbits(76)
    return str(UUID(int=value & ~(0b11 << 62) | 0b10 << 62))


def body_of(state: State) -> Resource:
    """The resource without what the server adds to it: id, versionId, lastUpdated."""
    if state.body is None:
        state.body = _body(loads(state.content))
    return state.body


def _body(resource: Resource) -> Resource:
    """The resource without what the server adds to it."""
    body = {name: value for name, value in resource.items() if name != "id"}
    meta = {k: v for k, v in body.pop("meta", {}).items() if k not in ("versionId", "lastUpdated")}
    return body | {"meta": meta} if meta else body


def _merged(stored: Resource, stated: Resource, entry: Entry) -> Resource:
    """What is stored, updated. It may conform to more or fewer profiles than what is stated does."""
    merged = merge(stored, stated, entry.remove, entry.keep)
    return with_claims(merged, entry.claim, also=profiles_of(stored))


def _but_meta(body: Resource) -> Resource:
    return {name: value for name, value in body.items() if name != "meta"}
