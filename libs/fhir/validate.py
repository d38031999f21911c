"""Whether a resource is valid R4, checked by rules compiled from the definitions.

Structure, cardinality, choices, primitive formats, required bindings and the constraints that matter are
errors; a reference to a type that the element does not name is a warning. Profiles: see profiles.py.
"""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from libs.fhir.definitions import Element, codes, elements, primitives, types
from libs.fhir.findings import MAX_ISSUES, Findings
from libs.fhir.invariants import INVARIANTS, Invariant
from libs.fhir.outcome import Issue
from libs.fhir.primitives import primitive
from libs.fhir.reference import parse_reference

MAX_DEPTH = 64  # of objects in objects
LISTED_CODES = 12  # a binding with no more codes than this is spelled out in the issue
NOT_STORED = {"Parameters"}


def validate(resource: dict[str, Any]) -> list[Issue]:
    """What is wrong with `resource`, the first MAX_ISSUES errors and warnings; empty when nothing is.

    The texts name elements, types and codes of the standard, never a value out of the resource.
    """
    report = Findings()
    _resource(resource, report)
    name = resource.get("resourceType") if isinstance(resource, dict) else None
    root = name if isinstance(name, str) and _is_resource_type(name) else "Resource"
    return report.issues(root)


Check = Callable[[Any, Findings], None]


# --- A resource: the one validated, one in a Bundle, or a contained one ---


def _resource(value: Any, report: Findings) -> None:
    if not isinstance(value, dict):
        report.error("structure", "not a JSON object")
        return
    name = value.get("resourceType")
    if not isinstance(name, str) or not _is_resource_type(name):
        report.error("structure", "resourceType is missing or not a type of R4", "resourceType")
        return
    outer = report.contained, report.local
    report.contained, report.local = _contained_ids(value), set()
    _node(name)(value, report)
    if "contained" in value:
        _check_contained(value["contained"], report)
    report.contained, report.local = outer


def _is_resource_type(name: str) -> bool:
    return name in types() or name in NOT_STORED


def _contained_ids(resource: dict[str, Any]) -> frozenset[str]:
    contained = resource.get("contained")
    return frozenset(
        inner["id"]
        for inner in (contained if isinstance(contained, list) else ())
        if isinstance(inner, dict) and isinstance(inner.get("id"), str)
    )


def _check_contained(contained: Any, report: Findings) -> None:
    for index, inner in enumerate(contained if isinstance(contained, list) else ()):
        if not isinstance(inner, dict):
            continue
        meta = inner.get("meta")
        if isinstance(meta, dict) and ("versionId" in meta or "lastUpdated" in meta):
            report.error("invariant", "dom-4: a contained resource has no version", index, "contained")
        if isinstance(meta, dict) and "security" in meta:
            report.error("invariant", "dom-5: a contained resource has no security label", index, "contained")
        identity = inner.get("id")
        if isinstance(identity, str) and identity not in report.local and "" not in report.local:
            report.error("invariant", "dom-3: nothing refers to the contained resource", index, "contained")


def _contained_resource(value: Any, report: Findings) -> None:
    """A resource inside another: it sees the ids around it and contains nothing itself."""
    name = value.get("resourceType") if isinstance(value, dict) else None
    if not isinstance(name, str) or not _is_resource_type(name):
        report.error("structure", "resourceType is missing or not a type of R4", "resourceType")
        return
    if "contained" in value:
        report.error("invariant", "dom-2: a contained resource contains no other", "contained")
    _node(name)(value, report)


# --- A node: a type or a backbone element ---


@cache
def _node(path: str) -> "_Node":
    return _Node(path)


