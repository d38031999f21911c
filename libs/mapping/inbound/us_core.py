"""What US Core asks of resources beyond HL7's guide, said the way it asks where the message tells it.

Categories follow from sections, codes and specimens, and documents are clinical notes. What a message does
not tell and a profile requires is stated as unknown (US Core, "Missing Data"), if that is all the resource
lacks; a resource that is stored already keeps what it has there.

Source: US Core 6.1.0, the profiles, and "General Requirements", Missing Data.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from libs.fhir.bundle import Entry
from libs.fhir.definitions.profile_table import profiles
from libs.fhir.outcome import Issue
from libs.mapping.inbound.element import Element, absent, coding, concept
from libs.mapping.inbound.segments.obr import CATEGORY, LABORATORY
from libs.mapping.inbound.segments.obx import ABSENT_REASON, ATTACHMENT
from libs.terminology.concept_map import concept_map

DOCUMENT_CATEGORY = "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category"
DOCUMENT_TYPE = concept_map("0270", "LOINC")
LOINC = "http://loinc.org"
SECTION = "http://terminology.hl7.org/CodeSystem/v2-0074"
_US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/"
_VITAL_SIGNS = _US_CORE + "us-core-vital-signs"

_LAB = concept(SECTION, "LAB", "Laboratory")
_LABORATORY = concept(CATEGORY, "laboratory", "Laboratory")
_VITAL_SIGN = concept(CATEGORY, "vital-signs", "Vital Signs")
_NOTE = concept(DOCUMENT_CATEGORY, "clinical-note", "Clinical Note")
_UNSUPPORTED = concept(ABSENT_REASON, "unsupported", "Unsupported")
_UNKNOWN = concept(ABSENT_REASON, "unknown", "Unknown")
_UNKNOWN_TYPE = coding("http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "UNK", "unknown")

# What is stated where a message does not tell it, by the element that the profile requires. That a record is
# in use (`active`) is no guess: this message uses it.
_ABSENT: Mapping[str, tuple[str, Any]] = {
    "Patient.name": ("name", [absent("unknown")]),
    "Patient.gender": ("gender", "unknown"),
    "Encounter.type": ("type", [_UNKNOWN]),
    "Organization.active": ("active", True),
    "Organization.name": ("_name", absent("unknown")),
    "RelatedPerson.active": ("active", True),
    "Practitioner.name": ("name", [{"_family": absent("unknown")}]),
    "Coverage.relationship": ("relationship", _UNKNOWN),
    "ServiceRequest.code": ("code", _UNKNOWN),
    "Procedure.code": ("code", _UNKNOWN),
    "Medication.code": ("code", _UNKNOWN),
    "Specimen.type": ("type", _UNKNOWN),
    "DocumentReference.type": ("type", {"coding": [_UNKNOWN_TYPE]}),
}


def said(entries: Sequence[Entry]) -> list[Entry]:
    """The entries with the categories and types that US Core has for what they state."""
    by_url = {entry.full_url: entry.resource for entry in entries}
    laboratory = {
        result["reference"]
        for resource in by_url.values()
        if _is_laboratory(resource, by_url)
        for result in resource.get("result", ())
    }
    return [_said(entry, by_url, is_result=entry.full_url in laboratory) for entry in entries]


def with_absent(entry: Entry, found: Mapping[str, list[Issue]]) -> Entry:
    """The entry with what it lacks stated as unknown, if it then conforms to a profile that it did not."""
    for issues in found.values():
        lacking = [_ABSENT.get(issue.expression) for issue in issues if issue.code == "required"]
        if lacking and len(lacking) == len(issues) and all(lacking) and _is_whole(entry):
            added = {name: value for one in lacking if one for name, value in [one]}
            return entry._replace(resource={**entry.resource, **added}, keep=(*entry.keep, *added))
    return entry


def _is_whole(entry: Entry) -> bool:
    """Whether the entry is about its resource, and not of a patient whom another has replaced."""
    return not any(link["type"] == "replaced-by" for link in entry.resource.get("link", ()))


def _said(entry: Entry, by_url: Mapping[str, Element], *, is_result: bool) -> Entry:
    resource = entry.resource
    match resource["resourceType"]:
        case "DiagnosticReport" if _is_laboratory(resource, by_url):
            return _categorized(entry, _LAB)
        case "Observation":
            whole = entry._replace(resource=_with_reason(resource))
            if _is_vital_sign(resource):
                return _categorized(whole, _VITAL_SIGN)
            return _categorized(whole, _LABORATORY) if is_result else whole
        case "Provenance":
            return entry._replace(resource=_on_behalf(resource, by_url))
        case "DocumentReference":
            typed = {"type": _document_type(resource["type"])} if "type" in resource else {}
            return _categorized(entry._replace(resource={**resource, **typed}), _NOTE)
        case "Encounter" if "type" in resource:  # which is unknown no longer
            return entry._replace(remove=(*entry.remove, "type:unknown"))
    return entry


def _categorized(entry: Entry, category: Element) -> Entry:
    """The entry with that category; a stored resource whose categories it is silent about keeps those."""
    stated = entry.resource.get("category", [])
    if set(_keys(category)) & {key for one in stated for key in _keys(one)}:
        return entry
    kept = () if stated else ("category",)
    resource = {**entry.resource, "category": [*stated, category]}
    return entry._replace(resource=resource, keep=(*entry.keep, *kept))


def _keys(concept: Element) -> list[tuple[Any, Any]]:
    return [(one.get("system"), one.get("code")) for one in concept.get("coding", ())]


def _is_laboratory(resource: Element, by_url: Mapping[str, Element]) -> bool:
    """Whether it is a laboratory's report: by its section (OBR-24), else by having a kind of specimen."""
    if resource["resourceType"] != "DiagnosticReport":
        return False
    sections = [key for one in resource.get("category", ()) for key in _keys(one)]
    if sections:
        return any(system == SECTION and code in LABORATORY for system, code in sections)
    looked_at = (by_url.get(one.get("reference", ""), {}) for one in resource.get("specimen", ()))
    return any("type" in specimen for specimen in looked_at)


