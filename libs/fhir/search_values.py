"""What a resource can be found by: the values of all its search parameters, ready for the index.

Source: FHIR R4, "Search". The parameters and the ways to their values come from the definitions.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, tzinfo
from functools import lru_cache
from typing import Any

from libs.fhir.definitions import Walk, search_parameters
from libs.fhir.reference import parse_reference
from libs.fhir.search_collector import Collector, IndexValues, Take, many
from libs.fhir.search_keys import Form, normalize, token_key
from libs.fhir.search_rows import ROWS, bounds_of
from libs.fhir.search_tokens import TOKENS, bound_code, deceased

__all__ = ["Form", "IndexValues", "index_values", "normalize", "token_key"]

COLUMNS = {"_id", "_lastUpdated"}  # parameters that are columns of the resource itself
_TAKE = TOKENS | ROWS


def index_values(org: str, resource: dict[str, Any], zone: tzinfo = UTC) -> IndexValues:
    """All search values of `resource`; what has not the shape its definition asks for is passed over.

    The key of a number is 0, or for a quantity that of its unit under SYSTEM_CODE (system and code) or
    CODE (the unit as text), one row each when they differ; for a composite that of its other part under
    COMPOSITE with an empty code. A `near` position is two numbers, latitude (key 1) and longitude (key 2).
    `zone` is that of dates which name none.
    """
    resource_type = resource["resourceType"]
    collector = Collector(org, resource_type, zone)
    plan = _plan(resource_type)
    for name, value in resource.items():
        for follow in plan.get(name, ()):
            follow(collector, value, resource)
    return collector.finish(resource)


# --- The plan of a type: for each top-level property, what to do with its value. ---

Follow = Callable[[Collector, Any, dict[str, Any]], None]


@lru_cache(maxsize=512)  # bounded: a type may be any text
def _plan(resource_type: str) -> dict[str, tuple[Follow, ...]]:
    plan: dict[str, list[Follow]] = {}
    for parameter in search_parameters(resource_type).values():
        for walk in parameter.walks:
            if walk.type == "deceased":
                plan.setdefault("resourceType", []).append(deceased)
            elif (
                take := _TAKE.get((parameter.kind, walk.type))
            ) is not None and parameter.code not in COLUMNS:
                plan.setdefault(walk.path[0], []).append(
                    _follow(parameter.code, walk, bound_code if parameter.system else take)
                )
        for composite in parameter.composites:
            if composite.path and len(composite.parts) == 2:
                plan.setdefault(composite.path[0], []).append(
                    _pair(parameter.code, composite.path[1:], composite.parts[0][1], composite.parts[1][1])
                )
    return {name: tuple(follows) for name, follows in plan.items()}


def _follow(parameter: str, walk: Walk, take: Take) -> Follow:
    def follow(collector: Collector, value: Any, resource: dict[str, Any]) -> None:
        if isinstance(value, list):
            for each in value:
                take(collector, parameter, walk, each)
        else:
            take(collector, parameter, walk, value)

    def reach(collector: Collector, value: Any, resource: dict[str, Any]) -> None:
        for each in _reach(value, walk):
            take(collector, parameter, walk, each)

    return reach if len(walk.path) > 1 or walk.where or walk.first else follow


def _reach(value: Any, walk: Walk) -> list[Any]:
    """What is found from the value of the walk's first property on."""
    found = value if isinstance(value, list) else [value]
    for index, step in enumerate(walk.path):
        if index:
            found = _step(found, step)
        if walk.first:
            found = found[:1]
        if walk.where and walk.where[0] == index:
            _, name, wanted = walk.where
            found = [each for each in found if isinstance(each, dict) and each.get(name) == wanted]
    return found


def _step(values: list[Any], name: str) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if isinstance(value, dict):
            below = value.get(name)
            if isinstance(below, list):
                found.extend(below)
            elif below is not None:
                found.append(below)
    return found


# --- Composite: both parts from one element below the resource ---


def _pair(parameter: str, path: tuple[str, ...], left: tuple[Walk, ...], right: tuple[Walk, ...]) -> Follow:
    def follow(collector: Collector, value: Any, resource: dict[str, Any]) -> None:
        found = value if isinstance(value, list) else [value]
        for step in path:
            found = _step(found, step)
        for element in found:
            firsts = [text for walk, each in _ends(element, left) for text in _as_searched(walk, each)]
            for walk, each in _ends(element, right) if firsts else ():
                _second(collector, parameter, firsts, walk, each)

    return follow


def _second(collector: Collector, parameter: str, firsts: list[str], walk: Walk, value: Any) -> None:
    if walk.type in ("Quantity", "Range"):
        if (bounds := bounds_of(value)) is not None:
            collector.present.add(parameter)
            for first in firsts:
                key = collector.key(parameter, Form.COMPOSITE, first, "")
                collector.values.numbers.append((parameter, key, *bounds))
        return
    for second in _as_searched(walk, value):
        collector.present.add(parameter)
        for first in firsts:
            collector.token(parameter, Form.COMPOSITE, first, second)


def _ends(element: Any, walks: tuple[Walk, ...]) -> Iterator[tuple[Walk, Any]]:
    if isinstance(element, dict):
        for walk in walks:
            for value in _reach(element.get(walk.path[0]), walk):
                if value is not None:
                    yield walk, value


def _as_searched(walk: Walk, value: Any) -> Iterator[str]:
    """The texts a search may use for one token or reference."""
    if walk.type == "CodeableConcept" and isinstance(value, dict):
        for coding in many(value.get("coding")):
            yield from _coding_texts(coding)
    elif walk.type == "Coding":
        yield from _coding_texts(value)
    elif walk.type == "code" and isinstance(value, str):
        yield from _coding_texts({"system": walk.system, "code": value})
    elif walk.type == "boolean" and isinstance(value, bool):
        yield "true" if value else "false"
    elif walk.type == "Reference" and isinstance(value, dict) and isinstance(value.get("reference"), str):
        literal = parse_reference(value["reference"])
        yield str(literal) if literal and literal.base is None else value["reference"]


def _coding_texts(coding: Any) -> Iterator[str]:
    if isinstance(coding, dict) and isinstance(code := coding.get("code"), str):
        yield code
        yield f"{coding.get('system') or ''}|{code}"
