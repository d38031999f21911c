"""The criteria of a search as SQL.

Every criterion becomes a condition on a row `i` of the index or `r` of the resource. What the index has
as tokens (codes, identifiers, references, uris, what is missing) is asked of one array: AND is `@>`, OR
is `&&`. Strings, numbers and further dates are asked of their own tables. All of them are views of the
organization's rows (see the first migration for why).

Source: FHIR R4, "Search".
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from libs.fhir.dates import date_range
from libs.fhir.definitions import SearchParameter, main_date, search_parameters
from libs.fhir.json import dumps
from libs.fhir.search_keys import normalize
from libs.fhir.search_query import (
    approximate_range,
    composite_keys,
    composite_number_key,
    number_range,
    of_type_keys,
    present_key,
    quantity,
    quantity_keys,
    reference_identifier_keys,
    reference_keys,
    split_prefix,
    split_values,
    text_keys,
    token_keys,
    unescape,
    uri_key,
)
from libs.store.lexemes import beginning, containing, lexeme, quoted, steps_to
from libs.store.ranges import Condition, date_condition, moment_condition, number_condition
from libs.store.search import BadSearch, Criterion, Search


def condition(org: str, search: Search, criterion: Criterion) -> Condition:
    """The SQL of one criterion. Raises BadSearch, BadValue, BadDate."""
    if not criterion.values or "" in criterion.values:
        raise BadSearch(f"{criterion.parameter} has no value")
    if criterion.parameter == "_id":
        return _negated_if(criterion, "r.id = ANY(%s)", [[unescape(value) for value in criterion.values]])
    if criterion.parameter == "_lastUpdated":
        return _any([moment_condition("r.last_updated", *_span(search, v)) for v in _plain(criterion)])
    parameter = search_parameters(search.type).get(criterion.parameter)
    if parameter is None:
        raise BadSearch(f"{search.type} has no search parameter {criterion.parameter}")
    if criterion.modifier == "missing":
        return _missing(org, search.type, criterion)
    if parameter.kind not in _BY_KIND:
        raise BadSearch(f"a search by {criterion.parameter} ({parameter.kind}) is not offered")
    return _BY_KIND[parameter.kind](org, search, criterion, parameter)


def needs_index(criterion: Criterion) -> bool:
    """Whether the criterion is about the index rather than the resource's own columns."""
    return criterion.parameter not in ("_id", "_lastUpdated")


def names_few(criterion: Criterion) -> bool:
    """Whether only few resources of an organization can meet the criterion."""
    return criterion.parameter in ("identifier", "patient", "subject", "encounter") and (
        criterion.modifier in ("", "Patient", "Encounter", "of-type")
    )


def _missing(org: str, kind: str, criterion: Criterion) -> Condition:
    if criterion.values not in (("true",), ("false",)):
        raise BadSearch(f"{criterion.parameter}:missing is true or false")
    held = Condition("i.tok @> %s::bigint[]", [[present_key(org, kind, criterion.parameter)]])
    return held if criterion.values == ("false",) else Condition(f"NOT ({held.text})", held.values)


def _token(org: str, search: Search, criterion: Criterion, parameter: SearchParameter) -> Condition:
    name, modifier = criterion.parameter, criterion.modifier
    if modifier == "text":
        return _any([_all_of(text_keys(org, search.type, name, value)) for value in criterion.values])
    if modifier not in ("", "not", "of-type"):
        raise _unknown_modifier(criterion)
    keys_of = of_type_keys if modifier == "of-type" else token_keys
    return _any_of(criterion, [key for v in criterion.values for key in keys_of(org, search.type, name, v)])


def _reference(org: str, search: Search, criterion: Criterion, parameter: SearchParameter) -> Condition:
    modifier = criterion.modifier
    if modifier == "identifier":
        keys = [
            key
            for value in criterion.values
            for key in reference_identifier_keys(org, search.type, criterion.parameter, value)
        ]
        return _any_of(criterion, keys)
    target = modifier if modifier in parameter.targets else None
    if modifier and modifier != "not" and target is None:
        raise _unknown_modifier(criterion)
    keys = [k for v in criterion.values for k in reference_keys(org, search.type, parameter, v, target)]
    return _any_of(criterion, keys)


