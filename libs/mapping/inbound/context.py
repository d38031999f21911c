"""What the mapping of one message knows and collects."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from libs.fhir.bundle import Entry
from libs.hl7v2.message import NULL, Message, Segment, State
from libs.mapping.inbound.components import FIRST
from libs.mapping.inbound.config import MappingConfig
from libs.mapping.inbound.element import Element, element
from libs.mapping.inbound.identity import by_identifier, resource_id
from libs.mapping.inbound.kind import kind
from libs.mapping.inbound.report import Position, Report, Uncoded, Warned
from libs.terminology.concept_map import ConceptMap, Target

Reference = dict[str, str]


@dataclass(frozen=True, slots=True)
class Subject:
    """References to what the rest of a message is about."""

    patient: Reference
    encounter: Reference | None

    @property
    def key(self) -> str:
        """What tells this patient from others, for ids derived from it."""
        return self.patient["reference"]

    def focus(self) -> list[Reference]:
        """Patient and visit."""
        return [self.patient, *([self.encounter] if self.encounter else [])]


class Context:
    """The message, the organization's configuration, and what came out so far."""

    def __init__(self, message: Message, config: MappingConfig) -> None:
        header = message.header
        self.message = message
        self.config = config
        self.organization = config.organization
        self.type, self.event = kind(message)
        self.is_adt = self.type == "ADT"
        self.is_laboratory = self.type == "OML"  # an order to a laboratory
        self.control_id = header.text(10)
        self.facility = header.text(4) or header.text(3) or "unknown"
        self.sent = header.text(7)
        self.nobody: Reference | None = None  # the patient of a message that names none
        self.seen: dict[str, Reference] = {}  # side resources by the raw value that stated them
        self._entries: dict[str, Entry] = {}
        self._mapped: dict[int, frozenset[int]] = {}
        self._components: dict[tuple[str, int], frozenset[int]] = {}
        self._ruled: dict[tuple[int, int], frozenset[int]] = {}
        self._uncoded: dict[Uncoded, None] = {}
        self._warnings: dict[Warned, None] = {}

    # -- the report

    def use(self, segment: Segment, fields: frozenset[int]) -> None:
        """State that a mapping reads these fields of the segment."""
        known = self._mapped.get(segment.position)
        self._mapped[segment.position] = fields if known is None else known | fields

    def reads(self, segment: Segment, field: int, components: frozenset[int]) -> None:
        """State which components of the field its data type reads (see components.py)."""
        key = (segment.name, field)
        known = self._components.get(key)
        if known is not components:
            self._components[key] = components if known is None else known | components

    def use_repetition(self, segment: Segment, field: int, repetition: int) -> None:
        """State that a rule reads this repetition of the field, beside what the mapping reads of it."""
        key = (segment.position, field)
        is_mapped = field in self._mapped.get(segment.position, ())
        known = self._ruled.get(key, FIRST if is_mapped else frozenset())
        self._ruled[key] = known | {repetition}
        self.use(segment, frozenset({field}))

    def warn(self, segment: Segment, field: int | None, text: str) -> None:
        """State what could not be carried; `text` never holds a value of the message."""
        self._warnings[Warned(Position(segment.name, segment.position, field), text)] = None

    def report(self) -> Report:
        """The account of what was done so far."""
        return Report(
            self.message,
            dict(self._mapped),
            dict(self._components),
            tuple(self._uncoded),
            tuple(self._warnings),
            ruled=dict(self._ruled),
        )

    # -- codes

    def target(self, concepts: ConceptMap, code: str, segment: Segment, field: int) -> Target | None:
        """What the map makes of the code. None for no code and for one that it does not know (reported)."""
        if not code:
            return None
        own = self._own(concepts, code)
        target = own if own is not None else concepts.get(code)
        if target is None:
            self.uncoded(concepts.table, code, segment, field)
        return target

    def _own(self, concepts: ConceptMap, code: str) -> Target | None:
        """What the organization makes of the code, before the guide is asked."""
        codes = self.config.codes
        return codes.get((concepts.table, concepts.name), {}).get(code) if codes else None

    def code(self, concepts: ConceptMap, code: str, segment: Segment, field: int) -> str | None:
        """The FHIR code of a code of an HL7 table, None when there is none."""
        target = self.target(concepts, code, segment, field)
        return target.code if target else None

    def uncoded(self, table: str, code: str, segment: Segment, field: int) -> None:
        """State that no map knows this code."""
        self._uncoded[Uncoded(Position(segment.name, segment.position, field), table, code)] = None

    # -- names of our own for what has no URI of its own

    def local(self, kind: str, *names: str) -> str:
        """A stable URI within the organization: `urn:ehrconnect:default:authority:HOSPITAL`."""
        return _local(self.organization, kind, *names)

    # -- resources

    def full_url(self, *key: str) -> str:
        """The fullUrl of the resource with this key, for references to it before it exists."""
        return f"urn:uuid:{resource_id(self.organization, *key)}"

    def put(
        self,
        resource: Element,
        identifier: Element | None,
        *key: str,
        remove: Iterable[str] = (),
        keep: Iterable[str] = (),
        merge: bool = True,
        otherwise: Element | None = None,
        moved: bool = False,
    ) -> Reference:
        """Write the resource: under its business identifier, else under an id derived from `key`.

        With `merge` the stored resource keeps the elements that are absent here, but for those in
        `remove`; the elements in `keep` are only for a resource that is new. `otherwise` is the identifier
        that finds it where `identifier` finds nothing. What is `moved` takes what refers to it along to its
        new patient.
        """
        kind: str = resource["resourceType"]
        if identifier is not None:
            system, value = identifier["system"], identifier["value"]
            identity = resource_id(self.organization, kind, system, value)
            url = by_identifier(kind, system, value)
        else:
            identity = resource_id(self.organization, kind, *key)
            resource["id"] = identity
            url = f"{kind}/{identity}"
        if merge:
            remove = [*remove, *_replaced_choices(resource)]
        return self._add(
            Entry(
                resource,
                f"urn:uuid:{identity}",
                "PUT",
                url,
                merge=merge,
                remove=tuple(remove),
                keep=tuple(keep),
                otherwise=_query(kind, otherwise),
                moved=moved,
            )
        )

    def create(self, resource: Element, identifier: Element) -> Reference:
        """Write the resource only if none has that identifier yet."""
        kind: str = resource["resourceType"]
        system, value = identifier["system"], identifier["value"]
        identity = resource_id(self.organization, kind, system, value)
        query = by_identifier(kind, system, value).partition("?")[2]
        return self._add(Entry(resource, f"urn:uuid:{identity}", "POST", kind, if_none_exist=query))

    def stated(self, reference: Reference) -> Element:
        """A resource of this message."""
        return self._entries[reference["reference"]].resource

    def find(self, *key: str) -> Reference | None:
        """A reference to the resource of this message with that key, None without one."""
        full_url = self.full_url(*key)
        return {"reference": full_url} if full_url in self._entries else None

    def describe(self, reference: Reference, **more: Any) -> None:
        """Add elements to a resource of this message."""
        entry = self._entries[reference["reference"]]
        _add_new(entry.resource, element(**more))

    def update(self, reference: Reference) -> None:
        """State that a resource of this message that was only to be created is to be updated."""
        entry = self._entries[reference["reference"]]
        url = f"{entry.resource['resourceType']}?{entry.if_none_exist}"
        updated = entry._replace(method="PUT", url=url, if_none_exist=None, merge=True)
        self._entries[entry.full_url] = updated

    def remove(self, reference: Reference, *elements: str) -> None:
        """State that the message deletes these elements of a resource of it."""
        entry = self._entries[reference["reference"]]
        self._entries[entry.full_url] = entry._replace(remove=(*entry.remove, *elements))

    def _add(self, entry: Entry) -> Reference:
        known = self._entries.get(entry.full_url)
        if known is None:
            self._entries[entry.full_url] = entry
        elif known.if_none_exist and not entry.if_none_exist:  # named before it was stated
            self._entries[entry.full_url] = entry
            _add_new(entry.resource, known.resource)
        else:
            _add_new(known.resource, entry.resource)
            _without_contradiction(known.resource)
        return {"reference": entry.full_url}

    def entries(self) -> list[Entry]:
        """The resources, in the order in which they came up."""
        return list(self._entries.values())


