"""What a message or a client asks to be stored, entry by entry, and its form as a FHIR transaction Bundle."""

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

# Extensions of Bundle.entry that say what FHIR's PUT cannot: an HL7 v2 update is partial.
MERGE = "urn:ehrconnect:fhir:entry-merge"
REMOVE = "urn:ehrconnect:fhir:entry-remove"
KEEP = "urn:ehrconnect:fhir:entry-keep"
CLAIM = "urn:ehrconnect:fhir:entry-claim"
OTHERWISE = "urn:ehrconnect:fhir:entry-otherwise"
MOVED = "urn:ehrconnect:fhir:entry-moved"


class Entry(NamedTuple):
    """One resource to write, and how.

    What `remove` names is an element ("birthDate"), the part of a list that one field makes
    ("telecom:work", "participant:REF", see libs.fhir.parts), the extensions of one kind
    ("extension:<url>"), the identifiers of one system ("identifier:<system>"), an element of an element
    ("period:end"), or a concept if it has that code ("verificationStatus:entered-in-error"). In the Bundle
    it is an extension of the entry for each, with that text as valueCode.
    """

    resource: dict[str, Any]  # JSON-ready; decimals as `Decimal`, see json.py
    full_url: str  # "urn:uuid:..."; references inside the bundle use it
    method: Literal["PUT", "POST"]
    url: str  # "Patient?identifier=sys|val", "Observation/id" or "Observation"
    if_none_exist: str | None = None  # query of a conditional create
    merge: bool = False  # elements that are absent here stay as they are stored
    remove: tuple[str, ...] = ()  # what the message deletes, before anything it states is added
    keep: tuple[str, ...] = ()  # top-level elements that only a new resource takes from here
    claim: tuple[
        str, ...
    ] = ()  # guides: what is stored then claims the profiles of theirs that it conforms to
    otherwise: str | None = None  # query that names the resource where that of `url` names none
    moved: bool = False  # an Account or Encounter that takes what refers to it along to its new patient


def transaction(entries: Iterable[Entry]) -> dict[str, Any]:
    """The entries as a FHIR transaction Bundle, in their order."""
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "transaction"}
    if written := [_entry(entry) for entry in entries]:  # FHIR JSON has no empty arrays
        bundle["entry"] = written
    return bundle


def _entry(entry: Entry) -> dict[str, Any]:
    request = {"method": entry.method, "url": entry.url}
    if entry.if_none_exist is not None:
        request["ifNoneExist"] = entry.if_none_exist
    written: dict[str, Any] = {}
    if extensions := _extensions(entry):
        written["extension"] = extensions
    return written | {"fullUrl": entry.full_url, "resource": entry.resource, "request": request}


def _extensions(entry: Entry) -> list[dict[str, Any]]:
    merge = [{"url": MERGE, "valueBoolean": True}] if entry.merge else []
    removed = [{"url": REMOVE, "valueCode": element} for element in entry.remove]
    kept = [{"url": KEEP, "valueCode": element} for element in entry.keep]
    claimed = [{"url": CLAIM, "valueCode": guide} for guide in entry.claim]
    otherwise = [{"url": OTHERWISE, "valueString": entry.otherwise}] if entry.otherwise else []
    moved = [{"url": MOVED, "valueBoolean": True}] if entry.moved else []
    return merge + removed + kept + claimed + otherwise + moved
