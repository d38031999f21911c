"""FHIR JSON, in and out, with decimals that keep the digits they were written with.

1.10 and 1.1 are different statements of precision in FHIR, so a number with a fraction or an exponent
is a `decimal.Decimal` on our side, never a float. Reading is left to the standard library: looking for such
numbers first, to give orjson the rest, was measured to cost more than orjson saves.

Source: FHIR R4, "JSON representation of resources" and "Data types", decimal.
"""

import json
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson

from libs.errors import Permanent


class NotJson(Permanent):
    """The text is not a JSON object in UTF-8."""


def loads(text: bytes | str) -> dict[str, Any]:
    """The JSON object in `text`, its decimals as `Decimal`. Raises NotJson."""
    return _loads(text, _DECODER)


def loads_foreign(text: bytes | str) -> dict[str, Any]:
    """As `loads`, of a text that is not our own: a name that stands twice in an object is refused.

    Readers differ in which of the two they believe. Raises NotJson.
    """
    return _loads(text, _STRICT)


def _loads(text: bytes | str, decoder: json.JSONDecoder) -> dict[str, Any]:
    try:
        decoded = text if isinstance(text, str) else text.decode()
        value = decoder.decode(decoded)
    except json.JSONDecodeError as error:
        raise NotJson(f"not JSON: line {error.lineno}, column {error.colno}") from None
    except UnicodeDecodeError as error:
        raise NotJson(f"not UTF-8: byte {error.start}") from None
    except RecursionError:
        raise NotJson("not JSON: nested too deeply") from None
    except ValueError as error:
        raise NotJson(f"not JSON: {error}") from None
    except InvalidOperation:
        raise NotJson("not JSON: a number with an exponent that is out of bounds") from None
    if not isinstance(value, dict):
        raise NotJson("not a JSON object")
    # A single character is looked for much faster than three, and few texts have it.
    if "\\" in decoded and ("\\ud" in decoded or "\\uD" in decoded):
        dumps(value)  # escapes may have left half of a surrogate pair, which nothing could write again
    return value


def dumps(resource: Any) -> bytes:
    """`resource` as compact JSON in UTF-8, each Decimal with its own digits.

    Raises NotJson for a text with a lone surrogate, which UTF-8 cannot carry, and for what is no JSON value.
    """
    try:
        written = orjson.dumps(resource, default=_decimal)
        # orjson leaves its buffer behind what it returns, 8 kB for a resource of 1 kB; a copy has its size.
        return bytes(memoryview(written)) if len(written) < _BUFFER else written
    except orjson.JSONEncodeError as error:
        raise NotJson(f"cannot be written as JSON: {error}") from None


def _decimal(value: Any) -> orjson.Fragment:
    if isinstance(value, Decimal) and value.is_finite():
        small = -_PLAIN < value.adjusted() < -6  # where str() would write an exponent
        return orjson.Fragment(format(value, "f") if small else str(value))
    raise TypeError(f"a {type(value).__name__} has no place in FHIR JSON")


def _integer(text: str) -> int | Decimal:
    return int(text) if len(text) < 19 else Decimal(text)  # beyond 64 bits orjson cannot write an int


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in an object")
    return found


_BUFFER = 100_000  # bytes; beyond, what orjson leaves behind is a small part
_PLAIN = 40  # zeros that a small number is written with rather than an exponent
_DECODER = json.JSONDecoder(parse_float=Decimal, parse_int=_integer, parse_constant=_no_constant)
_STRICT = json.JSONDecoder(
    parse_float=Decimal, parse_int=_integer, parse_constant=_no_constant, object_pairs_hook=_once_each
)
