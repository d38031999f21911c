"""Where in a message something stands: `PID-3[1].4.2`.

Segment name, its occurrence in brackets, field, repetition in brackets, component, subcomponent; all
count from 1, and what is left out is the first. Relative to a segment a path starts with the field.
"""

import re
from functools import lru_cache
from typing import NamedTuple

_PATH = re.compile(
    r"(?:(?P<segment>[A-Z][A-Z0-9]{2})(?:\[(?P<occurrence>\d+)\])?-)?"
    r"(?P<field>\d+)(?:\[(?P<repetition>\d+)\])?"
    r"(?:\.(?P<component>\d+)(?:\.(?P<subcomponent>\d+))?)?",
    re.ASCII,
)


class BadPath(ValueError):
    """The text is not a path."""


class Path(NamedTuple):
    segment: str  # "" for a path relative to a segment
    occurrence: int
    field: int
    repetition: int
    component: int
    subcomponent: int


@lru_cache(maxsize=1024)
def parse_path(text: str) -> Path:
    """Raises BadPath."""
    match = _PATH.fullmatch(text) if len(text) <= 64 else None
    if match is None:
        raise BadPath(f"{text[:64]!r} is not a path; write one like PID-3[1].4.2")
    segment, *numbers = match.groups()
    positions = [1 if number is None else int(number) for number in numbers]
    if not all(positions):
        raise BadPath(f"{text!r} counts from 0; the first of each is 1")
    return Path(segment or "", *positions)
