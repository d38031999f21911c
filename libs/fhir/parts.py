"""The parts of a list that several HL7 fields make: which field's part an item is.

Patient.telecom holds what PID-13, PID-14 and PID-40 state. A message that values one of them and is silent
about the others replaces that part of the list, and `""` removes that part. What an item says tells its
part (its use, its type, its status). Where it says another, or nothing, its Element.id tells: "work-1" is
the first of the business numbers, though its use is "mobile".
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

MAIN = "main"  # the part of the field that the list is named for

_MARK = re.compile(r"([a-z]+)-[0-9]+")


@dataclass(frozen=True, slots=True)
class _Parts:
    by_content: Callable[[dict[str, Any]], str]
    marks: frozenset[str] = frozenset()  # the parts that an id tells


def has_parts(kind: str, element: str) -> bool:
    """Whether that element of the resource type is a list of parts."""
    return (kind, element) in _PARTS


def part_of(kind: str, element: str, item: Any) -> str:
    """The part that the item of the list is in."""
    parts = _PARTS[kind, element]
    if not isinstance(item, dict):
        return MAIN
    if "id" in item and (mark := _MARK.fullmatch(str(item["id"]))) and mark[1] in parts.marks:
        return mark[1]
    return parts.by_content(item)


def as_part(kind: str, element: str, part: str, items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The items as that part of the list: with an id where they would be taken for another part's."""
    return [
        item if part_of(kind, element, item) == part else {"id": f"{part}-{number}"} | item
        for number, item in enumerate(items, 1)
    ]


def _main(item: dict[str, Any]) -> str:
    return MAIN


def _home_or_work(telecom: dict[str, Any]) -> str:
    return "work" if telecom.get("use") == "work" else "home"


def _phone_or_mail(telecom: dict[str, Any]) -> str:
    return "mail" if telecom.get("system") == "email" else "phone"


def _coverage_class(item: dict[str, Any]) -> str:
    codings = item.get("type", {}).get("coding", ())
    return str(codings[0].get("code", "")) if codings else ""


def _code(participant: dict[str, Any]) -> str:
    """The code of what somebody does: ATND, REF."""
    codings = [one for kind in participant.get("type", ()) for one in kind.get("coding", ())]
    return str(codings[0].get("code", "")) if codings else ""


def _whereabouts(location: dict[str, Any]) -> str:
    return {"completed": "prior", "reserved": "pending"}.get(location.get("status", ""), "current")


def _condition(diagnosis: dict[str, Any]) -> str:
    return str(diagnosis.get("condition", {}).get("reference", ""))


def _type_of(reference: dict[str, Any]) -> str:
    return str(reference.get("reference", "")).rpartition("/")[0]


def _link_type(link: dict[str, Any]) -> str:
    return str(link.get("type", ""))


def _visit_type(concept: dict[str, Any]) -> str:
    systems = [str(one.get("system", "")) for one in concept.get("coding", ())]
    if any(system.endswith("data-absent-reason") for system in systems):
        return "unknown"
    return "patient" if any(system.endswith("v2-0018") for system in systems) else "admission"


_PARTS: Mapping[tuple[str, str], _Parts] = MappingProxyType(
    {
        ("Patient", "name"): _Parts(_main, frozenset({"alias"})),
        ("Patient", "telecom"): _Parts(_home_or_work, frozenset({"home", "work", "any"})),
        ("Patient", "address"): _Parts(_main, frozenset({"county"})),
        ("Patient", "generalPractitioner"): _Parts(_type_of),
        ("Patient", "link"): _Parts(_link_type),
        ("RelatedPerson", "name"): _Parts(_main, frozenset({"contact"})),
        ("RelatedPerson", "telecom"): _Parts(_home_or_work, frozenset({"home", "work", "any", "contact"})),
        ("RelatedPerson", "address"): _Parts(_main, frozenset({"contact"})),
        ("Practitioner", "telecom"): _Parts(_phone_or_mail, frozenset({"phone", "mail"})),
        ("Coverage", "class"): _Parts(_coverage_class),
        ("Encounter", "type"): _Parts(_visit_type),
        ("Encounter", "participant"): _Parts(_code, frozenset({"referral"})),
        ("Encounter", "location"): _Parts(_whereabouts, frozenset({"temporary", "left", "planned"})),
        ("EpisodeOfCare", "diagnosis"): _Parts(_condition),
        ("DiagnosticReport", "performer"): _Parts(_main, frozenset({"transcription"})),
        ("DiagnosticReport", "resultsInterpreter"): _Parts(_main, frozenset({"assistant"})),
    }
)
