"""Messages as text: out of a parsed one, or out of plain values that are escaped on the way.

Source: HL7 v2.5.1 chapter 2, 2.6 and 2.7.
"""

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import TypeAlias

from libs.hl7v2.delimiters import STANDARD, Delimiters
from libs.hl7v2.escape import encode as escape
from libs.hl7v2.message import HEADERS, NULL, Message


class Null(Enum):
    """The value that asks the receiver to remove what it knows (`""`)."""

    NULL = NULL


Leaf: TypeAlias = str | Null  # text as people read it; "" says nothing
Component: TypeAlias = Leaf | tuple[Leaf, ...]  # with subcomponents
Repetition: TypeAlias = Leaf | tuple[Component, ...]  # with components
Field: TypeAlias = Repetition | list[Repetition]


def encode(message: Message) -> str:
    """The message as it was sent, each segment ended by CR."""
    return "".join(f"{segment.line}\r" for segment in message.segments)


def write_message(segments: Iterable[str]) -> str:
    """The text of a message made of written segments, each ended by CR."""
    return "".join(f"{segment}\r" for segment in segments)


def write_segment(name: str, fields: Mapping[int, Field], delimiters: Delimiters = STANDARD) -> str:
    """One segment, without its end; `fields` by number, what is missing is absent.

    MSH-1 and MSH-2 (also of FHS and BHS) are written from `delimiters`.
    Raises ValueError: a field number that no field has.
    """
    first = 3 if name in HEADERS else 1
    if fields and min(fields) < first:
        raise ValueError(f"{name}-{min(fields)} cannot be set; fields of it count from {first}")
    written = [
        _field(fields.get(number, ""), delimiters) for number in range(first, max(fields, default=0) + 1)
    ]
    opening = [name, delimiters.encoding_characters] if first == 3 else [name]
    return delimiters.field.join(_trimmed(opening + written))


def _field(field: Field, delimiters: Delimiters) -> str:
    repetitions = field if isinstance(field, list) else [field]
    return delimiters.repetition.join(
        _joined(repetition, delimiters.component, delimiters) for repetition in repetitions
    )


def _joined(value: Repetition | Component, separator: str, delimiters: Delimiters) -> str:
    """The parts of a value with `separator` between them; those at the end that say nothing are left out."""
    if not isinstance(value, tuple):
        return _leaf(value, delimiters)
    return separator.join(_trimmed([_joined(part, delimiters.subcomponent, delimiters) for part in value]))


def _leaf(leaf: Leaf, delimiters: Delimiters) -> str:
    return NULL if isinstance(leaf, Null) else escape(leaf, delimiters)


def _trimmed(parts: list[str]) -> list[str]:
    length = len(parts)
    while length > 1 and not parts[length - 1]:
        length -= 1
    return parts[:length]