def _is_vital_sign(observation: Element) -> bool:
    return any(system == LOINC and code in _vital_signs() for system, code in _keys(observation["code"]))


@cache
def _vital_signs() -> frozenset[str]:
    """The LOINC codes that profiles of vital signs are for."""
    return frozenset(
        code
        for record in profiles().values()
        if record["base"] == _VITAL_SIGNS
        for _, code in record["marks"].get("code", ())
    )


def _with_reason(observation: Element) -> Element:
    """The observation with why it has no value; a document is one that R4 has no place for."""
    if any(name.startswith(("value", "component", "dataAbsentReason")) for name in observation):
        return observation
    attached = any(one["url"] == ATTACHMENT for one in observation.get("extension", ()))
    return {**observation, "dataAbsentReason": _UNSUPPORTED if attached else _UNKNOWN}


def _on_behalf(provenance: Element, by_url: Mapping[str, Element]) -> Element:
    """The Provenance whose people and devices act for the organization among its agents."""

    def kind(agent: Element) -> str:
        return str(by_url.get(agent["who"].get("reference", ""), {}).get("resourceType", ""))

    agents = provenance["agent"]
    organization = next((agent["who"] for agent in agents if kind(agent) == "Organization"), None)
    if organization is None:
        return provenance
    acting = [
        {**agent, "onBehalfOf": organization}
        if kind(agent) in ("Practitioner", "Device") and "onBehalfOf" not in agent
        else agent
        for agent in agents
    ]
    return {**provenance, "agent": acting}


def _document_type(stated: Element) -> Element:
    """The type with a LOINC code, which US Core requires: that of table 0270, else unknown."""
    codings = stated.get("coding", [])
    if any(one.get("system") == LOINC for one in codings):
        return stated
    known = next((one["code"] for one in codings if one.get("system") == DOCUMENT_TYPE.source_system), "")
    target = DOCUMENT_TYPE.get(known)
    added = coding(target.system, target.code, target.display) if target else _UNKNOWN_TYPE
    return {**stated, "coding": [*codings, added]}
