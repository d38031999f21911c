"""Whether the fields of a message are those of its version: presence, number, data type, table, length.

A reference is hl7apy's: (`leaf` or `sequence`, parts, data type, name, table, length), each part
(name, reference, (least, most), kind), `most` and length -1 for any.
"""

import re
from collections import Counter
from collections.abc import Container, Iterator, Mapping
from functools import lru_cache
from typing import Any

from libs.hl7v2.finding import Finding
from libs.hl7v2.message import HEADERS, Message, Segment, State, Value
from libs.hl7v2.timestamp import BadTimestamp, parse_timestamp

_FORMATS = {
    "NM": (re.compile(r"[+-]?(\d+\.?\d*|\.\d+)", re.ASCII), "a number"),
    "SI": (re.compile(r"\d+", re.ASCII), "a sequence number"),
    "DT": (re.compile(r"\d{4}(\d{2}(\d{2})?)?", re.ASCII), "a date (YYYY[MM[DD]])"),
    "TM": (
        re.compile(r"([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,4})?)?)?([+-]\d{4})?", re.ASCII),
        "a time (HH[MM[SS[.SSSS]]][+/-ZZZZ])",
    ),
    "TN": (
        re.compile(r"(\d\d\s)?(\(\d+\))?\d+-?\d+.*", re.ASCII | re.DOTALL),
        "a telephone number ([NN] [(999)]999-9999[X99999][B99999][C text])",
    ),
}
# Sites add to the tables of IS as they need, and to these two by rules (HL7nnnn, 99zzz, L).
_OPEN = ("HL70301", "HL70396")
_TIMES = ("DTM", "TS")
# Types whose values have no parts. What is of a varying or a withdrawn type may have any.
_PRIMITIVE = frozenset(["DT", "DTM", "FT", "GTS", "ID", "IS", "NM", "SI", "SNM", "ST", "TM", "TN", "TX"])


Parts = Mapping[int, tuple[Any, tuple[int, int]]]  # by number: reference, (least, most)


def check_fields(message: Message, version: str) -> Iterator[Finding]:
    """What is not as the version has it, segment by segment; those it does not have are left alone."""
    seen: Counter[str] = Counter()
    for segment in message.segments:
        seen[segment.name] += 1
        if known := _fields(segment.name, version):
            yield from _Fields(segment, f"{segment.name}^{seen[segment.name]}", version).check(known)


@lru_cache(4096)
def _fields(segment: str, version: str) -> Parts:
    """The fields of a segment; none of one that the version does not have, or that hl7apy has without."""
    from hl7apy import load_reference
    from hl7apy.exceptions import ChildNotFound

    try:
        reference = load_reference(segment, "Segment", version)
    except ChildNotFound:
        return {}
    return _by_number(reference[1]) if reference[0] == "sequence" and len(reference) > 1 else {}


