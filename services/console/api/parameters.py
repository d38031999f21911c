"""Parameters of a query string: what each endpoint knows, and nothing else, each at most once.

Texts name a parameter and what it takes, never the value that was sent.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from libs.http.errors import BadRequest
from libs.http.query import parse_pairs, with_plus

MOST = 1000  # rows of a list

_LONGEST_NAME = 40  # characters of an unknown name that are repeated

Parser = Callable[[str], Any]  # raises ValueError, whose text says what it takes
Known = Mapping[str, Parser]

NONE: Known = {}


def read(query: str, known: Known) -> dict[str, Any]:
    """The parameters that were sent, by name. Raises BadRequest."""
    found: dict[str, Any] = {}
    for name, value in parse_pairs(query):
        if name not in known:
            listed = ", ".join(sorted(known)) or "none"
            raise BadRequest(f"{name[:_LONGEST_NAME]!r} is no parameter here; known are: {listed}")
        if name in found:
            raise BadRequest(f"{name} is there twice")
        try:
            found[name] = known[name](value)
        except ValueError as error:
            raise BadRequest(f"{name} is {error}") from None
    return found


def one_of(*values: str) -> Parser:
    def parse(text: str) -> str:
        if text not in values:
            raise ValueError(f"one of {', '.join(values)}")
        return text

    return parse


def number(least: int, most: int) -> Parser:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most):
            raise ValueError(f"a number from {least} to {most}")
        return int(text)

    return parse


def text(value: str) -> str:
    if not value:
        raise ValueError("there without a value")
    return value


def moment(value: str) -> datetime:
    """A time; without an offset it is UTC."""
    try:
        found = datetime.fromisoformat(with_plus(value) if "T" in value else value)
    except ValueError:
        raise ValueError("a time such as 2026-11-24T08:30:00+01:00") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def flag(value: str) -> bool:
    if value not in ("true", "false"):
        raise ValueError("true or false")
    return value == "true"


def message_id(value: str) -> str:
    if not re.fullmatch("[0-9a-f]{32}", value):
        raise ValueError("32 hexadecimal digits")
    return value


COUNT = number(1, MOST)
