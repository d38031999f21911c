"""An HL7 v2 message as a reader sees it: segments, fields, and what a field says.

Nothing is split before it is asked for, and the text stays as it was sent. A field is in one of three
states: absent (leave what is known as it is), `""` (remove it) and valued.
Source: HL7 v2.5.1 chapter 2, 2.5 and 2.6.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from libs.hl7v2.delimiters import BadHeader, Delimiters, NotHL7, read_delimiters
from libs.hl7v2.escape import decode
from libs.hl7v2.path import parse_path

__all__ = ["BadHeader", "Delimiters", "Message", "NotHL7", "Segment", "State", "Value", "parse"]

NULL = '""'
HEADERS = ("MSH", "FHS", "BHS")  # segments whose first field is the separator itself


class State(Enum):
    """What a sender says about a field."""

    ABSENT = "absent"  # nothing: what is known stays
    NULL = "null"  # `""`: what is known is to be removed
    VALUED = "valued"


def parse(text: str) -> Message:
    """The message in `text`; segments end with CR, LF or CRLF, blank lines count as none.

    Raises NotHL7: it does not start with an MSH; BadHeader: its delimiters cannot be used.
    """
    text = text.lstrip("\ufeff\r\n\t \0")
    if not text.startswith("MSH"):
        raise NotHL7("the message does not start with an MSH segment")
    if "\n" in text:
        text = text.replace("\r\n", "\r").replace("\n", "\r")
    lines = [line for line in text.split("\r") if line and not line.isspace()]
    delimiters = read_delimiters(lines[0])
    return Message([Segment(line, position, delimiters) for position, line in enumerate(lines)], delimiters)


class Message:
    """The segments of one message, in the order in which they were sent; the first is MSH."""

    __slots__ = ("_by_name", "delimiters", "segments")

    def __init__(self, segments: Sequence[Segment], delimiters: Delimiters) -> None:
        self.segments = segments
        self.delimiters = delimiters
        self._by_name: dict[str, list[Segment]] | None = None

    @property
    def header(self) -> Segment:
        """MSH."""
        return self.segments[0]

    def first(self, name: str) -> Segment | None:
        found = self._index().get(name)
        return found[0] if found else None

    def all(self, name: str) -> list[Segment]:
        return list(self._index().get(name, ()))

    def at(self, path: str) -> str:
        """The decoded text at a path like `PID-3[1].4.2`; "" where there is none. Raises BadPath."""
        name, occurrence, *_ = parse_path(path)
        found = self._index().get(name, ()) if name else self.segments
        return found[occurrence - 1].at(path) if len(found) >= occurrence else ""

    def _index(self) -> dict[str, list[Segment]]:
        if self._by_name is None:
            index: dict[str, list[Segment]] = {}
            for segment in self.segments:
                index.setdefault(segment.name, []).append(segment)
            self._by_name = index
        return self._by_name


class Segment:
    """One segment; fields count from 1, as the standard numbers them (MSH-1 is the separator)."""

    __slots__ = ("_fields", "_literal", "delimiters", "line", "name", "position")

    def __init__(self, line: str, position: int, delimiters: Delimiters) -> None:
        self.line = line  # as sent, without its end
        self.position = position  # index in the message, from 0
        self.delimiters = delimiters
        self.name = line[:3] if line[3:4] in (delimiters.field, "") else ""  # "" for what is no segment
        self._literal = 2 if self.name in HEADERS else 0  # fields up to this one hold delimiters, not data
        self._fields: list[str] | None = None

    @property
    def field_count(self) -> int:
        return len(self._split()) - 1

    def raw(self, field: int) -> str:
        """The field as sent, all repetitions; "" when absent."""
        fields = self._fields or self._split()
        return fields[field] if field < len(fields) else ""

    def stated(self) -> list[tuple[int, str]]:
        """The fields that hold data, as sent, by their numbers; those that are absent are not in the list."""
        fields = self._fields or self._split()
        return [(number, raw) for number, raw in enumerate(fields) if raw and number > self._literal]

    def text(self, field: int, component: int = 1, subcomponent: int = 1) -> str:
        """The decoded leaf of the first repetition; "" when absent or null."""
        fields = self._fields or self._split()
        raw = fields[field] if field < len(fields) else ""
        if not raw or field <= self._literal:
            return raw
        if raw.isalnum():  # nothing to cut or to decode, the usual case
            return raw if component == subcomponent == 1 else ""
        separators = self.delimiters
        if separators.repetition in raw:
            raw = raw.partition(separators.repetition)[0]
        raw = _nth(_nth(raw, separators.component, component), separators.subcomponent, subcomponent)
        return "" if raw == NULL else decode(raw, separators)

    def state(self, field: int) -> State:
        raw = self.raw(field)
        if not raw:
            return State.ABSENT
        if field <= self._literal:
            return State.VALUED
        said = _said(raw, self.delimiters)
        return State.VALUED if said and said != NULL else State.NULL if said else State.ABSENT

    def first(self, field: int) -> Value:
        """The first repetition; falsy when absent or null."""
        raw = self.raw(field)
        if field <= self._literal:
            return Value(raw, self.delimiters, _LITERAL)
        if self.delimiters.repetition in raw:
            raw = raw.partition(self.delimiters.repetition)[0]
        return Value(raw, self.delimiters)

    def repetitions(self, field: int) -> list[Value]:
        """The valued repetitions, in order."""
        raw = self.raw(field)
        if not raw:
            return []
        if field <= self._literal:
            return [self.first(field)]
        values = [Value(part, self.delimiters) for part in raw.split(self.delimiters.repetition) if part]
        return [value for value in values if value]

    def at(self, path: str) -> str:
        """As Message.at; of the path only what follows the segment name counts."""
        _, _, field, repetition, component, subcomponent = parse_path(path)
        if repetition == 1 or field <= self._literal:
            return self.text(field, component, subcomponent) if repetition == 1 else ""
        parts = self.raw(field).split(self.delimiters.repetition, repetition)
        if len(parts) < repetition:
            return ""
        return Value(parts[repetition - 1], self.delimiters).text(component, subcomponent)

    def _split(self) -> list[str]:
        if self._fields is None:
            self._fields = self.line.split(self.delimiters.field)
            if self._literal:
                self._fields.insert(1, self.delimiters.field)
        return self._fields


_REPETITION, _COMPONENT, _LEAF, _LITERAL = range(4)  # what a Value is; each level splits one finer


class Value:
    """A repetition of a field, or one component of it, whose own components are the subcomponents."""

    __slots__ = ("_delimiters", "_level", "_parts", "raw")

    def __init__(self, raw: str, delimiters: Delimiters, level: int = _REPETITION) -> None:
        self.raw = raw  # as sent
        self._delimiters = delimiters
        self._level = level
        self._parts: list[str] | None = None

    def __bool__(self) -> bool:
        """False when it says nothing, or is null."""
        if self._level == _LITERAL or not self.raw:
            return bool(self.raw)
        return self.raw[-1].isalnum() or _said(self.raw, self._delimiters) not in ("", NULL)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Value):
            return NotImplemented
        return (self.raw, self._level) == (other.raw, other._level)

    def __hash__(self) -> int:
        return hash((self.raw, self._level))

    @property
    def is_null(self) -> bool:
        """True of `""`, with or without empty components after it."""
        return self._level != _LITERAL and _said(self.raw, self._delimiters) == NULL

    @property
    def is_whole(self) -> bool:
        """Whether this is a repetition of a field, not a component of one."""
        return self._level == _REPETITION

    @property
    def component_count(self) -> int:
        return len(self._parts or self._split()) if self.raw else 0

    def text(self, component: int = 1, subcomponent: int = 1) -> str:
        """The decoded leaf; "" when absent or null."""
        parts = self._parts or self._split()
        raw = parts[component - 1] if component <= len(parts) else ""
        if not raw or raw.isalnum() or self._level == _LITERAL:  # nothing to cut or to decode
            return raw if subcomponent == 1 else ""
        if self._level == _REPETITION:
            raw = _nth(raw, self._delimiters.subcomponent, subcomponent)
        elif subcomponent > 1:
            return ""
        return "" if raw == NULL else decode(raw, self._delimiters)

    def part(self, component: int) -> Value:
        """That component as a value of its own."""
        parts = self._parts or self._split()
        raw = parts[component - 1] if component <= len(parts) else ""
        return Value(raw, self._delimiters, max(self._level, min(self._level + 1, _LEAF)))

    def parts(self) -> list[Value]:
        """All components, each as a value of its own; those that say nothing too."""
        if self._level >= _LEAF:
            return [self]
        return [Value(raw, self._delimiters, self._level + 1) for raw in self._parts or self._split()]

    def _split(self) -> list[str]:
        """The components as sent; what has none is its only one."""
        if self._level >= _LEAF:
            self._parts = [self.raw]
        else:
            separator = self._delimiters.subcomponent if self._level else self._delimiters.component
            self._parts = self.raw.split(separator)
        return self._parts


def _nth(raw: str, separator: str, number: int) -> str:
    """The `number`th part, counted from 1; "" where there is none."""
    if separator not in raw:
        return raw if number == 1 else ""
    parts = raw.split(separator, number)
    return parts[number - 1] if len(parts) >= number else ""


def _said(raw: str, delimiters: Delimiters) -> str:
    """What remains without the delimiters at the end: "" of a field that has nothing else."""
    return raw.rstrip(delimiters.component + delimiters.repetition + delimiters.subcomponent)
