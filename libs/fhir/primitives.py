"""Whether a JSON value is a value of a FHIR primitive type.

Source: FHIR R4, "Data types", primitive types; the regular expressions are those of the definitions.
"""

import math
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

from libs.fhir.definitions import primitives
from libs.fhir.narrative import narrative_problem

Problem = str | None  # what is wrong, without the value itself; None when all is well
Check = Callable[[Any], Problem]

MAX_TEXT = 1 << 20  # characters of a string
MAX_EXPONENT = 300  # of a decimal, either way; beyond it is a mistake or an attack

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_WHOLE = {
    "integer": (-(1 << 31), "a whole number of 32 bits"),
    "positiveInt": (1, "a whole number from 1"),
    "unsignedInt": (0, "a whole number from 0"),
}
_TEXTS = {"string", "markdown"}


@cache
def primitive(name: str) -> Check | None:
    """The check of a primitive type; None when `name` is none."""
    if name not in primitives():
        return None
    if name in _WHOLE:
        return _whole(*_WHOLE[name])
    if name in _TEXTS:
        return _text
    return _SPECIAL.get(name) or _matching(name)


def _text(value: Any) -> Problem:
    if not isinstance(value, str):
        return "not a JSON string"
    if not value:
        return "empty"
    if _CONTROL.search(value):
        return "contains a control character"
    return "longer than 1 MB" if len(value) > MAX_TEXT else None


def _boolean(value: Any) -> Problem:
    return None if isinstance(value, bool) else "not true or false"


def _whole(least: int, wanted: str) -> Check:
    def check(value: Any) -> Problem:
        if isinstance(value, int) and not isinstance(value, bool) and least <= value < 1 << 31:
            return None
        return f"not {wanted}"

    return check


def _decimal(value: Any) -> Problem:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return "not a JSON number"
    if isinstance(value, Decimal):
        if not value.is_finite():
            return "not a finite number"
        return f"exponent beyond {MAX_EXPONENT}" if abs(value.adjusted()) > MAX_EXPONENT else None
    return None if math.isfinite(value) else "not a finite number"


def _base64(value: Any) -> Problem:
    if not isinstance(value, str):
        return "not a JSON string"
    packed = "".join(value.split())
    return None if len(packed) % 4 == 0 and _BASE64.fullmatch(packed) else "not base64"


def _xhtml(value: Any) -> Problem:
    return narrative_problem(value) if isinstance(value, str) else "not a JSON string"


def _matching(name: str) -> Check:
    """The check of a type whose texts a regular expression and, for dates, the calendar decide."""
    match = re.compile(primitives()[name], re.ASCII if name in ("id", "oid", "uuid") else 0).fullmatch
    dated = name in ("date", "dateTime", "instant")

    def check(value: Any) -> Problem:
        if not isinstance(value, str):
            return "not a JSON string"
        if not value or match(value) is None or _CONTROL.search(value):
            return f"not a valid {name}"
        return "no such day in the calendar" if dated and not _exists(value) else None

    return check


def _exists(text: str) -> bool:
    if len(text) < 10 or int(text[8:10]) < 29:
        return True
    try:
        date(int(text[:4]), int(text[5:7]), int(text[8:10]))
    except ValueError:
        return False
    return True


_SPECIAL: dict[str, Check] = {
    "boolean": _boolean,
    "decimal": _decimal,
    "base64Binary": _base64,
    "xhtml": _xhtml,
}