class _Node:
    """The rules of one JSON object."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.is_resource = _is_resource_type(path)
        self.invariants: tuple[Invariant, ...] = INVARIANTS.get(path, ())
        self.required: list[tuple[str, tuple[str, ...]]] = []  # element, the JSON names it may have
        self.choices: list[tuple[str, frozenset[str]]] = []  # element[x], the JSON names it may have
        self.rules: dict[str, _Rule] = {}  # compiled when first needed: types contain each other

    def __call__(self, value: Any, report: Findings) -> None:
        if not isinstance(value, dict):
            report.error("structure", "not a JSON object")
        elif not value:
            report.error("structure", "an object without content")
        elif report.depth >= MAX_DEPTH:
            report.error("too-long", f"nested deeper than {MAX_DEPTH} objects")
        else:
            report.depth += 1
            self._check_elements(value, report)
            self._check_whole(value, report)
            report.depth -= 1

    def _check_elements(self, value: dict[str, Any], report: Findings) -> None:
        rules = self.rules or self._compile()
        found = report.found
        for name, each in value.items():
            rule = rules.get(name)
            if rule is None:
                if name != "resourceType" or not self.is_resource:
                    report.error("structure", f"{self.path} has no such element", name)
                continue
            since = len(found)
            rule.check(each, value, report)
            if len(found) != since:
                report.under(name, since)

    def _check_whole(self, value: dict[str, Any], report: Findings) -> None:
        for element, names in self.required:
            if not any(name in value for name in names):
                report.error("required", f"{self.path}.{element} is required", element)
        for element, choices in self.choices:
            if len({name.removeprefix("_") for name in value.keys() & choices}) > 1:
                report.error("structure", f"{element}[x] has more than one value", element)
        for invariant in self.invariants:
            if not invariant.holds(value):
                report.error("invariant", f"{invariant.key}: {invariant.says}")

    def _compile(self) -> dict[str, "_Rule"]:
        for element in elements(self.path):
            names = []
            for kind in element.types:
                name = element.name + kind[0].upper() + kind[1:] if element.choice else element.name
                self.rules[name] = _Rule(name, element.many, _check(self, element, kind))
                names.append(name)
                if kind in primitives():
                    self.rules["_" + name] = _Rule("_" + name, element.many, _node("Element"))
                    names.append("_" + name)
            if element.min:
                self.required.append((element.name, tuple(names)))
            if element.choice:
                self.choices.append((element.name, frozenset(names)))
        return self.rules


class _Rule:
    """The rule of one JSON property: how often, and what each value is."""

    __slots__ = ("each", "many", "twin")

    def __init__(self, name: str, many: bool, each: Check) -> None:
        self.many = many
        self.each = each
        # Of a primitive the values and their extensions are two arrays, in each of which null may stand.
        self.twin = name[1:] if name.startswith("_") else "_" + name

    def check(self, value: Any, parent: dict[str, Any], report: Findings) -> None:
        if not self.many:
            if isinstance(value, list):
                report.error("structure", "an array where one value belongs")
            elif value is None:
                report.error("structure", "null")
            else:
                self.each(value, report)
        elif not isinstance(value, list):
            report.error("structure", "one value where an array belongs")
        elif not value:
            report.error("structure", "an empty array")
        else:
            self._check_array(value, parent, report)

    def _check_array(self, values: list[Any], parent: dict[str, Any], report: Findings) -> None:
        found, each = report.found, self.each
        for index, value in enumerate(values):
            since = len(found)
            if value is not None:
                each(value, report)
            elif not _stands_for(index, parent.get(self.twin)):
                report.error("structure", "null")
            if len(found) != since:
                report.under(index, since)


def _stands_for(index: int, twins: Any) -> bool:
    return isinstance(twins, list) and index < len(twins) and twins[index] is not None


# --- What one value must be ---


def _check(node: _Node, element: Element, kind: str) -> Check:
    if node.is_resource and element.name == "id":
        return _primitive("id")
    if kind == "Resource":
        return _contained_resource if element.name == "contained" else _resource
    if kind == "code" and element.binding:
        return _bound_code(element.binding)
    if kind in ("CodeableConcept", "Coding") and element.binding:
        return _bound_concept(kind, element.binding)
    if kind == "Reference":
        return _reference(element.targets)
    return _primitive(kind) if kind in primitives() else _node(kind)


@cache
def _primitive(kind: str) -> Check:
    problem_of = primitive(kind)
    if problem_of is None:
        raise ValueError(f"{kind} is no primitive type")
    local = kind in ("uri", "canonical")

    def check(value: Any, report: Findings) -> None:
        problem = problem_of(value)
        if problem is not None:
            report.error("value", problem)
        elif local and value[0] == "#":
            report.local.add(value[1:])

    return check


@cache
def _bound_code(value_set: str) -> Check:
    well_formed = _primitive("code")
    expansion = codes(value_set)
    if expansion is None:
        return well_formed
    allowed = frozenset(code for listed in expansion.values() for code in listed)
    says = _not_among(value_set, allowed)

    def check(value: Any, report: Findings) -> None:
        if not isinstance(value, str):
            report.error("value", "not a JSON string")
        elif value not in allowed:
            report.error("code-invalid", says)

    return check


@cache
def _bound_concept(kind: str, value_set: str) -> Check:
    """One coding must be of the value set. A concept with text only is a warning: nothing contradicts it."""
    node = _node(kind)
    expansion = codes(value_set)
    if expansion is None:
        return node
    says = _not_among(value_set, [code for listed in expansion.values() for code in listed])

    def check(value: Any, report: Findings) -> None:
        since = len(report.found)
        node(value, report)
        if len(report.found) != since or report.errors >= MAX_ISSUES:
            return  # its shape is not known to be right
        codings = value.get("coding", ()) if kind == "CodeableConcept" else [value]
        if not any(coding.get("code") in expansion.get(coding.get("system"), ()) for coding in codings):
            report_as = report.error if codings else report.warn
            report_as("code-invalid", says)

    return check


def _not_among(value_set: str, allowed: Iterable[str]) -> str:
    listed = sorted(allowed)
    if len(listed) > LISTED_CODES:
        return f"not a code of {value_set}"
    return f"not a code of {value_set}: {', '.join(listed)}"


@cache
def _reference(targets: tuple[str, ...]) -> Check:
    node = _node("Reference")

    def check(value: Any, report: Findings) -> None:
        node(value, report)
        text = value.get("reference") if isinstance(value, dict) else None
        if not isinstance(text, str):
            return
        if text.startswith("#"):
            report.local.add(text[1:])
            if text != "#" and text[1:] not in report.contained:
                report.error("invariant", "ref-1: no contained resource has this id", "reference")
        elif targets and (literal := parse_reference(text)) and literal.type not in targets:
            report.warn("value", f"refers to a {literal.type}, not to {' or '.join(targets)}", "reference")

    return check
