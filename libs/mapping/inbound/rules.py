"""Field rules: where the fields of a sender go that no map knows, Z-segments above all.

    [[rule]]
    from = "ZPI-3"                                # an HL7 path: one field, component or subcomponent
    to = "Patient.extension"                      # an element of a resource, or an extension of it
    url = "https://north.example/fhir/ward-round"
    as = "string"                                 # may be left out where the element has one type only
    when = { path = "ZPI-2", is = "Y" }           # may be left out
    values = { early = "E", late = "L" }          # may be left out: what the texts of the field become

There are no scripts. A rule is checked against the definitions of FHIR when it is read, so that a wrong
path or type is refused before a message meets it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from libs.errors import Permanent
from libs.fhir.definitions import Element, codes, elements, primitives, types
from libs.hl7v2.path import BadPath, Path, parse_path

EXTENSION = "extension"
# What a field can become; of the complex types, those that HL7 has a counterpart of.
SIMPLE = (
    "boolean", "code", "date", "dateTime", "decimal", "integer", "markdown", "positiveInt", "string", "time",
    "unsignedInt", "uri", "url",
)  # fmt: skip
COMPLEX = ("CodeableConcept", "Coding", "Identifier")
KINDS = (*SIMPLE, *COMPLEX)

_KEYS = frozenset({"from", "to", "url", "as", "when", "values"})
_NOT_FROM_MESSAGES = frozenset({"id", "contained", "implicitRules"})  # the server's own
_ALL: Mapping[str, str] = MappingProxyType({})


class BadRule(Permanent):
    """The rule cannot be applied; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One field, and the element that it becomes of the one resource of a type that a message makes."""

    source: Path
    when: tuple[Path, str] | None  # only if what is there is that text
    values: Mapping[str, str]  # what the texts of the field become; empty: they stay
    resource: str  # "Patient"
    way: tuple[str, ...]  # to what holds the element: ("maritalStatus",)
    element: str  # its name in JSON: "text", "deceasedBoolean", "extension"
    others: tuple[str, ...]  # the other names of a choice, of which FHIR allows one
    many: bool  # a list, to which the value is added
    url: str  # of an extension, else ""
    kind: str  # the data type of the value
    binding: str | None  # the value set that a code must be of

    def __str__(self) -> str:
        return f"{self.source.segment}-{self.source.field}"


def read_rule(stated: Any) -> Rule:
    """The rule that a [[rule]] table states. Raises BadRule."""
    if not isinstance(stated, dict):
        raise BadRule("rules are written as [[rule]]")
    if unknown := sorted(stated.keys() - _KEYS):
        raise BadRule(f"a rule has no {unknown[0]!r}; it has {', '.join(sorted(_KEYS))}")
    path, url = _text(stated, "to"), _text(stated, "url")
    resource, *steps = path.split(".")
    if resource not in types():
        raise BadRule(f"to: {path!r} does not begin with a resource type of FHIR R4")
    if not steps or steps[0] in _NOT_FROM_MESSAGES:
        raise BadRule(f"to: {path!r} is no element that a message can state")
    element = _element(path, resource, steps)
    if (element.name == EXTENSION) != bool(url):
        raise BadRule("url: an extension needs one, and nothing else has one")
    if url and (":" not in url or any(character.isspace() for character in url)):
        raise BadRule(f"url: {url!r} is no URI")
    kind = _kind(stated, path, element, steps[-1])
    rule = Rule(
        source=_path("from", _text(stated, "from")),
        when=_when(stated.get("when")),
        values=_values(stated.get("values", {}), kind, element),
        resource=resource,
        way=tuple(steps[:-1]),
        element=steps[-1],
        others=tuple(name for name in _json_names(element) if name != steps[-1]),
        many=element.many,
        url=url,
        kind=kind,
        binding=element.binding,
    )
    if rule.kind in COMPLEX and rule.source.subcomponent > 1:
        raise BadRule(f"from: a subcomponent cannot become a {rule.kind}")
    return rule


def _element(path: str, holder: str, steps: list[str]) -> Element:
    """The element at the end of the path. What is on the way is one of its kind: a list has no one place."""
    for number, step in enumerate(steps):
        found = next((one for one in elements(holder) if step in _json_names(one)), None)
        if found is None:
            names = ", ".join(name for one in elements(holder) for name in _json_names(one)[:1])
            raise BadRule(f"to: {path!r}: {holder} has no element {step!r}; it has {names}")
        if number == len(steps) - 1:
            return found
        if found.many or found.choice or found.types[0] in primitives():
            raise BadRule(
                f"to: {path!r}: nothing can be put into {step!r}, a list, a choice or a simple value"
            )
        holder = found.types[0]
    raise BadRule("to: the path of an element is missing")


def _json_names(element: Element) -> list[str]:
    if not element.choice:
        return [element.name]
    return [element.name + kind[0].upper() + kind[1:] for kind in element.types]


def _kind(stated: Mapping[str, Any], path: str, element: Element, name: str) -> str:
    kind = _text(stated, "as")
    if element.name == EXTENSION:
        allowed = [one for one in KINDS if one in elements("Extension")[-1].types]
    elif element.choice:
        allowed = [one for one in element.types if name == element.name + one[0].upper() + one[1:]]
    else:
        allowed = list(element.types)
    possible = [one for one in allowed if one in KINDS]
    if not possible:
        raise BadRule(f"to: {path} is a {allowed[0]}, which no rule can make; rules make {', '.join(KINDS)}")
    if not kind and len(possible) == 1:
        return possible[0]
    if kind not in possible:
        raise BadRule(
            f"as: {path} cannot hold a {kind or 'value of no type'}; it holds {', '.join(possible)}"
        )
    return kind


def _values(stated: Any, kind: str, element: Element) -> Mapping[str, str]:
    if not isinstance(stated, dict) or not all(isinstance(value, str) for value in stated.values()):
        raise BadRule('values: must be a table of texts: { J = "true", N = "false" }')
    if stated and kind in COMPLEX:
        raise BadRule(f"values: texts cannot become a {kind}; use [translations] for codings")
    allowed = _bound(element.binding)
    for value in stated.values():
        if allowed and value not in allowed:
            raise BadRule(f"values: {value!r} is none of {', '.join(sorted(allowed))}")
    return dict(stated) if stated else _ALL


def _bound(binding: str | None) -> set[str]:
    expansion = codes(binding) if binding else None
    return {code for listed in expansion.values() for code in listed} if expansion else set()


def _when(stated: Any) -> tuple[Path, str] | None:
    if stated is None:
        return None
    if not isinstance(stated, dict) or stated.keys() != {"path", "is"}:
        raise BadRule('when: must be { path = "ZPI-2", is = "Y" }')
    return _path("when", _text(stated, "path")), _text(stated, "is")


def _path(key: str, text: str) -> Path:
    try:
        path = parse_path(text)
    except BadPath as error:
        raise BadRule(f"{key}: {error}") from None
    if not path.segment:
        raise BadRule(f"{key}: {text!r} must begin with a segment")
    return path


def _text(stated: Mapping[str, Any], key: str) -> str:
    value = stated.get(key, "")
    if not isinstance(value, str):
        raise BadRule(f"{key}: must be a text")
    return value
