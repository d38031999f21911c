"""Resources in whose place another stands: what is said of them later is said of the survivor.

Patients (A40), accounts (A41) and visits (A42) are merged, and stay. Source: FHIR R4, Patient.link,
`replaced-by`; HL7 v2.5.1 chapter 3, 3.6.2.1 (merge). See libs.fhir.replacement.
"""

from collections.abc import Callable

from libs.fhir.reference import parse_reference
from libs.fhir.replacement import REPLACED_BY, replaced_by
from libs.store.merge import Resource

Place = tuple[str, str]  # type, id

MERGEABLE = frozenset({"Patient", "Account", "Encounter"})
_MARK = b'replaced-by"'  # looked for in the JSON before it is read: hardly any resource has it


def may_be_replaced(kind: str, content: bytes) -> bool:
    """Whether it is worth reading the resource to know."""
    return kind in MERGEABLE and _MARK in content


def successor_in(resource: Resource) -> Place | None:
    """The resource that stands in its place; None when it stands itself."""
    literal = parse_reference(replaced_by(resource) or "")
    if literal is None or literal.base or literal.type != resource["resourceType"]:
        return None
    return literal.type, literal.id


def states_replacement(entry: Resource) -> bool:
    """Whether it says that another resource has taken its place."""
    return replaced_by(entry) is not None


def without_references_to_itself(place: str, resource: Resource) -> Resource:
    """What is stated without links to itself, as they come of a merge of two that are one already."""
    if resource["resourceType"] == "Patient":
        return _without(resource, "link", lambda link: _points_to(place, link.get("other")))
    if resource["resourceType"] in MERGEABLE:
        return _without(
            resource,
            "extension",
            lambda one: one.get("url") == REPLACED_BY and _points_to(place, one.get("valueReference")),
        )
    return resource


def with_old_numbers(stored: Resource, stated: Resource) -> Resource:
    """What is said of one that was merged, for the survivor: the numbers that merging made old stay old."""
    old = {_number(one) for one in stored.get("identifier", []) if one.get("use") == "old"}
    numbers = stated.get("identifier", [])
    if not old.intersection(map(_number, numbers)):
        return stated
    return stated | {
        "identifier": [{"use": "old"} | one if _number(one) in old else one for one in numbers],
    }


def _number(identifier: Resource) -> tuple[object, object]:
    return identifier.get("system"), identifier.get("value")


def _points_to(place: str, reference: object) -> bool:
    return isinstance(reference, dict) and reference.get("reference") == place


def _without(resource: Resource, name: str, is_gone: Callable[[Resource], bool]) -> Resource:
    stated = resource.get(name)
    if not isinstance(stated, list):
        return resource
    rest = [one for one in stated if not (isinstance(one, dict) and is_gone(one))]
    if len(rest) == len(stated):
        return resource
    others = {key: value for key, value in resource.items() if key != name}
    return others | {name: rest} if rest else others
