"""OBX -> Observation.

Source: v2-to-FHIR IG 1.0.0, OBX[Observation], OBX[Observation-Component], NTE[Observation].
The statuses that the guide leaves open, and lines of text as one Observation, by our own rules.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from libs.hl7v2.message import Segment, Value
from libs.mapping.inbound.context import Context, Reference
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.attachments import encapsulated, pointer
from libs.mapping.inbound.datatypes.codes import codeable_concept, codeable_concepts
from libs.mapping.inbound.datatypes.contacts import addresses
from libs.mapping.inbound.datatypes.identifiers import ei_identifier
from libs.mapping.inbound.datatypes.numbers import reference_range, units
from libs.mapping.inbound.datatypes.observed import VALUE, observed, sampled, string
from libs.mapping.inbound.datatypes.organizations import (
    device_of_ei,
    organization,
    organization_of_cwe,
)
from libs.mapping.inbound.datatypes.practitioners import practitioner_of, practitioners
from libs.mapping.inbound.datatypes.practitioners import role as role_in
from libs.mapping.inbound.element import ALTERNATE_CODES, Element, concept, distinct, extension, resource
from libs.mapping.inbound.result_lines import LINES, key_of, lines_together
from libs.mapping.inbound.segments import role
from libs.mapping.inbound.segments.nte import notes
from libs.mapping.inbound.structure import Result
from libs.terminology.concept_map import concept_map

FIELDS = frozenset(
    {1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 14, 15, 16, 17, 18, 19, 20, 21, 23, 25, 29, 30, 31, 32, 33}
)

_ADDRESS = frozenset({24})  # of OBX-23: without it nobody knows whose it is

STATUS = concept_map("0085", "ObservationResultStatusCodesInterpretation")
INTERPRETATION = concept_map("0078", "InterpretationCodes")
NATURE = concept_map("0080", "NatureOfAbnormalTesting")

ABSENT_REASON = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
ATTACHMENT = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Observation.valueAttachment"
OBSERVATION_TYPE = "http://terminology.hl7.org/CodeSystem/v2-0936"
SUB_ID = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Observation.subId"
SPECIMEN = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Observation.specimen"
_FHIR = "http://hl7.org/fhir/StructureDefinition/"
_MEDICAL_DIRECTOR = concept("http://terminology.hl7.org/CodeSystem/v2-0912", "MDIR", "Medical Director")
_ATTACHED = frozenset({"ED", "RP"})
_ARRAYS = frozenset({"NA", "MA"})
_DONE = frozenset({"final", "corrected", "amended"})
_AS_FHIR = frozenset({"A", "C", "D", "F", "P", "W"})  # codes of OBX-11 that a FHIR status says as exactly
_DELETED = "D"  # OBX-31, table 0206


@dataclass(frozen=True, slots=True)
class Setting:
    """What an OBX has from the order it stands in."""

    patient: Reference
    encounter: Reference | None
    key: tuple[str, ...]
    specimen: Reference | None = None
    request: Reference | None = None
    part_of: Reference | None = None  # the act it was observed in (an immunization)
    focus: Reference | None = None  # the specimen, where it rather than the patient is observed
    effective: Element = field(default_factory=dict)
    status: str = "unknown"  # where OBX-11 is silent
    category: list[Element] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Observed:
    """The observations of an order, and the attachments among their values."""

    references: list[Reference]
    attachments: list[Element]
    by_position: dict[int, Reference]  # of the segment of each OBX


def observations(
    results: Sequence[Result], setting: Setting, context: Context, *, timed: bool = False
) -> Observed:
    """One Observation a result; the lines of a text (TX, FT) are one together.

    With `timed` the same observation at another time is another one.
    """
    references, attachments = [], []
    by_position: dict[int, Reference] = {}
    groups = lines_together(results)
    # OBX-21 tells instances apart by itself, so that a correction sent alone finds what it corrects.
    keys = [(*key_of(group[0].obx), group[0].obx.text(21).strip()) for group in groups]
    times_stated = Counter(keys)
    written: Counter[tuple[str, ...]] = Counter()
    for group, own in zip(groups, keys, strict=True):
        obx = group[0].obx
        found = observation(group, setting, context)
        attachments += [
            one["valueAttachment"] for one in found.get("extension", ()) if one["url"] == ATTACHMENT
        ]
        several = times_stated[own] > 1  # then only OBX-1 tells them apart
        key = (*own[:-1], *((obx.text(1),) if several else ()), own[-1])
        if timed:
            key = (*key, obx.text(14))
        written[key] += 1
        again = (str(written[key]),) if written[key] > 1 else ()
        reference = context.put(found, None, *setting.key, *key, *again, merge=False)
        references.append(reference)
        by_position |= {one.obx.position: reference for one in group}
    return Observed(references, attachments, by_position)


def about_specimen(setting: Setting, specimen: Reference | None) -> Setting:
    """The setting of an OBX that observes a specimen rather than the patient."""
    return replace(setting, specimen=specimen, focus=specimen, key=(*setting.key, "specimen"))


def observation(group: Sequence[Result], setting: Setting, context: Context) -> Element:
    """OBX[Observation] of one OBX, or of several that are the lines of one text."""
    obx = group[0].obx
    for one in group:
        context.use(one.obx, FIELDS)
    code = _code(obx, context)
    unit = units(context, obx, 6)
    value = _value(group, code, unit, context)
    status = _status(obx, context) or setting.status
    identifier = ei_identifier(context, obx.first(21), "FILL", "observation")
    when = times.date_time(context, obx, 14)
    text = obx.text(7).strip()
    stated = (role.part(prt, context) for one in group for prt in one.parts)
    parts = [one for one in stated if one]
    device = device_of_ei(context, obx.first(18)) if obx.raw(18) else None
    found = resource(
        "Observation",
        extension=[
            *_extensions(obx, context),
            *value.pop("extension", []),
            *(place for one in parts for place in one.event_locations()),
        ],
        identifier=[identifier] if identifier else [],
        basedOn=[setting.request] if setting.request else [],
        partOf=[setting.part_of] if setting.part_of else [],
        status=status,
        category=_category(obx, setting),
        code=code,
        subject=setting.patient,
        focus=[setting.focus] if setting.focus else [],
        encounter=setting.encounter,
        **({"effectiveDateTime": when} if when else setting.effective),
        performer=distinct([*_performers(obx, context), *(one.who for one in parts if one.who)]),
        **value,
        interpretation=codeable_concepts(context, obx, 8, INTERPRETATION),
        note=notes([note for one in group for note in one.notes], context),
        bodySite=_first_of(obx, 20, context),
        method=_first_of(obx, 17, context),
        specimen=_specimen(obx, setting, context) if obx.raw(33) else setting.specimen,
        device=device or next((found for one in parts for found in one.devices), None),
        referenceRange=[reference_range(text, unit)] if text else [],
    )
    if (code_ := obx.text(11).strip()) and code_ not in _AS_FHIR and "status" in found:
        found["_status"] = {"extension": _alternate_code(code_)}
    if reason := _absent_reason(obx, found, value, context):
        found["dataAbsentReason"] = reason
    return found


def _code(obx: Segment, context: Context) -> Element:
    code = codeable_concept(context, obx, 3)
    if code is not None:
        return code
    context.warn(obx, 3, "no observation identifier")
    return concept(ABSENT_REASON, "unknown", "Unknown")


def _value(group: Sequence[Result], code: Element, unit: Element, context: Context) -> Element:
    obx = group[0].obx
    kind = obx.text(2).strip()
    if kind in LINES:
        lines = [value.text(1) for one in group for value in one.obx.repetitions(VALUE)]
        return string("\n".join(lines).strip(), unit)
    values = obx.repetitions(VALUE)
    if not values:
        return {}
    if kind in _ATTACHED:
        return _attached(obx, kind, code, context)
    if kind in _ARRAYS and (array := sampled(obx, unit)):
        return array
    if len(values) == 1:
        return observed(context, values[0], kind, obx, unit)
    components = ({"code": code} | observed(context, value, kind, obx, unit) for value in values)
    return {"component": list(components)}


def _attached(obx: Segment, kind: str, code: Element, context: Context) -> Element:
    title = code.get("text") or code.get("coding", [{}])[0].get("display", "")
    found = []
    for value in obx.repetitions(VALUE):
        attachment = encapsulated(context, value, obx, VALUE, title) if kind == "ED" else pointer(value)
        if attachment:
            found.append({"url": ATTACHMENT, "valueAttachment": attachment})
    return {"extension": found} if found else {}


def _status(obx: Segment, context: Context) -> str | None:
    """OBX-11; a result that is deleted (OBX-31) was never meant."""
    if obx.text(31).strip() == _DELETED:
        return "entered-in-error"
    return context.code(STATUS, obx.text(11).strip(), obx, 11)


def _alternate_code(code: str) -> list[Element]:
    stated = {"coding": [{"system": STATUS.source_system, "code": code}]}
    return extension(ALTERNATE_CODES, valueCodeableConcept=stated)


def _absent_reason(obx: Segment, found: Element, value: Element, context: Context) -> Element | None:
    """Why there is no value: as stated (OBX-32), else of an observation that has none though it is done."""
    if obx.raw(32) and (stated := codeable_concept(context, obx, 32)):
        if not value:
            return stated
        context.warn(obx, 32, "a reason why there is no value, beside a value, is left out")
    if obx.text(11).strip().upper() == "N" and not value:
        return concept(ABSENT_REASON, "not-asked", "Not Asked")
    if value or found.get("extension") or found["status"] not in _DONE:
        return None
    return concept(ABSENT_REASON, "unknown", "Unknown")


def _category(obx: Segment, setting: Setting) -> list[Element]:
    kind = obx.text(29).strip()
    return [concept(OBSERVATION_TYPE, kind), *setting.category] if kind else setting.category


def _performers(obx: Segment, context: Context) -> list[Reference]:
    found = practitioners(context, obx, 16) if obx.raw(16) else []
    laboratory = None
    if obx.raw(23):
        context.use(obx, _ADDRESS)
        laboratory = organization(context, obx, 23, address=addresses(context, obx, 24))
    director = practitioner_of(context, obx.first(25), obx, 25) if obx.raw(25) else None
    if director is not None:
        found.append(role_in(context, director, _MEDICAL_DIRECTOR, laboratory))
    elif laboratory is not None:
        found.append(laboratory)
    if obx.raw(15) and (producer := organization_of_cwe(context, obx.first(15))):
        found.append(producer)
    return found


def _specimen(obx: Segment, setting: Setting, context: Context) -> Element | None:
    """OBX-33 (EIP): the specimen by its number, else that of the order."""
    stated = [found for eip in obx.repetitions(33) if (found := specimen_number(eip, context))]
    if not stated:
        return setting.specimen
    number = stated[0]["identifier"]
    if setting.specimen is not None:
        known = context.stated(setting.specimen).get("identifier", ())
        if any(one["value"] == number["value"] for one in known):
            return setting.specimen
    return context.find("Specimen", number["system"], number["value"]) or stated[0]


def specimen_number(stated: Value, context: Context) -> Element | None:
    """A reference to a specimen by the number that an EIP has for it, the filler's first."""
    number = ei_identifier(context, stated.part(2), "FGN", "specimen") or ei_identifier(
        context, stated.part(1), "PGN", "specimen-placer"
    )
    return {"type": "Specimen", "identifier": number} if number else None


def _first_of(obx: Segment, field: int, context: Context) -> Element | None:
    if not obx.raw(field):
        return None
    found = codeable_concepts(context, obx, field)
    if len(found) > 1:
        context.warn(obx, field, "FHIR has room for one; the first is carried")
    return found[0] if found else None


def _extensions(obx: Segment, context: Context) -> list[Element]:
    found: list[Element] = []
    if sub_id := obx.text(4).strip():
        found += extension(SUB_ID, valueString=sub_id)
    for nature in codeable_concepts(context, obx, 10, NATURE) if obx.raw(10) else ():
        found += extension(_FHIR + "observation-nature-of-abnormal-test", valueCodeableConcept=nature)
    if analysed := times.date_time(context, obx, 19):
        found += extension(_FHIR + "observation-analysis-date-time", valueDateTime=analysed)
    for stated in obx.repetitions(33)[1:] if obx.raw(33) else ():
        if specimen := specimen_number(stated, context):
            found += extension(SPECIMEN, valueReference=specimen)
    if structure := obx.text(30).strip():
        found += extension(
            _FHIR + "observation-structure-type", valueCodeableConcept={"coding": [{"code": structure}]}
        )
    return found