class _Fields:
    """The fields of one segment."""

    def __init__(self, segment: Segment, location: str, version: str) -> None:
        self._segment = segment
        self._location = location
        self._version = version
        self._numbered: dict[int, tuple[Any, Parts]] = {}  # by the id of the definition, which it keeps

    def check(self, known: Parts) -> Iterator[Finding]:
        first = 3 if self._segment.name in HEADERS else 1
        for number, (reference, (least, most)) in known.items():
            if number >= first and (least or self._segment.raw(number)):
                yield from self._field(number, reference, least, most)
        for number in range(first, self._segment.field_count + 1):
            if number not in known and self._segment.state(number) is not State.ABSENT:
                text = f"version {self._version} has no such field"
                yield Finding("E", "102", f"{self._location}^{number}", text)
                return

    def _field(self, number: int, reference: Any, least: int, most: int) -> Iterator[Finding]:
        location = f"{self._location}^{number}"
        label = _label(reference)
        state = self._segment.state(number)
        if state is not State.VALUED and least > 0:
            yield Finding("E", "101", location, f"{label} is required")
        if state is State.ABSENT:
            return
        repetitions = self._segment.raw(number).split(self._segment.delimiters.repetition)
        if 0 <= most < len(repetitions):
            yield Finding("E", "102", location, f"{label} has {len(repetitions)} repetitions, {most} allowed")
        reference = self._actual(reference)
        for index, raw in enumerate(repetitions, 1):
            value = Value(raw, self._segment.delimiters)
            if value:
                yield from self._value(value, f"{location}^{index}", reference, label)

    def _actual(self, reference: Any) -> Any:
        """The reference, or that of the type which OBX-2 names for a field of varying type."""
        if reference[2] != "varies" or self._segment.name != "OBX":
            return reference
        from hl7apy import load_reference
        from hl7apy.exceptions import ChildNotFound

        data_type = self._segment.text(2)
        try:
            parts = load_reference(data_type, "Datatypes_Structs", self._version)
        except ChildNotFound:
            return ("leaf", None, data_type, *reference[3:])
        return ("sequence", parts, data_type, *reference[3:])

    def _value(self, value: Value, location: str, reference: Any, label: str) -> Iterator[Finding]:
        kind, parts, data_type = reference[:3]
        if kind != "sequence" or not parts:
            if data_type in _PRIMITIVE:
                yield from _unknown_parts(value, {1}, location, data_type, label)
            yield from self._leaf(value.text(), location, reference, label)
            return
        known = self._parts(parts)
        yield from _unknown_parts(value, known, location, data_type, label)
        for number, (part, (least, most)) in known.items():
            component = value.part(number)
            place, name = f"{location}^{number}", f"{label}, {_label(part)}"
            if component and most == 0:
                yield Finding("E", "102", place, f"{name} is withdrawn in version {self._version}")
            elif component:
                actual = ("leaf", None, "DTM", *part[3:]) if data_type == "TS" and number == 1 else part
                yield from self._value(component, place, actual, name)
            elif least > 0:
                yield Finding("E", "101", place, f"{name} is required")

    def _parts(self, references: Any) -> Parts:
        """As `_by_number`, once for each definition: a message may have a value a hundred thousand times."""
        if id(references) not in self._numbered:
            self._numbered[id(references)] = (references, _by_number(references))
        return self._numbered[id(references)][1]

    def _leaf(self, text: str, location: str, reference: Any, label: str) -> Iterator[Finding]:
        data_type, table, length = reference[2], reference[-2], reference[-1]
        expected = _format(text, data_type)
        if expected:
            yield Finding("E", "102", location, f"{label} is not {expected}")
        if 0 <= length < len(text):
            yield Finding("W", "104", location, f"{label} has {len(text)} characters, {length} allowed")
        if table and not _in_table(text, table, self._version):
            severity = "I" if data_type == "IS" or table in _OPEN else "W"
            yield Finding(severity, "103", location, f"{label} is not in table {table.removeprefix('HL7')}")


def _by_number(references: Any) -> Parts:
    """Parts by their numbers, which their names have: those that were withdrawn may be left out."""
    return {
        int(name.rpartition("_")[2]): (reference, cardinality)
        for name, reference, cardinality, _ in references
    }


def _unknown_parts(
    value: Value, known: Container[int], location: str, data_type: str, label: str
) -> Iterator[Finding]:
    """The first component that the type of a value does not have; of a primitive also a subcomponent."""
    parts = value.parts()
    for number, part in enumerate(parts, 1):
        if number not in known and (part or part.is_null):
            yield Finding("E", "102", f"{location}^{number}", f"{label}: {data_type} has no such component")
            return
    if data_type in _PRIMITIVE and len(parts[0].parts()) > 1:
        yield from _unknown_parts(parts[0], known, f"{location}^1", data_type, label)


def _format(text: str, data_type: str) -> str:
    """What a text of the data type should be and is not; "" when it is."""
    if data_type in _TIMES:
        try:
            parse_timestamp(text)
        except BadTimestamp:
            return "a time (YYYY[MM[DD[HH[MM[SS[.SSSS]]]]]][+/-ZZZZ])"
    pattern, expected = _FORMATS.get(data_type, (None, ""))
    return expected if pattern and not pattern.fullmatch(text) else ""


def _in_table(text: str, table: str, version: str) -> bool:
    from hl7apy import load_reference
    from hl7apy.exceptions import ChildNotFound

    try:
        values = load_reference(table, "Table", version)[1]
    except ChildNotFound:
        return True
    return not values or text in values


def _label(reference: Any) -> str:
    """The name of the element, as the standard has it: `date/time of birth`."""
    return str(reference[-3] or "the value").lower().replace("_", " ")
