"""Whether a value is the one that a profile fixes, has what its pattern has, or is of its value set."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from libs.fhir.definitions.profile_table import profile_codes

Predicate = Callable[[Any], bool]


def predicate(kind: str, value: Any) -> Predicate:
    """Whether a value is `fixed`, has what the `pattern` has, or is of the value set that `codes` names."""
    if kind == "fixed":
        return lambda found: bool(found == value)
    if kind == "pattern":
        codings = value["coding"] if value.keys() == {"coding"} else []
        return partial(_has_coding, codings[0]) if len(codings) == 1 else lambda found: fits(found, value)
    listed = profile_codes(value)
    return lambda found: is_listed(found, listed)


def _has_coding(wanted: dict[str, Any], found: Any) -> bool:
    """As `fits` for the usual pattern, a concept of one coding."""
    codings = found.get("coding") if isinstance(found, dict) else None
    if not isinstance(codings, list):
        return False
    return any(isinstance(one, dict) and wanted.items() <= one.items() for one in codings)


def fits(found: Any, pattern: Any) -> bool:
    """Whether a value has all that the pattern has."""
    if isinstance(pattern, dict):
        return isinstance(found, dict) and all(k in found and fits(found[k], v) for k, v in pattern.items())
    if isinstance(pattern, list):
        return isinstance(found, list) and all(any(fits(one, want) for one in found) for want in pattern)
    return bool(found == pattern)


def is_listed(found: Any, listed: Mapping[str, frozenset[str] | None]) -> bool:
    """Whether a code, a Coding or a CodeableConcept is of the value set."""
    if isinstance(found, str):
        return any(codes is None or found in codes for codes in listed.values())
    if not isinstance(found, dict):
        return False
    if "coding" in found:
        codings = found["coding"]
        return isinstance(codings, list) and any(
            is_listed(one, listed) for one in codings if isinstance(one, dict)
        )
    system, code = found.get("system"), found.get("code")
    if not isinstance(system, str) or not isinstance(code, str) or system not in listed:
        return False
    codes = listed[system]
    return codes is None or code in codes


def short(wanted: Any) -> str:
    """A fixed value or pattern in words: system and code."""
    if not isinstance(wanted, dict):
        return str(wanted)
    codings = wanted.get("coding", [wanted])
    return " and ".join("|".join(str(one[k]) for k in ("system", "code") if k in one) for one in codings)
