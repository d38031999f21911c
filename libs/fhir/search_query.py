"""The values of a search, turned into the keys and ranges under which search_values.py indexed resources.

Values come as the URL has them: their escapes (a backslash before `,` `|` `$` or itself) are undone here.
Source: FHIR R4, "Search".
"""

import re
from decimal import Decimal, InvalidOperation

from libs.errors import Permanent
from libs.fhir.definitions import SearchParameter, search_parameters
from libs.fhir.reference import parse_reference
from libs.fhir.search_keys import IDENTIFIER_MODIFIER, Form, searched_words, token_key
from libs.fhir.ucum import UCUM, equivalents

PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
MAX_EXPONENT = 100


class BadValue(Permanent):
    """A search value that its parameter cannot have."""


def split_values(text: str, separator: str = ",") -> list[str]:
    """`text` cut at each separator that no backslash escapes; the escapes stay."""
    parts = [""]
    for piece in re.findall(r"\\.|[^\\]|\\$", text, re.DOTALL):
        if piece == separator:
            parts.append("")
        else:
            parts[-1] += piece
    return parts


def unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def split_prefix(text: str) -> tuple[str, str]:
    """(prefix, rest) of a number, date or quantity; `eq` when none is written."""
    return (text[:2], text[2:]) if text[:2] in PREFIXES else ("eq", text)


def token_keys(org: str, type: str, parameter: str, value: str) -> list[int]:
    """Keys, any one of which finds it, of a token: `code`, `system|code`, `|code` or `system|`."""
    system, code = _token(value)
    definition = search_parameters(type).get(parameter)
    if definition and definition.system and system == definition.system:
        if not code:
            return [present_key(org, type, parameter)]
        system = None
    if system is None:
        return [token_key(org, type, parameter, Form.CODE, "", code)]
    if not code:
        return [token_key(org, type, parameter, Form.SYSTEM, system)]
    return [token_key(org, type, parameter, Form.SYSTEM_CODE, system, code)]


def of_type_keys(org: str, type: str, parameter: str, value: str) -> list[int]:
    """`identifier:of-type=system|code|value`. Raises BadValue."""
    parts = [unescape(part) for part in split_values(value, "|")]
    if len(parts) != 3 or not all(parts):
        raise BadValue(f"{parameter}:of-type takes system|code|value")
    system, code, number = parts
    return [token_key(org, type, parameter, Form.OF_TYPE, f"{system}|{code}", number)]


def text_keys(org: str, type: str, parameter: str, value: str) -> list[int]:
    """Keys that a resource has all of: `code:text=...`, or a name's sound for `phonetic`. Raises BadValue."""
    wanted = searched_words(parameter, unescape(value))
    if not wanted:
        raise BadValue(f"{parameter} takes at least one word")
    return sorted(token_key(org, type, parameter, Form.TEXT, "", word) for word in wanted)


def present_key(org: str, type: str, parameter: str) -> int:
    """The key of a resource that has any value: `:missing=false`."""
    return token_key(org, type, parameter, Form.PRESENT)


def uri_key(org: str, type: str, parameter: str, value: str) -> int:
    return token_key(org, type, parameter, Form.URI, "", unescape(value))


def reference_keys(
    org: str, type: str, parameter: SearchParameter, value: str, target: str | None = None
) -> list[int]:
    """The keys any one of which a resource with this reference has.

    `value` is an id, `Type/id`, `urn:...`, a canonical or an absolute URL (make one of our own server
    relative first). `target` is the type of a modifier, `subject:Patient=1`. Raises BadValue.
    """
    text = unescape(value)
    literal = parse_reference(text)
    if literal and literal.base is None:
        if target not in (None, literal.type):
            raise BadValue(f"{parameter.code}:{target} takes an id or a reference to a {target}")
        return [token_key(org, type, parameter.code, Form.REFERENCE, literal.type, literal.id)]
    if "/" in text or ":" in text:
        return [token_key(org, type, parameter.code, Form.URI, "", text)]
    targets = (target,) if target else parameter.targets
    keys = [token_key(org, type, parameter.code, Form.REFERENCE, name, text) for name in targets]
    return [*keys, token_key(org, type, parameter.code, Form.URI, "", text)]


def reference_identifier_keys(org: str, type: str, parameter: str, value: str) -> list[int]:
    """`subject:identifier=system|value`: the identifier written in the reference."""
    return token_keys(org, type, parameter + IDENTIFIER_MODIFIER, value)


def composite_keys(org: str, type: str, parameter: str, first: str, second: str) -> list[int]:
    """Both parts tokens or references, in one element."""
    return [token_key(org, type, parameter, Form.COMPOSITE, _part(first), _part(second))]


def composite_number_key(org: str, type: str, parameter: str, first: str) -> int:
    """The key of the numbers beside the token `first` in one element; their unit is not part of it."""
    return token_key(org, type, parameter, Form.COMPOSITE, _part(first))


def number_range(text: str) -> tuple[Decimal, Decimal]:
    """[from, to) that a number stands for by its digits: 100 is 99.5 to 100.5, 1e2 is 50 to 150.

    Raises BadValue.
    """
    number = _decimal(text)
    exponent = number.as_tuple().exponent
    half = Decimal((0, (5,), int(exponent) - 1))
    return number - half, number + half


def approximate_range(text: str) -> tuple[Decimal, Decimal]:
    """The range of `ap`: 10 % to either side. Raises BadValue."""
    low, high = number_range(text)
    tenth = abs(_decimal(text)) / 10
    return min(low, low + (high - low) / 2 - tenth), max(high, low + (high - low) / 2 + tenth)


def quantity(text: str) -> tuple[str, str | None, str]:
    """(number, system, unit) of `number|system|code`, `number||unit` or `number`.

    System None: any; unit empty: any. Raises BadValue.
    """
    parts = [unescape(part) for part in split_values(text, "|")]
    if len(parts) == 1:
        return parts[0], None, ""
    if len(parts) != 3 or not parts[2]:
        raise BadValue("a quantity is number, number|system|code or number||unit")
    return parts[0], parts[1] or None, parts[2]


def quantity_keys(  # noqa: PLR0917 - the parts of a key, then the range
    org: str, type: str, parameter: str, system: str | None, unit: str, low: Decimal, high: Decimal
) -> list[tuple[int, Decimal, Decimal]]:
    """(key, from, to) of the number rows that hold this range of `unit` in whatever unit they were sent."""
    if system not in (None, UCUM):
        return [(token_key(org, type, parameter, Form.SYSTEM_CODE, system or "", unit), low, high)]
    ranges = [
        (token_key(org, type, parameter, Form.SYSTEM_CODE, UCUM, other), converted_low, converted_high)
        for other, converted_low, converted_high in equivalents(unit, low, high)
    ]
    if system is None:
        ranges.append((token_key(org, type, parameter, Form.CODE, "", unit), low, high))
    return ranges


def _token(value: str) -> tuple[str | None, str]:
    parts = split_values(value, "|")
    if len(parts) == 1:
        return None, unescape(parts[0])
    return unescape(parts[0]), unescape("|".join(parts[1:]))


def _part(value: str) -> str:
    """A part of a composite as it is indexed: `code`, `system|code` or `Type/id`."""
    return unescape(value)


def _decimal(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise BadValue("not a number") from None
    if not number.is_finite() or abs(number.adjusted()) > MAX_EXPONENT or len(text) > MAX_EXPONENT:
        raise BadValue("not a number of a size that is measured")
    return number
