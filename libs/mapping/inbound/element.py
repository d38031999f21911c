"""FHIR elements as plain dictionaries, without the parts that have no value."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

Element = dict[str, Any]
_VALUES = frozenset({bool, int, Decimal})  # false and zero are values, not absence

ALTERNATE_CODES = "http://hl7.org/fhir/StructureDefinition/alternate-codes"
DATA_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
# What is stated again after it was deleted is no error any more: an element for `Entry.remove`.
NO_ERROR = "verificationStatus:entered-in-error"
OWN = "urn:ehrconnect:fhir:"  # our extensions, for what the guide proposes one without a URL


def element(**parts: Any) -> Element:
    """The parts that have a value."""
    return {
        name: part for name, part in parts.items() if part or (part is not None and part.__class__ in _VALUES)
    }


def resource(resource_type: str, **parts: Any) -> Element:
    """A resource of that type from the parts that have a value."""
    return element(resourceType=resource_type, **parts)


def coding(system: str | None, code: str, display: str | None = None) -> Element:
    """A Coding."""
    return element(system=system, code=code, display=display)


def concept(system: str | None, code: str, display: str | None = None) -> Element:
    """A CodeableConcept of one Coding."""
    return {"coding": [element(system=system, code=code, display=display)]}


def distinct(parts: Sequence[Element]) -> list[Element]:
    """The parts of a list, each once."""
    return [part for place, part in enumerate(parts) if part not in parts[:place]]


def code_key(found: Element) -> tuple[str, str]:
    """What tells a CodeableConcept from others: the system and code of its first coding, else its text."""
    first = found.get("coding", [{}])[0]
    return str(first.get("system", "")), str(first.get("code") or found.get("text", "")).casefold()


def words(found: Element) -> str:
    """A CodeableConcept in words: its text, else its first coding's."""
    first = found.get("coding", [{}])[0]
    return str(found.get("text") or first.get("display") or first.get("code", ""))


def extension(url: str, **value: Any) -> list[Element]:
    """A list with the extension, empty when its value is absent: `extension(URL, valueString=text)`."""
    return [{"url": url} | value] if any(value.values()) else []


def absent(reason: str) -> Element:
    """What stands in for a required primitive that the message lacks (the `_name` sibling)."""
    return {"extension": [{"url": DATA_ABSENT, "valueCode": reason}]}