def _uri(org: str, search: Search, criterion: Criterion, parameter: SearchParameter) -> Condition:
    name, modifier = criterion.parameter, criterion.modifier
    if modifier == "below":
        return _strings(beginning(org, search.type, name, unescape(value)) for value in criterion.values)
    if modifier == "above":
        above = (part for value in criterion.values for part in steps_to(unescape(value)))
        return _strings(quoted(lexeme(org, search.type, name, part)) for part in above)
    if modifier not in ("", "not"):
        raise _unknown_modifier(criterion)
    return _any_of(criterion, [uri_key(org, search.type, name, value) for value in criterion.values])


def _string(org: str, search: Search, criterion: Criterion, parameter: SearchParameter) -> Condition:
    name, kind = criterion.parameter, search.type
    if name == "phonetic" and not criterion.modifier:
        return _any([_all_of(text_keys(org, kind, name, value)) for value in criterion.values])
    values = [unescape(value) for value in criterion.values]
    match criterion.modifier:
        case "":
            return _strings(beginning(org, kind, name, normalize(value)) for value in values)
        case "exact":
            return _any([_exact(org, kind, name, value) for value in values])
        case "contains":
            return _any([_contains(org, kind, name, normalize(value)) for value in values])
        case _:
            raise _unknown_modifier(criterion)


def _exact(org: str, kind: str, name: str, value: str) -> Condition:
    """The index knows no case and no accents; the resource's JSON does."""
    found = _strings([quoted(lexeme(org, kind, name, normalize(value)))])
    return Condition(f"({found.text} AND strpos(r.content, %s) > 0)", [*found.values, json_string(value)])


def _contains(org: str, kind: str, name: str, value: str) -> Condition:
    return Condition(
        "i.rid IN (SELECT s.rid FROM org_str s, unnest(tsvector_to_array(s.lexemes)) AS l"
        " WHERE s.lexemes @@ %s::tsquery AND l LIKE %s)",
        [beginning(org, kind, name, ""), containing(org, kind, name, value)],
    )


def _date(org: str, search: Search, criterion: Criterion, parameter: SearchParameter) -> Condition:
    spans = [_span(search, value) for value in _plain(criterion)]
    if criterion.parameter == main_date(search.type):
        return _any([date_condition("i.date_from", "i.date_to", *span) for span in spans])
    found = _any([date_condition("d.lo", "d.hi", *span) for span in spans])
    return Condition(
        "i.rid IN (SELECT d.rid FROM org_date d"  # noqa: S608
        f" WHERE d.org_id = %s AND d.type = %s AND d.param = %s AND {found.text})",
        [org, search.type, criterion.parameter, *found.values],
    )


def _number(org: str, search: Search, criterion: Criterion, parameter: SearchParameter) -> Condition:
    found = [
        number_condition(prefix, *_bounds(prefix, text))
        for prefix, text in map(split_prefix, _plain(criterion))
    ]
    return _numbers(org, search, criterion, _any(found))


def _quantity(org: str, search: Search, criterion: Criterion, parameter: SearchParameter) -> Condition:
    found = []
    for prefix, text in map(split_prefix, _plain(criterion)):
        number, system, unit = quantity(text)
        low, high = _bounds(prefix, number)
        if not unit:
            found.append(number_condition(prefix, low, high))
            continue
        name = criterion.parameter
        for key, lowest, highest in quantity_keys(org, search.type, name, system, unit, low, high):
            within = number_condition(prefix, lowest, highest)
            found.append(Condition(f"(n.key = %s AND {within.text})", [key, *within.values]))
    return _numbers(org, search, criterion, _any(found))


def _composite(org: str, search: Search, criterion: Criterion, parameter: SearchParameter) -> Condition:
    return _any([_pair(org, search, criterion, parameter, value) for value in _plain(criterion)])


