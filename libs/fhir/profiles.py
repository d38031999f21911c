"""Whether a resource is as a profile of US Core 6.1.0 asks, by rules compiled from its definitions.

What R4 itself asks is validate.py's: both together say that a resource conforms. Occurrences, slices, fixed
values and patterns, required bindings whose codes can be listed, types of references and the constraints
are errors. Extensible bindings are not looked at: whether a code of the value set would apply, nobody here
can tell. Nor is what a reference points to, beyond its type.
"""

from collections.abc import Callable, Container, Mapping
from functools import cache
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
    found = _by_type().get(resource.get("resourceType", ""), ())
    return [url for url, marks in found if all(mark(resource) for mark in marks)]


def _with_contained(resource: dict[str, Any], types: Mapping[str, str]) -> Mapping[str, str]:
    contained = resource.get("contained")
    if not isinstance(contained, list):
        return types
    inner = [one for one in contained if isinstance(one, dict)]
    return {**types, **{f"#{one.get('id')}": str(one.get("resourceType")) for one in inner}}


Mark = Callable[[dict[str, Any]], bool]


@cache
def _by_type() -> Mapping[str, list[tuple[str, list[Mark]]]]:
    found: dict[str, list[tuple[str, list[Mark]]]] = {}
    for url, record in profiles().items():
        marks = [_mark(kind, value) for kind, value in record.get("marks", {}).items()]
        found.setdefault(record["type"], []).append((url, marks))
    return found


def _mark(kind: str, value: Any) -> Mark:
    """What a mark of the table asks: a `code` or `category` of those, no category of those, or an element."""
    if kind == "has":
        return lambda resource: value in resource
    wanted = frozenset((system, code) for system, code in value)
    if kind == "code":
        return lambda resource: _any_coding([resource.get("code")], wanted)
    if kind == "unless":
        return lambda resource: not _any_coding(resource.get("category"), wanted)
    return lambda resource: _any_coding(resource.get("category"), wanted)


def _any_coding(concepts: Any, wanted: Container[tuple[str, str]]) -> bool:
    for concept in concepts if isinstance(concepts, list) else ():
        codings = concept.get("coding") if isinstance(concept, dict) else None
        for coding in codings if isinstance(codings, list) else ():
            if not isinstance(coding, dict):
                continue
            system, code = coding.get("system"), coding.get("code")
            if isinstance(system, str) and isinstance(code, str) and (system, code) in wanted:
                return True
    return False