def _query(kind: str, identifier: Element | None) -> str | None:
    if identifier is None:
        return None
    return by_identifier(kind, identifier["system"], identifier["value"]).partition("?")[2]


def removed(segment: Segment, elements: Mapping[int, Sequence[str]], resource: Element) -> list[str]:
    """The elements that the segment deletes: their fields are `""`, and nothing else gives them a value."""
    if NULL not in segment.line:
        return []
    return [
        name
        for field, names in elements.items()
        if segment.state(field) is State.NULL
        for name in names
        if name not in resource
    ]


def _add_new(known: Element, again: Element) -> None:
    """Add what a second statement of the same thing says beyond the first; the first wins a conflict."""
    for name, value in again.items():
        if any(other in known for other in _CHOICES.get(name, ())) or _other_value(name, known):
            continue
        before = known.setdefault(name, value)
        if isinstance(before, list) and before is not value:
            before += [part for part in value if part not in before]
        elif name == "name" and before != value and value not in known.get("alias", []):
            known.setdefault("alias", []).append(value)


def _without_contradiction(known: Element) -> None:
    """What is stated twice, once as an error, has no clinical status (invariants con-5 and ait-2)."""
    verified = known.get("verificationStatus")
    if verified and verified["coding"][0].get("code") == "entered-in-error":
        known.pop("clinicalStatus", None)


def _other_value(name: str, known: Element) -> bool:
    """Whether `known` has a `value[x]` or `medication[x]` that is another than `name`."""
    kind = next((kind for kind in ("value", "medication") if name.startswith(kind)), None)
    return kind is not None and name not in known and any(one.startswith(kind) for one in known)


def _replaced_choices(resource: Element) -> list[str]:
    """The other forms of each choice element, which a stored resource must not keep beside the new one."""
    return [other for name in resource if name in _CHOICES for other in _CHOICES[name]]


_CHOICES = {
    name: tuple(other for other in group if other != name)
    for group in (
        ("deceasedBoolean", "deceasedDateTime"),
        ("multipleBirthBoolean", "multipleBirthInteger"),
        ("effectiveDateTime", "effectivePeriod"),
        ("occurrenceDateTime", "occurrencePeriod", "occurrenceTiming"),
        ("performedDateTime", "performedPeriod"),
        ("onsetDateTime", "onsetString"),
        ("medicationCodeableConcept", "medicationReference"),
    )
    for name in group
}


@lru_cache(4096)
def _local(*names: str) -> str:
    return "urn:ehrconnect:" + ":".join(quote(name, safe="") for name in names)
