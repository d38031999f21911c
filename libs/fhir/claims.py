"""What a resource says of the profiles that it conforms to (meta.profile), kept true.

A claim of a profile that can be checked stands only while the resource conforms; one of another profile is
whoever's stated it, and stays.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from libs.fhir.outcome import Issue
from libs.fhir.profiles import base_of, conforms, is_known, profiles_for

Resource = dict[str, Any]

_NO_TYPES: Mapping[str, str] = MappingProxyType({})


def with_claims(resource: Resource, guides: Sequence[str], also: Sequence[str] = ()) -> Resource:
    """The resource with the claims that hold, and no others that can be checked.

    Looked at are the claims in `also` and those that it has, and with `guides` all that it is a candidate
    for. The resource is valid R4; it comes back as it is if there is nothing to change.
    """
    if not guides and not also and not profiles_of(resource):
        return resource
    return checked(resource, guides, also=also)[0]


def checked(
    resource: Resource,
    guides: Sequence[str],
    types: Mapping[str, str] = _NO_TYPES,
    also: Sequence[str] = (),
) -> tuple[Resource, dict[str, list[Issue]]]:
    """As `with_claims`, and what was found of each profile looked at; `types` are as for `conforms`."""
    stated = profiles_of(resource)
    wanted = dict.fromkeys([*also, *stated])
    if guides:
        named = {one.partition("|")[0] for one in wanted}
        wanted |= dict.fromkeys(one for one in profiles_for(resource) if one not in named)
    found = _found(resource, [one for one in wanted if is_known(one)], types)
    held = [one for one in wanted if not found.get(one)]
    return (resource if held == stated else _claiming(resource, held)), found


def _found(resource: Resource, profiles: Sequence[str], types: Mapping[str, str]) -> dict[str, list[Issue]]:
    """What was found of each profile; one that another is made from needs no look where that other holds."""
    found: dict[str, list[Issue]] = {}
    implied: set[str] = set()
    for one in sorted(profiles, key=lambda one: base_of(one) is None):
        found[one] = [] if one in implied else conforms(resource, one, types)
        if not found[one] and (base := base_of(one)):
            implied.add(base)
    return found


def profiles_of(resource: Resource) -> list[str]:
    """The profiles that the resource claims."""
    meta = resource.get("meta")
    stated = meta.get("profile") if isinstance(meta, dict) else None
    return [one for one in stated if isinstance(one, str)] if isinstance(stated, list) else []


def claim_issues(resource: Resource) -> list[Issue]:
    """What of the claims of a resource that is valid R4, and of those in a Bundle, does not hold.

    A profile that nothing is known of is an information, once.
    """
    entries = resource.get("entry", ()) if resource.get("resourceType") == "Bundle" else ()
    inner = [
        (f"Bundle.entry[{number}].resource", entry["resource"])
        for number, entry in enumerate(entries)
        if "resource" in entry
    ]
    types = {
        entry["fullUrl"]: entry["resource"]["resourceType"]
        for entry in entries
        if "resource" in entry and "fullUrl" in entry
    }
    found: dict[Issue, None] = {}
    for place, claiming in [(str(resource.get("resourceType")), resource), *inner]:
        for profile in profiles_of(claiming):
            if not is_known(profile):
                found[Issue("information", "not-found", "", f"not checked: {profile} is not known")] = None
                continue
            for issue in conforms(claiming, profile, types):
                where = place + issue.expression.removeprefix(claiming["resourceType"])
                says = f"{profile.rpartition('/')[2]}: {issue.diagnostics}"
                found[replace(issue, expression=where, diagnostics=says)] = None
    return list(found)


def without_claims(resource: Resource) -> Resource:
    """The resource without the claims that can be checked."""
    stated = profiles_of(resource)
    left = [one for one in stated if not is_known(one)]
    return resource if left == stated else _claiming(resource, left)


def claims(resource: Resource) -> list[str]:
    """The profiles that the resource claims and that can be checked."""
    return [one for one in profiles_of(resource) if is_known(one)]


def _claiming(resource: Resource, profiles: list[str]) -> Resource:
    meta = {name: value for name, value in resource.get("meta", {}).items() if name != "profile"}
    if profiles:
        meta["profile"] = profiles
    rest = {name: value for name, value in resource.items() if name != "meta"}
    return {**rest, "meta": meta} if meta else rest
