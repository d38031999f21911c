"""What field rules add to the resources of a message.

A rule is about the one resource of its type. Where a message makes several (two patients of a merge, the
results of a panel) it does not say which, so that it is not applied, with a warning.
"""

from collections.abc import Callable, Sequence
from typing import Any

from libs.fhir.bundle import Entry
from libs.fhir.definitions import codes
from libs.fhir.primitives import primitive
from libs.hl7v2.message import Segment, State, Value
from libs.hl7v2.path import Path
from libs.mapping.inbound.context import Context
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import concept_of
from libs.mapping.inbound.datatypes.identifiers import cx_identifier
from libs.mapping.inbound.datatypes.numbers import decimal
from libs.mapping.inbound.element import Element
from libs.mapping.inbound.rules import COMPLEX, EXTENSION, Rule

_TRUE, _FALSE = frozenset({"Y", "YES", "1", "T", "TRUE"}), frozenset({"N", "NO", "0", "F", "FALSE"})


def apply(rules: Sequence[Rule], context: Context) -> None:
    """Add to the resources of the context what the rules say."""
    for rule in rules:
        segment = _segment(context, rule.source)
        if segment is not None and segment.raw(rule.source.field) and _holds(rule, context):
            _apply(rule, segment, context)


def _apply(rule: Rule, segment: Segment, context: Context) -> None:
    field = rule.source.field
    context.use_repetition(segment, field, rule.source.repetition)
    if segment.state(field) is State.NULL:
        context.warn(segment, field, "a field rule cannot delete: the element stays as it is")
        return
    stated = _stated(segment, rule.source)
    if not stated:
        return
    value = _value(rule, stated, segment, context)
    if value is None:
        return
    entries = [entry for entry in context.entries() if entry.resource["resourceType"] == rule.resource]
    if len(entries) == 1:
        _place(rule, entries[0], value, context)
    else:
        made = f"{len(entries)} of them" if entries else "none"
        text = f"a field rule is about one {rule.resource}, and the message makes {made}: not applied"
        context.warn(segment, field, text)


def _segment(context: Context, path: Path) -> Segment | None:
    found = context.message.all(path.segment)
    return found[path.occurrence - 1] if len(found) >= path.occurrence else None


def _holds(rule: Rule, context: Context) -> bool:
    if rule.when is None:
        return True
    path, wanted = rule.when
    segment = _segment(context, path)
    value = _stated(segment, path) if segment is not None else None
    if segment is None or value is None or value.text(path.component, path.subcomponent) != wanted:
        return False
    context.use_repetition(segment, path.field, path.repetition)
    return True


def _stated(segment: Segment, path: Path) -> Value | None:
    repetitions = segment.raw(path.field).split(segment.delimiters.repetition)
    if len(repetitions) < path.repetition:
        return None
    return Value(repetitions[path.repetition - 1], segment.delimiters)


def _value(rule: Rule, stated: Value, segment: Segment, context: Context) -> Any:
    """The value that the field becomes; None when it says nothing, or cannot become one (reported)."""
    field, path = rule.source.field, rule.source
    if rule.kind in COMPLEX:
        part = stated if path.component == 1 else stated.part(path.component)
        value = _COMPLEX[rule.kind](context, part, segment, field) if part else None
        return _fitting(rule, value, segment, context)
    text = stated.text(path.component, path.subcomponent).strip()
    if not text:
        return None
    if rule.values:
        if text not in rule.values:
            context.uncoded(str(rule), text, segment, field)
            return None
        text = rule.values[text]
    value = _SIMPLE.get(rule.kind, _text)(context, text, segment, field)
    check = primitive(rule.kind)
    return _fitting(rule, None if check and check(value) else value, segment, context)


def _fitting(rule: Rule, value: Any, segment: Segment, context: Context) -> Any:
    """The value if FHIR allows it there; else None, and a warning."""
    if value is not None and _is_bound(rule, value):
        return value
    allowed = " that FHIR allows there" if rule.binding else ""
    text = f"a field rule was not applied: the value is no {rule.kind}{allowed}"
    context.warn(segment, rule.source.field, text)
    return None


def _is_bound(rule: Rule, value: Any) -> bool:
    """Whether the value is of the value set that FHIR requires, if it requires one."""
    expansion = codes(rule.binding) if rule.binding else None
    if expansion is None:
        return True
    if isinstance(value, str):
        return any(value in listed for listed in expansion.values())
    codings = value.get("coding", ()) if rule.kind == "CodeableConcept" else [value]
    return any(one.get("code") in expansion.get(one.get("system", ""), ()) for one in codings)


def _place(rule: Rule, entry: Entry, value: Any, context: Context) -> None:
    """Put the value into the resource. Copies what is on the way: elements may be shared."""
    holder: Element = entry.resource
    for step in rule.way:
        holder[step] = dict(holder.get(step, {}))
        holder = holder[step]
    if rule.element == EXTENSION:
        value = {"url": rule.url, f"value{rule.kind[0].upper()}{rule.kind[1:]}": value}
    if rule.many:
        known = holder.get(rule.element, [])
        holder[rule.element] = known if value in known else [*known, value]
        return
    holder[rule.element] = value
    for name in (f"_{rule.element}", *rule.others):
        holder.pop(name, None)
    if rule.others and not rule.way:
        context.remove({"reference": entry.full_url}, *rule.others)


def _text(context: Context, text: str, segment: Segment, field: int) -> str:
    return text


def _boolean(context: Context, text: str, segment: Segment, field: int) -> bool | None:
    said = text.upper()
    return True if said in _TRUE else False if said in _FALSE else None


def _whole(context: Context, text: str, segment: Segment, field: int) -> int | None:
    number = decimal(text)
    return int(number) if number is not None and number == number.to_integral_value() else None


def _date(context: Context, text: str, segment: Segment, field: int) -> str | None:
    moment = times.date_time_of(context, text, segment, field)
    return moment[:10] if moment else None


def _coding(context: Context, value: Value, segment: Segment, field: int) -> Element | None:
    concept = concept_of(context, value, segment, field)
    codings = concept.get("coding") if concept else None
    return codings[0] if codings else None


_SIMPLE: dict[str, Callable[[Context, str, Segment, int], Any]] = {
    "boolean": _boolean,
    "date": _date,
    "dateTime": times.date_time_of,
    "decimal": lambda context, text, segment, field: decimal(text),
    **dict.fromkeys(("integer", "positiveInt", "unsignedInt"), _whole),
    "time": lambda context, text, segment, field: times.time_of_day(text),
}  # of the others the text stays as it is
_COMPLEX: dict[str, Callable[[Context, Value, Segment, int], Element | None]] = {
    "CodeableConcept": concept_of,
    "Coding": _coding,
    "Identifier": cx_identifier,
}
