"""What a profile asks of a resource, compiled from the table's rules into checks.

Each looks at what is there and skips what has not the shape that R4 gives it: that is the base validator's
to find. See definitions/generate_profiles.py for the form of a rule.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from libs.fhir.definitions import primitives, table
from libs.fhir.definitions.profile_table import profile_codes, profiles
from libs.fhir.findings import Findings
from libs.fhir.profile_invariants import INVARIANTS, NOT_CHECKED, ProfileInvariant
from libs.fhir.profile_values import fits, is_listed, predicate, short
from libs.fhir.reference import parse_reference

Record = Mapping[str, Any]
LISTED_CODES = 12  # a value set with no more codes than this is spelled out in the issue


class ProfileFindings(Findings):
    """Findings, and the types of what the resource refers to by other than type and id."""

    __slots__ = ("types",)

    def __init__(self, types: Mapping[str, str]) -> None:
        super().__init__()
        self.types = types

    def type_of(self, reference: Any) -> str | None:
        """The type that a Reference points to; None when it does not tell."""
        text = reference.get("reference") if isinstance(reference, dict) else None
        if not isinstance(text, str):
            return None
        if (known := self.types.get(text)) is not None:
            return known
        literal = parse_reference(text.partition("?")[0] + "/-" if "?" in text else text)
        return literal.type if literal else None


Check = Callable[[Any, ProfileFindings], None]


@cache
def profile_check(url: str) -> Check:
    """The check of a resource, or of an extension, by the profile with that canonical URL."""
    record = profiles()[url]
    return _value_check(record["rule"], record["type"])


def _value_check(record: Record, name: str) -> Check:
    """The check of one value of an element, or of a whole resource."""
    checks = [make(record[kind]) for kind, make in _CHECKS.items() if kind in record]
    checks += [_invariant(key, name) for key in record.get("keys", ()) if key not in NOT_CHECKED]
    if len(checks) == 1:
        return checks[0]

    def check(value: Any, report: ProfileFindings) -> None:
        for one in checks:
            one(value, report)

    return check


def _elements(records: Mapping[str, Record]) -> Check:
    """The check of an object by the rules of its elements."""
    rules = [_Rule(name, record) for name, record in records.items()]

    def check(value: Any, report: ProfileFindings) -> None:
        if isinstance(value, dict):
            for rule in rules:
                rule.check(value, report)

    return check


class _Rule:
    """The rule of one element of an object: how often, and what each value is."""

    __slots__ = ("_allowed", "_choices", "_closed", "_each", "_element", "_max", "_min", "_name", "_slices")

    def __init__(self, name: str, record: Record) -> None:
        self._element = name.removesuffix("[x]")
        self._name = name
        self._choices = _choices(self._element) if name != self._element else None
        self._allowed = (
            frozenset(self._element + kind[0].upper() + kind[1:] for kind in record["types"])
            if "types" in record
            else None
        )
        self._min = record.get("min", 0)
        self._max = record.get("max")
        self._each = _value_check(record, self._element)
        self._slices = [_Slice(one) for one in record.get("slices", ())]
        self._closed = bool(record.get("closed"))

    def check(self, parent: dict[str, Any], report: ProfileFindings) -> None:
        count = 0
        choices = self._choices
        names = (self._name,) if choices is None else {choices[key] for key in parent if key in choices}
        for name in names:
            if name in parent:
                count += self._check_values(name, parent[name], report)
            elif "_" + name in parent:
                count += 1  # nothing but its extensions, such as data-absent-reason
            if self._allowed is not None and name not in self._allowed:
                report.error("structure", f"{self._element}[x] is {self._listed()}", name)
        if count < self._min:
            many = "is required" if self._min == 1 else f"is required {self._min} times"
            report.error("required", f"{self._element} {many}", self._element)
        elif self._max is not None and count > self._max:
            allowed = f"no more than {self._max}" if self._max else "none"
            report.error("structure", f"{allowed} of {self._element} may be there", self._element)

    def _listed(self) -> str:
        return " or ".join(sorted(self._allowed or ()))

    def _check_values(self, name: str, value: Any, report: ProfileFindings) -> int:
        if not isinstance(value, list):
            self._check_one(name, value, report)
            return 1
        found = report.found
        for index, item in enumerate(value):
            since = len(found)
            self._each(item, report)
            if len(found) != since:
                report.under(index, since)
                report.under(name, since)
        if self._slices:
            self._check_slices(name, value, report)
        return len(value)

    def _check_one(self, name: str, value: Any, report: ProfileFindings) -> None:
        since = len(report.found)
        self._each(value, report)
        if len(report.found) != since:
            report.under(name, since)

    def _check_slices(self, name: str, values: list[Any], report: ProfileFindings) -> None:
        counts = [0] * len(self._slices)
        for index, value in enumerate(values):
            of = next((place for place, one in enumerate(self._slices) if one.has(value)), None)
            if of is None:
                if self._closed:
                    report.error(
                        "structure", f"in no slice of {self._element}, which has no others", index, name
                    )
                continue
            counts[of] += 1
            since = len(report.found)
            self._slices[of].each(value, report)
            if len(report.found) != since:
                report.under(index, since)
                report.under(name, since)
        for one, count in zip(self._slices, counts, strict=True):
            one.check_count(count, name, report)


@cache
def _choices(element: str) -> dict[str, str]:
    """The JSON names that an element of any type may have, also those of its extensions: name without `_`."""
    names = [element + kind[0].upper() + kind[1:] for kind in (*primitives(), *table.names("type"))]
    return {name: name for name in names} | {"_" + name: name for name in names}


class _Slice:
    """A part of a list: what tells its items, how many there are, and what each is."""

    __slots__ = ("_max", "_min", "_name", "_tests", "each")

    def __init__(self, record: Record) -> None:
        self._name = record["name"]
        self._tests = [(tuple(path), predicate(kind, value)) for path, kind, value in record["match"]]
        self._min = record.get("min", 0)
        self._max = record.get("max")
        own = _value_check(record.get("rule", {}), "")
        url = record.get("profile")
        self.each = own if url is None else _both(own, url)

    def has(self, item: Any) -> bool:
        return all(any(map(test, _at(item, path))) for path, test in self._tests)

    def check_count(self, count: int, element: str, report: ProfileFindings) -> None:
        if count < self._min:
            report.error("required", f"{element}:{self._name} is required", element)
        elif self._max is not None and count > self._max:
            report.error(
                "structure", f"no more than {self._max} of {element}:{self._name} may be there", element
            )


def _both(own: Check, url: str) -> Check:
    def check(value: Any, report: ProfileFindings) -> None:
        own(value, report)
        profile_check(url)(value, report)

    return check


def _at(value: Any, path: tuple[str, ...]) -> Iterator[Any]:
    """Every value at the path below `value`."""
    if not path:
        yield value
    elif isinstance(value, dict) and path[0] in value:
        found = value[path[0]]
        for one in found if isinstance(found, list) else (found,):
            yield from _at(one, path[1:])


# --- What one value must be ---


def _fixed(wanted: Any) -> Check:
    def check(value: Any, report: ProfileFindings) -> None:
        if value != wanted:
            report.error("value", f"not {short(wanted)}")

    return check


def _pattern(wanted: Any) -> Check:
    def check(value: Any, report: ProfileFindings) -> None:
        if not fits(value, wanted):
            report.error("value", f"not {short(wanted)}")

    return check


def _bound(value_set: str) -> Check:
    listed = profile_codes(value_set)
    allowed = sorted(code for codes in listed.values() for code in codes or ())
    spelled = (
        f": {', '.join(allowed)}" if len(allowed) <= LISTED_CODES and None not in listed.values() else ""
    )
    says = f"not a code of {value_set}{spelled}"

    def check(value: Any, report: ProfileFindings) -> None:
        if not is_listed(value, listed):
            report.error("code-invalid", says)

    return check


def _targets(types: list[str]) -> Check:
    says = f"refers to another type than {' or '.join(types)}"

    def check(value: Any, report: ProfileFindings) -> None:
        kind = report.type_of(value)
        if kind is not None and kind not in types:
            report.error("value", says, "reference")

    return check


def _invariant(key: str, element: str) -> Check:
    invariant = INVARIANTS.get(f"{key} {element}") or INVARIANTS[key]
    says = f"{key}: {invariant.says}"

    def check(value: Any, report: ProfileFindings) -> None:
        if not _holds(invariant, value, report):
            report.error("invariant", says)

    return check


def _holds(invariant: ProfileInvariant, value: Any, report: ProfileFindings) -> bool:
    try:
        return invariant.holds(value, report.type_of)
    except (AttributeError, TypeError):
        return False  # it has not the shape of R4, and so is not known to hold


_CHECKS: dict[str, Callable[[Any], Check]] = {
    "fixed": _fixed,
    "pattern": _pattern,
    "codes": _bound,
    "targets": _targets,
    "elements": _elements,
}
