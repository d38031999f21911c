"""The constraints of US Core's profiles, by the key that a profile has them under.

Each holds for the JSON object of the element that the profile names, or its value for a choice of types;
`type_of` gives the type that a Reference points to, None where that is not known. None ever raises.
Source: US Core 6.1.0, the "Constraints" of each profile; the vital signs profile of FHIR R4.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

TypeOf = Callable[[Any], str | None]

UCUM = "http://unitsofmeasure.org"
IDENTIFIER_TYPE = "http://terminology.hl7.org/CodeSystem/v2-0203"
DATA_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"

_REPORTED = frozenset({"partial", "preliminary", "final", "amended", "corrected", "appended"})
_ORDERED = frozenset({"order", "original-order", "reflex-order", "filler-order", "instance-order"})


@dataclass(frozen=True, slots=True)
class ProfileInvariant:
    holds: Callable[[Any, TypeOf], bool]
    says: str


def _any_of(*names: str) -> Callable[[Any, TypeOf], bool]:
    return lambda value, _: any(name in value or "_" + name in value for name in names)


def _states(element: str) -> Callable[[dict[str, Any]], bool]:
    """Whether an object has `element[x]`, or its extensions."""
    named = re.compile(rf"_?{element}[A-Z]").match
    return lambda value: any(named(name) for name in value)


_has_value, _has_effective, _has_performed = _states("value"), _states("effective"), _states("performed")


def _has_value_or_reason(observation: Any, _: TypeOf) -> bool:
    return "dataAbsentReason" in observation or _has_value(observation)


def _panel_or_value(observation: Any, type_of: TypeOf) -> bool:
    if "component" in observation or "hasMember" in observation:
        return True
    return _has_value_or_reason(observation, type_of)


def _to_the_day(effective: Any, _: TypeOf) -> bool:
    return not isinstance(effective, str) or len(effective) >= len("2000-01-01")


def _to_the_month(effective: Any, _: TypeOf) -> bool:
    return not isinstance(effective, str) or len(effective) >= len("2000-01-")


def _in_ucum(holder: Any, _: TypeOf) -> bool:
    """For an observation, or for its value."""
    quantity = holder.get("valueQuantity", holder) if isinstance(holder, dict) else {}
    if not isinstance(quantity, dict) or "resourceType" in quantity or "coding" in quantity:
        return True
    return quantity.get("system") in (None, UCUM)


def _named(name: Any, _: TypeOf) -> bool:
    extensions = name.get("extension")
    known = any(part in name or "_" + part in name for part in ("family", "given"))
    absent = any(
        isinstance(one, dict) and one.get("url") == DATA_ABSENT
        for one in (extensions if isinstance(extensions, list) else ())
    )
    return known != absent


def _when(
    element: str, codes: frozenset[str], needed: Callable[[Any], bool]
) -> Callable[[Any, TypeOf], bool]:
    return lambda value, _: value.get(element) not in codes or needed(value)


def _member(coverage: Any, _: TypeOf) -> bool:
    return "subscriberId" in coverage or any(
        coding.get("system") == IDENTIFIER_TYPE and coding.get("code") == "MB"
        for identifier in coverage.get("identifier", ())
        for coding in identifier.get("type", {}).get("coding", ())
    )


def _matches(pattern: str) -> Callable[[Any, TypeOf], bool]:
    match = re.compile(pattern).fullmatch
    return lambda identifier, _: "value" not in identifier or match(str(identifier["value"])) is not None


def _luhn(identifier: Any, _: TypeOf) -> bool:
    """The check digit of an NPI: by Luhn, with the prefix 80840 counted in as 24."""
    digits = str(identifier.get("value", ""))
    if not digits.isascii() or not digits.isdecimal() or len(digits) != 10:
        return True  # us-core-16 says so
    doubled = sum(sum(divmod(int(digit) * 2, 10)) for digit in digits[0:9:2])
    return (24 + doubled + sum(int(digit) for digit in digits[1:10:2])) % 10 == 0


def _represents(agent: Any, type_of: TypeOf) -> bool:
    return "onBehalfOf" in agent or type_of(agent.get("who")) not in ("Practitioner", "Device")


INVARIANTS: dict[str, ProfileInvariant] = {
    "obs-3": ProfileInvariant(_any_of("low", "high", "text"), "a range has a low, a high or a text"),
    "vs-1": ProfileInvariant(_to_the_month, "the time is known to the day"),
    "vs-2": ProfileInvariant(_panel_or_value, "a value or a dataAbsentReason is needed"),
    "vs-3": ProfileInvariant(_has_value_or_reason, "a value or a dataAbsentReason is needed"),
    "us-core-1": ProfileInvariant(_to_the_day, "the time is known to the day"),
    "us-core-2": ProfileInvariant(_panel_or_value, "a value or a dataAbsentReason is needed"),
    "us-core-3": ProfileInvariant(_in_ucum, "the unit of a quantity is of UCUM"),
    "us-core-6": ProfileInvariant(_named, "a family or given name is needed, or data-absent-reason"),
    "us-core-6 attachment": ProfileInvariant(_any_of("url", "data"), "a url or data is needed"),
    "us-core-7": ProfileInvariant(
        _when("status", frozenset({"completed", "in-progress"}), _has_performed), "performed[x] is needed"
    ),
    "us-core-8": ProfileInvariant(_when("status", _REPORTED, _has_effective), "effective[x] is needed"),
    "us-core-9": ProfileInvariant(
        _when("status", _REPORTED, lambda report: "issued" in report or "_issued" in report),
        "issued is needed",
    ),
    "us-core-10": ProfileInvariant(_when("status", _REPORTED, _has_effective), "effective[x] is needed"),
    "us-core-13": ProfileInvariant(
        _any_of("practitioner", "organization", "healthcareService", "location"),
        "a practitioner, organization, healthcareService or location is needed",
    ),
    "us-core-14": ProfileInvariant(_any_of("name", "relationship"), "a name or relationship is needed"),
    "us-core-15": ProfileInvariant(_member, "a member identifier or subscriberId is needed"),
    "us-core-16": ProfileInvariant(_matches("[0-9]{10}"), "an NPI has 10 digits"),
    "us-core-17": ProfileInvariant(_luhn, "the check digit of the NPI is wrong"),
    "us-core-18": ProfileInvariant(_matches("[0-9]{2}D[0-9]{7}"), "a CLIA number is 2 digits, D, 7 digits"),
    "us-core-19": ProfileInvariant(_matches("[0-9]{5}"), "a NAIC code has 5 digits"),
    "us-core-20": ProfileInvariant(
        _when("status", frozenset({"completed"}), lambda one: "whenHandedOver" in one),
        "whenHandedOver is needed",
    ),
    "us-core-21": ProfileInvariant(
        _when("intent", _ORDERED, lambda request: "requester" in request), "a requester is needed"
    ),
    "pd-1": ProfileInvariant(_any_of("telecom", "endpoint"), "a telecom or endpoint is needed"),
    "provenance-1": ProfileInvariant(
        _represents, "a practitioner or device acts on behalf of an organization (onBehalfOf)"
    ),
}

# Of the answers of forms, which nothing here makes.
NOT_CHECKED = frozenset({"sdcqr-2"})
