"""Whether a resource is as a profile of US Core 6.1.0 asks, by rules compiled from its definitions.

What R4 itself asks is validate.py's: both together say that a resource conforms. Occurrences, slices, fixed
values and patterns, required bindings whose codes can be listed, types of references and the constraints
are errors. Extensible bindings are not looked at: whether a code of the value set would apply, nobody here
can tell. Nor is what a reference points to, beyond its type.
"""

from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from types import MappingProxyType
from typing import Any

from libs.fhir.definitions.profile_table import profiles
from libs.fhir.outcome import Issue
from libs.fhir.profile_rules import ProfileFindings, profile_check

US_CORE = "us-core"
GUIDES = (US_CORE,)  # the names of the guides whose profiles are known

_NO_TYPES: Mapping[str, str] = MappingProxyType({})


class UnknownProfile(ValueError):
    """Nothing is known of the profile."""


def is_known(profile: str) -> bool:
    """Whether the profile, by canonical URL, also with a version behind `|`, can be checked."""
    return profile.partition("|")[0] in profiles()


def base_of(profile: str) -> str | None:
    """The profile that this one, a known one, is made from, None when that is none of the guide's."""
    base: str = profiles()[profile.partition("|")[0]]["base"]
    return base if base in profiles() else None


def conforms(resource: dict[str, Any], profile: str, types: Mapping[str, str] = _NO_TYPES) -> list[Issue]:
    """What keeps a resource that is valid R4 from conforming to the profile; empty when nothing does.

    `types` gives the types of what it refers to by other than type and id: fullUrl -> type. The texts name
    elements and codes of the profile, never a value out of the resource. Raises UnknownProfile.
    """
    url = profile.partition("|")[0]
    known = profiles().get(url)
    if known is None:
        raise UnknownProfile(f"no profile {url} is known")
    if resource.get("resourceType", "Extension") != known["type"]:
        return [Issue("error", "structure", "", f"the profile is of {known['type']}")]
    report = ProfileFindings(_with_contained(resource, types))
    profile_check(url)(resource, report)
    return report.issues(known["type"])


def profiles_for(resource: dict[str, Any]) -> list[str]:
    """The profiles that a resource is a candidate for, by its type and what else marks it (a category)."""
    marks = _marks().get(resource.get("resourceType", ""))
    if marks is None:
        return []
    found = [url for url, mark in marks.others if mark(resource)]
    if marks.by_coding:
        for element, concepts in (("code", [resource.get("code")]), ("category", resource.get("category"))):
            for system, code in _codings(concepts):
                found += marks.by_coding.get((element, system, code), ())
    return found if len(found) < 2 else list(dict.fromkeys(found))


def _with_contained(resource: dict[str, Any], types: Mapping[str, str]) -> Mapping[str, str]:
    contained = resource.get("contained")
    if not isinstance(contained, list):
        return types
    inner = [one for one in contained if isinstance(one, dict)]
    return {**types, **{f"#{one.get('id')}": str(one.get("resourceType")) for one in inner}}


@dataclass(frozen=True, slots=True)
class _Marks:
    """What makes a resource of a type a candidate for which profiles."""

    by_coding: dict[tuple[str, str, str], list[str]]  # a coding of its code or category
    others: list[tuple[str, Callable[[dict[str, Any]], bool]]]


@cache
def _marks() -> Mapping[str, _Marks]:
    found: dict[str, _Marks] = {}
    for url, record in profiles().items():
        marks = found.setdefault(record["type"], _Marks({}, []))
        stated: dict[str, Any] = record.get("marks", {})
        for kind in stated.keys() & {"code", "category"}:
            for system, code in stated[kind]:
                marks.by_coding.setdefault((kind, system, code), []).append(url)
        if "has" in stated:
            marks.others.append((url, partial(_has, stated["has"])))
        elif "unless" in stated:
            marks.others.append((url, partial(_is_of_none, {(s, code) for s, code in stated["unless"]})))
        elif not stated:
            marks.others.append((url, lambda _: True))
    return found


def _has(element: str, resource: dict[str, Any]) -> bool:
    return element in resource


def _is_of_none(codings: Container[tuple[str, str]], resource: dict[str, Any]) -> bool:
    return not any(coding in codings for coding in _codings(resource.get("category")))


def _codings(concepts: Any) -> Iterator[tuple[str, str]]:
    for concept in concepts if isinstance(concepts, list) else ():
        codings = concept.get("coding") if isinstance(concept, dict) else None
        for coding in codings if isinstance(codings, list) else ():
            if isinstance(coding, dict):
                system, code = coding.get("system"), coding.get("code")
                if isinstance(system, str) and isinstance(code, str):
                    yield system, code
