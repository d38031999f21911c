"""How a resource says that another has taken its place: a merge, or a second number of the same thing.

A Patient says it by a link `replaced-by`. R4 has no word for it in an Account or an Encounter: there it is
an extension of ours.
"""

from typing import Any

REPLACED_BY = "urn:ehrconnect:fhir:replaced-by"


def replaced_by(resource: dict[str, Any]) -> str | None:
    """The reference to what has taken its place, the last if there are several; None when it stands."""
    kind = resource.get("resourceType")
    if kind == "Patient":
        stated = [link.get("other") for link in _items(resource, "link") if link.get("type") == "replaced-by"]
    elif kind in ("Account", "Encounter"):
        stated = [
            one.get("valueReference")
            for one in _items(resource, "extension")
            if one.get("url") == REPLACED_BY
        ]
    else:
        return None
    texts = [other.get("reference") for other in stated if isinstance(other, dict)]
    return texts[-1] if texts and isinstance(texts[-1], str) else None


def replacement(other: dict[str, Any]) -> list[dict[str, Any]]:
    """The extension of an Account or Encounter in whose place `other` (a Reference) stands."""
    return [{"url": REPLACED_BY, "valueReference": other}]


def _items(resource: dict[str, Any], name: str) -> list[dict[str, Any]]:
    items = resource.get(name)
    return [one for one in items if isinstance(one, dict)] if isinstance(items, list) else []
