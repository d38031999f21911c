"""Patients that were merged into others: what is said of them later is said of the survivor.

Source: FHIR R4, Patient.link, `replaced-by`; HL7 v2.5.1 chapter 3, 3.6.2.1 (merge).
"""

from typing import Any

from libs.store.merge import Resource

_REPLACED = b'"replaced-by"'  # looked for in the JSON before it is read: hardly any patient has it


def may_be_replaced(kind: str, content: bytes) -> bool:
    """Whether it is worth reading the resource to know."""
    return kind == "Patient" and _REPLACED in content


def replaced_by(patient: Resource) -> tuple[str, str] | None:
    """Type and id of the patient that it was merged into last; None when it was not."""
    places = [
        str(link.get("other", {}).get("reference", "")).split("/")
        for link in _links(patient)
        if link.get("type") == "replaced-by"
    ]
    return (
        ("Patient", places[-1][1]) if places and places[-1][0] == "Patient" and len(places[-1]) == 2 else None
    )


def states_replacement(entry: Resource) -> bool:
    """Whether it says of a patient that another has replaced it."""
    return entry["resourceType"] == "Patient" and any(
        link.get("type") == "replaced-by" for link in _links(entry)
    )


def without_links_to(place: str, patient: Resource) -> Resource:
    """The patient without links to itself, as they come of a merge of two that are one already."""
    links = _links(patient)
    others = [link for link in links if link.get("other", {}).get("reference") != place]
    if len(others) == len(links):
        return patient
    rest = {name: value for name, value in patient.items() if name != "link"}
    return rest | {"link": others} if others else rest


def _links(patient: Resource) -> list[dict[str, Any]]:
    links = patient.get("link")
    return [link for link in links if isinstance(link, dict)] if isinstance(links, list) else []
