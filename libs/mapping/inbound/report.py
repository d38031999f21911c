"""What a conversion did with a message: what it used, what it did not, what it could not code.

Nothing is lost in silence: everything that a sender stated and that no resource carries is in here.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from libs.hl7v2.message import NULL, Delimiters, Message, Segment
from libs.mapping.inbound.components import COMPONENTS, FIRST, NARROWED
from libs.mapping.inbound.repetitions import REPEATED


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a message: `PID[2]-8.3`, the segment's name, its position (from 0), field and component.

    A repetition that is meant by itself is `PID[2]-6[2]`, counted from 1.
    """

    segment: str
    index: int
    field: int | None = None
    component: int | None = None
    repetition: int | None = None

    def __str__(self) -> str:
        place = f"{self.segment}[{self.index}]" + (f"-{self.field}" if self.field else "")
        place += f"[{self.repetition}]" if self.repetition else ""
        return f"{place}.{self.component}" if self.component else place


@dataclass(frozen=True, slots=True)
class Uncoded:
    """A code that no map knows; it travels as the sender's own coding or as text."""

    position: Position
    table: str
    code: str


@dataclass(frozen=True, slots=True)
class Warned:
    """Something that was stated and could not be carried as it should."""

    position: Position
    text: str


@dataclass(slots=True)
class Profiled:
    """How often a profile was claimed, and what kept resources from claiming it."""

    claimed: int = 0
    lacking: Counter[str] = field(default_factory=Counter)  # resources by element: "Encounter.type"


@dataclass(frozen=True)
class Report:
    """The account of one conversion."""

    message: Message
    mapped: dict[int, frozenset[int]]  # segment position -> the fields that its mapping reads
    components: Mapping[tuple[str, int], frozenset[int]]  # segment name, field -> what its data type reads
    uncoded: tuple[Uncoded, ...]
    warnings: tuple[Warned, ...]
    profiles: Mapping[str, Profiled] = field(default_factory=dict)  # those that resources might have claimed
    ruled: Mapping[tuple[int, int], frozenset[int]] = field(default_factory=dict)  # repetitions rules read

    @cached_property
    def used_segments(self) -> dict[str, int]:
        """How many segments of each name were mapped."""
        return dict(Counter(segment.name for segment in self.message.segments if self._is_used(segment)))

    @cached_property
    def unused_segments(self) -> list[Position]:
        """The segments that no mapping read."""
        return [
            Position(segment.name, segment.position)
            for segment in self.message.segments
            if not self._is_used(segment)
        ]

    @cached_property
    def unused_fields(self) -> list[Position]:
        """The valued fields, of segments that were mapped, that no mapping reads."""
        return [
            Position(segment.name, segment.position, number)
            for segment, read, fields in self._stated
            for number, raw in fields
            if number not in read and raw != NULL
        ]

    @cached_property
    def unused_repetitions(self) -> list[Position]:
        """The repetitions that are not read, of fields of which not every one is."""
        separators = self.message.delimiters
        return [
            Position(segment.name, segment.position, number, repetition=place)
            for segment, read, fields in self._stated
            if separators.repetition in segment.line
            for number, raw in fields
            if separators.repetition in raw and number in read and not _is_repeated(segment, number)
            for place in _unread(raw, self.ruled.get((segment.position, number), FIRST), separators)
        ]

    @cached_property
    def unused_components(self) -> list[Position]:
        """The valued components, of the repetitions of fields that a mapping reads, that it does not read."""
        separators = self.message.delimiters
        return [
            Position(segment.name, segment.position, number, component)
            for segment, read, fields in self._stated
            for number, raw in fields
            if separators.component in raw and number in read
            for component in _left(
                raw.partition(separators.repetition)[0]
                if separators.repetition in raw and not _is_repeated(segment, number)
                else raw,
                self.read(segment, number),
                separators,
            )
        ]

    def read(self, segment: Segment, number: int) -> frozenset[int]:
        """The components of the field that the mapping reads."""
        key = (segment.name, number)
        return NARROWED.get(key) or self.components.get(key) or COMPONENTS.get(key) or FIRST

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON-ready data; profiles only where the layers ask for them."""
        found: dict[str, Any] = {
            "segments": {
                "used": self.used_segments,
                "unused": [str(position) for position in self.unused_segments],
            },
            "fields": {"unused": [str(position) for position in self.unused_fields]},
            "repetitions": {"unused": [str(position) for position in self.unused_repetitions]},
            "components": {"unused": [str(position) for position in self.unused_components]},
            "uncoded": [
                {"position": str(one.position), "table": one.table, "code": one.code} for one in self.uncoded
            ],
            "warnings": [{"position": str(one.position), "text": one.text} for one in self.warnings],
        }
        if self.profiles:
            found["profiles"] = {
                name: {"claimed": one.claimed} | ({"lacking": dict(one.lacking)} if one.lacking else {})
                for name, one in self.profiles.items()
            }
        return found

    def _is_used(self, segment: Segment) -> bool:
        return segment.position in self.mapped

    @cached_property
    def _stated(self) -> list[tuple[Segment, frozenset[int], list[tuple[int, str]]]]:
        """The segments that were mapped, with the fields that are read and those that are stated."""
        return [
            (segment, self.mapped[segment.position], segment.stated())
            for segment in self.message.segments
            if self._is_used(segment)
        ]


def _is_repeated(segment: Segment, number: int) -> bool:
    return number in REPEATED.get(segment.name, ())


def _unread(raw: str, read: frozenset[int], separators: Delimiters) -> Sequence[int]:
    """The repetitions that are not read and say something that none of those which are read says."""
    ends = separators.component + separators.subcomponent
    said = [part.rstrip(ends) for part in raw.split(separators.repetition)]
    told = {"", NULL, *(said[place - 1] for place in read if place <= len(said))}
    return [place for place, part in enumerate(said, 1) if place not in read and part not in told]


def _left(raw: str, read: frozenset[int], separators: Delimiters) -> Sequence[int]:
    """The components that any repetition of the field values and nothing reads."""
    if separators.repetition not in raw:
        return [
            component
            for component, part in enumerate(raw.split(separators.component), 1)
            if part and component not in read and part != NULL and part.strip(separators.subcomponent)
        ]
    found = {one for part in raw.split(separators.repetition) for one in _left(part, read, separators)}
    return sorted(found)