def _pair(
    org: str, search: Search, criterion: Criterion, parameter: SearchParameter, value: str
) -> Condition:
    parts = split_values(value, "$")
    codes = [code for code, _ in parameter.composites[0].parts] if parameter.composites else []
    if len(parts) != len(codes):
        raise BadSearch(f"{criterion.parameter} takes {len(codes)} values, with $ between them")
    if not parameter.composites[0].path:
        asked = [Criterion(code, (part,)) for code, part in zip(codes, parts, strict=True)]
        found = [condition(org, search, one) for one in asked]
        return Condition(
            "(" + " AND ".join(c.text for c in found) + ")", [value for c in found for value in c.values]
        )
    kinds = [search_parameters(search.type)[code].kind for code in codes]
    if kinds[1] in ("token", "reference"):
        return _any_of(criterion, composite_keys(org, search.type, criterion.parameter, *parts))
    if kinds[1] != "quantity":
        raise BadSearch(f"a search by {criterion.parameter} is not offered")
    prefix, text = split_prefix(parts[1])
    within = number_condition(prefix, *_bounds(prefix, quantity(text)[0]))
    key = composite_number_key(org, search.type, criterion.parameter, parts[0])
    found_number = Condition(f"(n.key = %s AND {within.text})", [key, *within.values])
    return _numbers(org, search, criterion, found_number)


_BY_KIND: dict[str, Callable[[str, Search, Criterion, SearchParameter], Condition]] = {
    "token": _token,
    "reference": _reference,
    "uri": _uri,
    "string": _string,
    "date": _date,
    "number": _number,
    "quantity": _quantity,
    "composite": _composite,
}


def json_string(text: str) -> str:
    """The text as the stored JSON spells it, quotes included."""
    return dumps(text).decode()


def _span(search: Search, value: str) -> tuple[str, datetime, datetime]:
    prefix, text = split_prefix(value)
    return (prefix, *date_range(text, search.zone))


def _bounds(prefix: str, text: str) -> tuple[Decimal, Decimal]:
    """The range that eq and ne compare with by the digits of the number, the others by itself."""
    if prefix in ("eq", "ne"):
        return number_range(text)
    if prefix == "ap":
        return approximate_range(text)
    low, high = number_range(text)
    return (low + high) / 2, (low + high) / 2


def _numbers(org: str, search: Search, criterion: Criterion, found: Condition) -> Condition:
    return Condition(
        "i.rid IN (SELECT n.rid FROM org_num n"  # noqa: S608
        f" WHERE n.org_id = %s AND n.type = %s AND n.param = %s AND {found.text})",
        [org, search.type, criterion.parameter, *found.values],
    )


def _strings(queries: Iterable[str]) -> Condition:
    return Condition(
        "i.rid IN (SELECT s.rid FROM org_str s WHERE s.lexemes @@ %s::tsquery)", [" | ".join(queries)]
    )


def _any_of(criterion: Criterion, keys: list[int]) -> Condition:
    return _negated_if(criterion, "i.tok && %s::bigint[]", [keys])


def _all_of(keys: list[int]) -> Condition:
    return Condition("i.tok @> %s::bigint[]", [keys])


def _negated_if(criterion: Criterion, text: str, values: list[Any]) -> Condition:
    if criterion.parameter == "_id" and criterion.modifier not in ("", "not"):
        raise _unknown_modifier(criterion)
    return Condition(f"NOT ({text})" if criterion.modifier == "not" else text, values)


def _any(conditions: list[Condition]) -> Condition:
    if not conditions:
        return Condition("false", [])
    return Condition(
        "(" + " OR ".join(c.text for c in conditions) + ")", [value for c in conditions for value in c.values]
    )


def _plain(criterion: Criterion) -> tuple[str, ...]:
    """The values of a parameter that takes no modifier."""
    if criterion.modifier:
        raise _unknown_modifier(criterion)
    return criterion.values


def _unknown_modifier(criterion: Criterion) -> BadSearch:
    return BadSearch(f"{criterion.parameter} has no modifier :{criterion.modifier}")
