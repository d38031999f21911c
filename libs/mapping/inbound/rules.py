"""Field rules: where a sender's own fields go that no map knows, Z-segments above all.

A rule names a field, an element and the data type between them; there are no scripts. It is checked
when it is read, against FHIR's definitions, so that it cannot make an invalid resource later.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from libs.errors import Permanent
from libs.fhir.definitions import elements, types
from libs.hl7v2.message import Segment, Value
from libs.hl7v2.path import BadPath, parse_path
from libs.mapping.inbound.context import Context
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import concept_of
from libs.mapping.inbound.datatypes.identifiers import cx_identifier
from libs.mapping.inbound.datatypes.numbers import decimal

EXTENSION = "extension"
_TRUE, _FALSE = frozenset({"Y", "YES", "1", "T", "TRUE"}), frozenset({"N", "NO", "0", "F", "FALSE"})


class BadRule(Permanent):
    """The rule cannot be applied; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One field that becomes one element of the resource of a type that the message makes."""

    segment: str
    field: int
    component: int
    resource: str  # "Patient"
    element: str  # "maritalStatus", or "extension"
    url: str  # of the extension, else ""
    kind: str  # the data type that the field becomes
    many: bool  # the element is a list


def read_rule(stated: Mapping[str, Any]) -> Rule:
    """The rule of a table: `from = "ZPI-3"`, `to = "Patient.active"`, `as = "boolean"`. Raises BadRule."""
    if unknown := stated.keys() - {"from", "to", "url", "as"}:
        raise BadRule(f"a rule has no {sorted(unknown)[0]!r}; it has from, to, as and url")
    source, target, kind = (str(stated.get(name, "")) for name in ("from", "to", "as"))
    try:
        path = parse_path(source)
    except BadPath as error:
        raise BadRule(str(error)) from None
    resource, _, name = target.partition(".")
    if resource not in types():
        raise BadRule(f"{target!r} does not begin with a resource type")
    if kind not in _READERS:
        raise BadRule(f"{kind!r} is no data type of a rule; one of {', '.join(_READERS)}")
    known = next((one for one in elements(resource) if one.name == name), None)
    url = str(stated.get("url", ""))
    if known is None or (name != EXTENSION and (known.choice or kind not in known.types)):
        raise BadRule(f"{target} cannot hold a {kind}")
    if (name == EXTENSION) != bool(url):
        raise BadRule("url is for an extension, and an extension needs one")
    return Rule(path.segment, path.field, path.component, resource, name, url, kind, known.many)


def apply(rules: tuple[Rule, ...], context: Context) -> None:
    """Add what the rules say to the first resource of their type; a value that does not fit is a warning."""
    by_segment: dict[str, list[Rule]] = {}
    for rule in rules:
        by_segment.setdefault(rule.segment, []).append(rule)
    for segment in context.message.segments:
        for rule in by_segment.get(segment.name, ()):
            _apply(rule, segment, context)


def _apply(rule: Rule, segment: Segment, context: Context) -> None:
    context.use(segment, frozenset({rule.field}))
    stated = segment.first(rule.field)
    value = stated if rule.component == 1 else stated.part(rule.component)
    if not value:
        return
    target = context.first_of(rule.resource)
    read = _READERS[rule.kind](context, value, segment, rule.field)
    if target is None or read is None:
        reason = f"the message makes no {rule.resource}" if target is None else f"the value is no {rule.kind}"
        context.warn(segment, rule.field, f"a field rule was not applied: {reason}")
        return
    if rule.element == EXTENSION:
        found: Any = [{"url": rule.url, f"value{rule.kind[0].upper()}{rule.kind[1:]}": read}]
    else:
        found = [read] if rule.many else read
    context.set(target, rule.element, found)


Reader = Callable[[Context, Value, Segment, int], Any]


def _text(context: Context, value: Value, segment: Segment, field: int) -> str | None:
    return value.text(1).strip() or None


def _code(context: Context, value: Value, segment: Segment, field: int) -> str | None:
    return " ".join(value.text(1).split()) or None


def _boolean(context: Context, value: Value, segment: Segment, field: int) -> bool | None:
    said = value.text(1).strip().upper()
    return True if said in _TRUE else False if said in _FALSE else None


def _integer(context: Context, value: Value, segment: Segment, field: int) -> int | None:
    number = decimal(value.text(1))
    whole = number is not None and number == number.to_integral_value() and abs(number) < 2**31
    return int(number) if number is not None and whole else None


def _date_time(context: Context, value: Value, segment: Segment, field: int) -> str | None:
    return times.date_time_of(context, value.text(1), segment, field)


def _date(context: Context, value: Value, segment: Segment, field: int) -> str | None:
    moment = _date_time(context, value, segment, field)
    return moment[:10] if moment else None


_READERS: dict[str, Reader] = {
    "string": _text,
    "code": _code,
    "boolean": _boolean,
    "integer": _integer,
    "decimal": lambda context, value, segment, field: decimal(value.text(1)),
    "date": _date,
    "dateTime": _date_time,
    "CodeableConcept": concept_of,
    "Identifier": cx_identifier,
}
