"""What a conversion did with a message: what it used, what it did not, what it could not code.

Nothing is lost in silence: everything that a sender stated and that no resource carries is in here.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from libs.hl7v2.message import Message, Segment


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a message: `PID[2]-8`, the segment's name, its position (from 0) and the field."""

    segment: str
    index: int
    field: int | None = None

    def __str__(self) -> str:
        return f"{self.segment}[{self.index}]" + (f"-{self.field}" if self.field else "")


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
    uncoded: tuple[Uncoded, ...]
    warnings: tuple[Warned, ...]
    profiles: Mapping[str, Profiled] = field(default_factory=dict)  # those that resources might have claimed

    @cached_property
    def used_segments(self) -> dict[str, int]:
        """How many segments of each name were mapped."""
        return dict(Counter(segment.name for segment in self._segments(used=True)))

    @cached_property
    def unused_segments(self) -> list[Position]:
        """The segments that no mapping read."""
        return [Position(segment.name, segment.position) for segment in self._segments(used=False)]

    @cached_property
    def unused_fields(self) -> list[Position]:
        """The valued fields, of segments that were mapped, that no mapping reads."""
        return [
            Position(segment.name, segment.position, field)
            for segment in self._segments(used=True)
            for field in _valued(segment)
            if field not in self.mapped[segment.position]
        ]

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON-ready data; profiles only where the layers ask for them."""
        found: dict[str, Any] = {
            "segments": {
                "used": self.used_segments,
                "unused": [str(position) for position in self.unused_segments],
            },
            "fields": {"unused": [str(position) for position in self.unused_fields]},
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

    def _segments(self, *, used: bool) -> Sequence[Segment]:
        return [segment for segment in self.message.segments if (segment.position in self.mapped) == used]


def _valued(segment: Segment) -> list[int]:
    first = 3 if segment.name == "MSH" else 1  # MSH-1 and MSH-2 are the delimiters
    return [field for field in range(first, segment.field_count + 1) if segment.raw(field) not in {"", '""'}]
