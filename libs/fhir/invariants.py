"""The constraints of R4 that are worth a check on every write, by the type they are a rule of.

Each holds for the JSON object of its type, which is otherwise valid or not: it must never raise.
Source: FHIR R4, the "Constraints" of each type, whose keys these are.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from libs.fhir.dates import BadDate, date_range

CLINICAL_STATUS = "http://terminology.hl7.org/CodeSystem/condition-clinical"


@dataclass(frozen=True, slots=True)
class Invariant:
    key: str
    holds: Callable[[dict[str, Any]], bool]
    says: str


def _period_in_order(period: dict[str, Any]) -> bool:
    """A start is not after the end, as far as their precision tells."""
    try:
        return date_range(period["start"])[0] < date_range(period["end"])[1]
    except (KeyError, TypeError, BadDate):
        return True


def _range_in_order(span: dict[str, Any]) -> bool:
    low, high = _object(span.get("low")), _object(span.get("high"))
    if low.get("code") != high.get("code") or low.get("system") != high.get("system"):
        return True
    first, last = _number(low.get("value")), _number(high.get("value"))
    return first is None or last is None or first <= last


def _one_of_value_and_absence(observation: dict[str, Any]) -> bool:
    return "dataAbsentReason" not in observation or not _has_choice(observation, "value")


def _no_component_repeats_the_value(observation: dict[str, Any]) -> bool:
    if not _has_choice(observation, "value"):
        return True
    own = _codes(observation.get("code"))
    return not any(own & _codes(part.get("code")) for part in _objects(observation.get("component")))


def _concept_has(resource: dict[str, Any], element: str, *codes: str) -> bool:
    return any(code in codes for _, code in _codes(resource.get(element)))


def _abated_only_if_inactive(condition: dict[str, Any]) -> bool:
    status = {code for system, code in _codes(condition.get("clinicalStatus")) if system == CLINICAL_STATUS}
    return (
        not _has_choice(condition, "abatement")
        or not status
        or bool(status & {"resolved", "remission", "inactive"})
    )


def _full_urls_unique(bundle: dict[str, Any]) -> bool:
    seen = set()
    for entry in _objects(bundle.get("entry")):
        url = entry.get("fullUrl")
        if isinstance(url, str) and bundle.get("type") not in ("history", "batch-response"):
            version = _object(_object(entry.get("resource")).get("meta")).get("versionId")
            key = url, version if isinstance(version, str) else None
            if key in seen:
                return False
            seen.add(key)
    return True


def _every_entry(element: str, *types: str) -> Callable[[dict[str, Any]], bool]:
    """Entries have the element in bundles of these types, and in no others."""

    def holds(bundle: dict[str, Any]) -> bool:
        wanted = bundle.get("type") in types
        return all((element in entry) == wanted for entry in _objects(bundle.get("entry")))

    return holds


def _first_entry_is(bundle_type: str, resource_type: str) -> Callable[[dict[str, Any]], bool]:
    def holds(bundle: dict[str, Any]) -> bool:
        if bundle.get("type") != bundle_type:
            return True
        first = _objects(bundle.get("entry"))[:1]
        return bool(first) and _object(first[0].get("resource")).get("resourceType") == resource_type

    return holds


def _extension_value(extension: dict[str, Any]) -> bool:
    return ("extension" in extension) != (_has_choice(extension, "value") or _has_choice(extension, "_value"))


# --- Reading what may have any shape ---


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _codes(concept: Any) -> set[tuple[str, str]]:
    return {
        (coding.get("system", ""), coding["code"])
        for coding in _objects(_object(concept).get("coding"))
        if isinstance(coding.get("code"), str) and isinstance(coding.get("system", ""), str)
    }


def _has_choice(value: dict[str, Any], element: str) -> bool:
    size = len(element)
    return any(name.startswith(element) and name[size : size + 1].isupper() for name in value)


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    number = value if isinstance(value, Decimal) else Decimal(str(value))
    return number if number.is_finite() else None


def _needs(element: str, *wanted: str) -> Callable[[dict[str, Any]], bool]:
    """Where there is `element`, one of `wanted` (or its extensions) is there too."""
    return lambda value: element not in value or any(w in value or "_" + w in value for w in wanted)


_QUANTITY = (Invariant("qty-3", _needs("code", "system"), "a code for the unit needs its system"),)

INVARIANTS: dict[str, tuple[Invariant, ...]] = {
    "Extension": (Invariant("ext-1", _extension_value, "an extension has a value or extensions, not both"),),
    "Period": (Invariant("per-1", _period_in_order, "the start is after the end"),),
    "Range": (Invariant("rng-2", _range_in_order, "low is greater than high"),),
    "Ratio": (
        Invariant(
            "rat-1",
            lambda ratio: (
                ("numerator" in ratio) == ("denominator" in ratio)
                and ("numerator" in ratio or "extension" in ratio)
            ),
            "numerator and denominator are there together or not at all",
        ),
    ),
    "Quantity": _QUANTITY,
    "Age": _QUANTITY,
    "Duration": _QUANTITY,
    "Distance": _QUANTITY,
    "Count": _QUANTITY,
    "Attachment": (Invariant("att-1", _needs("data", "contentType"), "data needs a contentType"),),
    "ContactPoint": (Invariant("cpt-2", _needs("value", "system"), "a value needs a system"),),
    "Timing.repeat": (
        Invariant("tim-1", _needs("duration", "durationUnit"), "a duration needs its unit"),
        Invariant("tim-2", _needs("period", "periodUnit"), "a period needs its unit"),
        Invariant("tim-6", _needs("periodMax", "period"), "periodMax needs period"),
        Invariant("tim-7", _needs("durationMax", "duration"), "durationMax needs duration"),
        Invariant("tim-8", _needs("countMax", "count"), "countMax needs count"),
    ),
    "Patient.contact": (
        Invariant(
            "pat-1",
            lambda contact: any(part in contact for part in ("name", "telecom", "address", "organization")),
            "a contact has a name, telecom, address or organization",
        ),
    ),
    "Organization": (
        Invariant(
            "org-1",
            lambda o: any(p in o for p in ("identifier", "name", "_name")),
            "has no identifier or name",
        ),
    ),
    "Observation": (
        Invariant(
            "obs-6", _one_of_value_and_absence, "dataAbsentReason is for an observation without a value"
        ),
        Invariant("obs-7", _no_component_repeats_the_value, "a component with the code of the value's"),
    ),
    "Condition": (
        Invariant("con-4", _abated_only_if_inactive, "abated, but its clinicalStatus is active"),
        Invariant(
            "con-5",
            lambda c: (
                "clinicalStatus" not in c or not _concept_has(c, "verificationStatus", "entered-in-error")
            ),
            "entered in error, so it has no clinicalStatus",
        ),
    ),
    "AllergyIntolerance": (
        Invariant(
            "ait-1",
            lambda a: "clinicalStatus" in a or _concept_has(a, "verificationStatus", "entered-in-error"),
            "needs a clinicalStatus unless it is entered in error",
        ),
        Invariant(
            "ait-2",
            lambda a: (
                "clinicalStatus" not in a or not _concept_has(a, "verificationStatus", "entered-in-error")
            ),
            "entered in error, so it has no clinicalStatus",
        ),
    ),
    "ServiceRequest": (Invariant("prr-1", _needs("orderDetail", "code"), "orderDetail needs code"),),
    "Bundle": (
        Invariant(
            "bdl-1",
            lambda b: "total" not in b or b.get("type") in ("searchset", "history"),
            "total is of a search",
        ),
        Invariant(
            "bdl-2",
            lambda b: (
                b.get("type") == "searchset" or not any("search" in e for e in _objects(b.get("entry")))
            ),
            "entry.search is of a search",
        ),
        Invariant(
            "bdl-3",
            _every_entry("request", "batch", "transaction", "history"),
            "entry.request is there in a batch, transaction or history, and only there",
        ),
        Invariant(
            "bdl-4",
            _every_entry("response", "batch-response", "transaction-response", "history"),
            "entry.response is there in a response or history, and only there",
        ),
        Invariant("bdl-7", _full_urls_unique, "a fullUrl occurs twice"),
        Invariant(
            "bdl-9",
            lambda b: (
                b.get("type") != "document" or {"system", "value"} <= _object(b.get("identifier")).keys()
            ),
            "a document has an identifier with a system and a value",
        ),
        Invariant(
            "bdl-10", lambda b: b.get("type") != "document" or "timestamp" in b, "a document has a timestamp"
        ),
        Invariant(
            "bdl-11", _first_entry_is("document", "Composition"), "a document begins with a Composition"
        ),
        Invariant(
            "bdl-12", _first_entry_is("message", "MessageHeader"), "a message begins with a MessageHeader"
        ),
    ),
    "Bundle.entry": (
        Invariant(
            "bdl-5",
            lambda e: any(part in e for part in ("resource", "request", "response")),
            "an entry has a resource, a request or a response",
        ),
        Invariant(
            "bdl-8",
            lambda e: not isinstance(e.get("fullUrl"), str) or "/_history/" not in e["fullUrl"],
            "a fullUrl names no version",
        ),
    ),
}
