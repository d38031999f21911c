"""What FHIR R4 (4.0.1) defines: its types, their elements, the codes bound to them, its search parameters.

Read from the packed table `r4.json.gz` (see generate.py) as asked for, and kept; treat it as immutable.
"""

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from libs.fhir.definitions import table

# The date that a type without a `date` parameter is sorted and filtered by first.
_MAIN_DATES = (
    *("authoredon", "date", "authored-on", "authored", "recorded-date", "recorded", "created", "effective"),
    *("effective-time", "issued", "started", "whenhandedover", "collected", "start", "sent", "datetime"),
    *("identified", "timestamp", "period", "occurrence", "start-date", "datewritten", "birthdate"),
)


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a type, under the name it has in the definition (`value` for `value[x]`)."""

    name: str
    min: int
    many: bool  # an array in JSON
    types: tuple[str, ...]  # type names, or the path of a backbone element such as "Patient.contact"
    choice: bool  # value[x]: the JSON name is the name with the capitalized type behind it
    binding: str | None  # the value set of a required binding
    targets: tuple[str, ...]  # types a Reference may point to; empty for any
    summary: bool  # belongs to `_summary=true`


@dataclass(frozen=True, slots=True)
class Walk:
    """A way from a resource to values: JSON property names, and the type that is found at the end."""

    path: tuple[str, ...]
    type: str
    system: str | None  # the code system that a `code` at the end belongs to by its binding
    target: str | None  # only references to this type count
    where: tuple[int, str, str] | None  # (step, property, value): at that step only what has the value counts
    first: bool  # of an array on the way, only its first


@dataclass(frozen=True, slots=True)
class Composite:
    """What a composite parameter pairs: values of its parts inside one and the same element at `path`.

    With an empty path that element is the resource itself, and a search is the AND of the parts' parameters.
    """

    path: tuple[str, ...]
    parts: tuple[tuple[str, tuple[Walk, ...]], ...]  # (code of the part's parameter, walks from the element)


@dataclass(frozen=True, slots=True)
class SearchParameter:
    """A search parameter as it applies to one type."""

    code: str
    kind: str  # number date string token reference composite quantity uri special
    url: str
    targets: tuple[str, ...]  # of a reference
    walks: tuple[Walk, ...]
    composites: tuple[Composite, ...]
    system: str | None  # of a token, the one code system that bindings leave to all its values


@cache
def types() -> frozenset[str]:
    """The 145 resource types that can be stored."""
    return frozenset(table.content("resources"))


@lru_cache(maxsize=512)  # bounded: a type may be any text
def search_parameters(resource_type: str) -> dict[str, SearchParameter]:
    """The search parameters of a type by code, those of every resource included; empty for an unknown type.

    Without `_text`, `_content` and `_query`, which are no paths into a resource.
    """
    if resource_type not in types():
        return {}
    records = table.content("search", "Resource") | (table.content("search", resource_type) or {})
    return {
        code: _search_parameter(code, record)
        for code, record in records.items()
        if "walks" in record or "composite" in record
    }


@lru_cache(maxsize=512)
def main_date(resource_type: str) -> str | None:
    """The date parameter that the type is sorted by; None when it has no date that matters."""
    parameters = search_parameters(resource_type)
    return next(
        (code for code in _MAIN_DATES if code in parameters and parameters[code].kind == "date"), None
    )


@cache
def patient_compartment() -> dict[str, tuple[str, ...]]:
    """Type -> the reference parameters by which its resources belong to a patient."""
    return {code: tuple(codes) for code, codes in table.content("compartment", "Patient").items()}


@lru_cache(maxsize=4096)
def elements(path: str) -> tuple[Element, ...]:
    """The elements of a type or backbone element ("Patient", "Patient.contact"); empty when there is none."""
    return tuple(_element(record) for record in _nodes(path.partition(".")[0]).get(path, ()))


@lru_cache(maxsize=512)
def codes(value_set: str) -> dict[str, frozenset[str]] | None:
    """Code system -> codes of a value set that a required binding names; None when it cannot be listed."""
    expansion = table.content("codes", value_set)
    return None if expansion is None else {system: frozenset(listed) for system, listed in expansion.items()}


@cache
def primitives() -> dict[str, str]:
    """Primitive type -> the regular expression of its values."""
    return dict(table.content("primitives"))


@lru_cache(maxsize=512)
def _nodes(name: str) -> dict[str, list[list[Any]]]:
    return table.content("type", name) or {}


def _element(record: list[Any]) -> Element:
    name, minimum, many, kinds, facts = record
    return Element(
        name=name,
        min=minimum,
        many=bool(many),
        types=tuple(kinds),
        choice="choice" in facts,
        binding=facts.get("binding"),
        targets=tuple(facts.get("targets", ())),
        summary="summary" in facts,
    )


def _search_parameter(code: str, record: dict[str, Any]) -> SearchParameter:
    walks = tuple(_walk(walk) for walk in record.get("walks", ()))
    systems = {walk.system for walk in walks}
    return SearchParameter(
        code=code,
        kind=record["kind"],
        url=record["url"],
        targets=tuple(record.get("targets", ())),
        walks=walks,
        system=systems.pop() if len(systems) == 1 else None,
        composites=tuple(
            Composite(
                path=tuple(composite["path"].split(".")) if composite["path"] else (),
                parts=tuple((part, tuple(_walk(w) for w in walks)) for part, walks in composite["parts"]),
            )
            for composite in record.get("composite", ())
        ),
    )


def _walk(record: list[Any]) -> Walk:
    path, kind, *rest = record
    facts = rest[0] if rest else {}
    where = facts.get("where")
    return Walk(
        path=tuple(path.split(".")),
        type=kind,
        system=facts.get("system"),
        target=facts.get("target"),
        where=(where[0], where[1], where[2]) if where else None,
        first="first" in facts,
    )
