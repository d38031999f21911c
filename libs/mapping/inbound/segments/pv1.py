"""PV1 -> Encounter, EpisodeOfCare.

Source: v2-to-FHIR IG 1.0.0, PV1[Encounter]; the status by our own rule, since the guide
has it from PV1-2 alone, which would discharge nobody and cancel nothing. PV1-43 is a location that is
completed, where the guide has R5's EncounterHistory as a Basic; PV1-16 is a courtesy of the visit, for it
does not say that it is about the person (PV1[Patient]).
"""

from libs.fhir.parts import as_part
from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference, removed
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import codeable_concept, codeable_concepts, coding_of
from libs.mapping.inbound.datatypes.identifiers import cx_identifier, cx_identifiers
from libs.mapping.inbound.datatypes.locations import PL, location, location_of, named_location
from libs.mapping.inbound.datatypes.organizations import organization_of_hd, organizations
from libs.mapping.inbound.datatypes.practitioners import practitioner_of
from libs.mapping.inbound.element import Element, coding, concept, element, extension, resource
from libs.terminology.concept_map import concept_map

FIELDS = frozenset({*range(1, 12), *range(13, 20), 36, 37, 38, 40, 42, 43, 44, 45, 50, 52, 53, 54})
CLASS = concept_map("0004", "PatientClass[EncounterClass]")
STATUS = concept_map("0004", "PatientClass[EncounterStatus]")
ADMISSION_TYPE = concept_map("0007", "AdmissionType")
SERVICE = concept_map("0069", "HospitalService")
READMISSION = concept_map("0092", "ReadmissionIndicator")
AMBULATORY = concept_map("0009", "AmbulatoryStatus")
BED_STATUS = concept_map("0116", "BedStatus")


PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_FHIR = "http://hl7.org/fhir/StructureDefinition/"
_CLASSIFICATION = {
    "url": f"{_FHIR}subject-locationClassification",
    "valueCodeableConcept": concept("http://hl7.org/fhir/subject-locationClassification", "temporary"),
}
UNKNOWN_CLASS = coding("http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "UNK", "unknown")

NULLS = {
    3: ("location:current",),
    4: ("type:admission",),
    5: ("hospitalization:preAdmissionIdentifier",),
    6: ("location:prior",),
    7: ("participant:ATND",),
    8: ("participant:REF",),
    9: ("participant:CON",),
    10: ("serviceType",),
    11: ("location:temporary",),
    13: ("hospitalization:reAdmission",),
    14: ("hospitalization:admitSource",),
    15: ("hospitalization:specialArrangement",),
    16: ("hospitalization:specialCourtesy",),
    17: ("participant:ADM",),
    18: ("type:patient",),
    36: ("hospitalization:dischargeDisposition",),
    37: ("hospitalization:destination",),
    38: ("hospitalization:dietPreference",),
    42: ("location:pending",),
    43: ("location:left",),
    44: ("period:start",),
    45: ("period:end",),
    52: ("participant:PART",),
    54: ("episodeOfCare",),
}
# What an event ends, though no field of it says so: a cancelled discharge has no end and led nowhere, a
# cancelled transfer has come from nowhere, and nothing is pending once it has happened or is cancelled.
_ENDED = {
    "A13": ("period:end", "hospitalization:dischargeDisposition", "hospitalization:destination"),
    "A12": ("location:prior",),
    "A02": ("location:pending",),
    "A26": ("location:pending",),
}

# The participants: field, code of v3-ParticipationType, its meaning.
_PARTICIPANTS = (
    (7, "ATND", "attender"),
    (8, "REF", "referrer"),
    (9, "CON", "consultant"),
    (17, "ADM", "admitter"),
    (52, "PART", "Participation"),
)

# Events that decide where a visit stands, whatever its class is.
_STATUS_OF_EVENT = {
    "A03": "finished",
    "A05": "planned",
    "A11": "cancelled",
    "A13": "in-progress",
    "A14": "planned",
    "A21": "onleave",
    "A22": "in-progress",
    "A23": "entered-in-error",
    "A27": "cancelled",
    "A38": "cancelled",
    "A52": "in-progress",
    "A53": "onleave",
}
PLANNED = frozenset({"A05", "A14"})
# Events that say nothing of where the visit stands: updates, transfers of names and numbers, tracking.
UPDATES = frozenset({"A08", "A28", "A31", "A17", "A54", "A55", "A60", "A61", "A62"})
UPDATES |= frozenset({"A18", "A34", "A35", "A36", "A40", "A41", "A42", "A43", "A44", "A45"})


def encounter(
    pv1: Segment,
    pv2: Segment | None,
    context: Context,
    subject: Reference,
    *,
    account: Reference | None,
    key: tuple[str, ...],
) -> Element:
    """PV1[Encounter], with the places of PV2; `key` is that of `identity`."""
    context.use(pv1, FIELDS)
    return resource(
        "Encounter",
        identifier=identifiers(pv1, context),
        status=status(pv1, context, key),
        **{"class": coding_of(context, pv1, 2, CLASS) or UNKNOWN_CLASS},
        type=codeable_concepts(context, pv1, 4, ADMISSION_TYPE)
        + codeable_concepts(context, pv1, 18, table="0018"),
        serviceType=codeable_concept(context, pv1, 10, SERVICE),
        subject=subject,
        participant=_participants(pv1, context),
        period=_period(pv1, context),
        episodeOfCare=_episodes(pv1, context, subject) if pv1.raw(53) or pv1.raw(54) else [],
        account=[account] if account else [],
        hospitalization=_hospitalization(pv1, context),
        location=_locations(pv1, pv2, context),
        serviceProvider=_provider(pv1, pv2, context),
    )


def status(pv1: Segment, context: Context, key: tuple[str, ...]) -> str:
    """Where the visit stands: by the event that cancels or plans it, else by its end, else by PV1-2.

    Of a visit that nothing names (`key` is the message's own) only an event of the visit itself tells: a
    result or an update would leave it open for ever.
    """
    if decided := _STATUS_OF_EVENT.get(context.event) if context.is_adt else None:
        return decided
    if pv1.text(45):
        return "finished"
    if key[:1] == ("message",) and (not context.is_adt or context.event in UPDATES):
        return "unknown"
    return context.code(STATUS, pv1.text(2).strip(), pv1, 2) or "unknown"


def identity(
    pv1: Segment, pid: Segment | None, context: Context, patient: str
) -> tuple[Element | None, tuple[str, ...]]:
    """By what the visit is found again: an identifier, or else a key to derive its id from.

    PV1-19, else PV1-50, else the account (PID-18), else the patient and the time of admission. With none of
    them it is the visit of this message only.
    """
    number = cx_identifier(context, pv1.first(19), pv1, 19, "visit")
    if number is None:
        alternates = cx_identifiers(context, pv1, 50, "visit")
        number = alternates[0] if alternates else None
    if number is not None:
        return number, ()
    account = cx_identifier(context, pid.first(18), pid, 18, "account") if pid is not None else None
    if account is not None:
        return None, ("account", account["system"], account["value"])
    if admitted := pv1.text(44).strip():
        return None, ("admitted", patient, admitted)
    context.warn(
        pv1,
        19,
        "no visit number, alternate visit id, account or time of admission: the visit cannot be found again",
    )
    return None, ("message", context.facility, context.control_id, context.sent)


def identifiers(pv1: Segment, context: Context) -> list[Element]:
    """PV1-19 as the visit number, then PV1-50."""
    visit = cx_identifier(context, pv1.first(19), pv1, 19, "visit")
    alternates = cx_identifiers(context, pv1, 50, "visit")
    if visit is None:
        return alternates
    visit.setdefault("type", concept("http://terminology.hl7.org/CodeSystem/v2-0203", "VN", "Visit number"))
    return [visit, *(one for one in alternates if one["value"] != visit["value"])]


def nulls(pv1: Segment, found: Element, context: Context) -> list[str]:
    """What of the Encounter the PV1 and the event delete."""
    return [*removed(pv1, NULLS, found), *(_ENDED.get(context.event, ()) if context.is_adt else ())]


def kept(context: Context) -> tuple[str, ...]:
    """The elements that a known visit keeps: an update keeps its status, a result its class as well."""
    if not context.is_adt:
        return ("status", "class")
    return ("status",) if context.event in UPDATES else ()


def participant(person: Reference, code: str, meaning: str) -> Element:
    """One Encounter.participant."""
    return {"type": [concept(PARTICIPATION, code, meaning)], "individual": person}


def _participants(pv1: Segment, context: Context) -> list[Element]:
    return [
        participant(person, code, meaning)
        for field, code, meaning in _PARTICIPANTS
        for xcn in pv1.repetitions(field)
        if (person := practitioner_of(context, xcn, pv1, field))
    ]


def _period(pv1: Segment, context: Context) -> Element:
    if context.event == "A13":
        return element(start=times.date_time(context, pv1, 44))
    return times.between(context, pv1, 44, 45)


def _hospitalization(pv1: Segment, context: Context) -> Element:
    discharged_to = (pv1.text(37, 1, 2) or pv1.text(37)).strip()
    return element(
        preAdmissionIdentifier=cx_identifier(context, pv1.first(5), pv1, 5, "preadmission"),
        admitSource=codeable_concept(context, pv1, 14, table="0023"),
        reAdmission=codeable_concept(context, pv1, 13, READMISSION),
        dietPreference=codeable_concepts(context, pv1, 38, table="0114"),
        specialCourtesy=codeable_concepts(context, pv1, 16, table="0099"),
        specialArrangement=codeable_concepts(context, pv1, 15, AMBULATORY),
        destination=named_location(context, discharged_to, "discharge") if discharged_to else None,
        dischargeDisposition=codeable_concept(context, pv1, 36, table="0112"),
    )


def _locations(pv1: Segment, pv2: Segment | None, context: Context) -> list[Element]:
    bed = coding_of(context, pv1, 40, BED_STATUS)
    context.reads(pv1, 3, PL)
    current = location_of(context, pv1.first(3), bed) if pv1.raw(3) else None
    planned = context.event in PLANNED or pv1.text(2).strip() == "P"
    places = [
        (current, "planned" if planned else "active", "current"),
        (location(context, pv1, 6), "completed", "prior"),
        (location(context, pv1, 11), "active", "temporary"),
        (None if context.event == "A26" else location(context, pv1, 42), "reserved", "pending"),
        (location(context, pv1, 43), "completed", "left"),
        (location(context, pv2, 1) if pv2 is not None else None, "planned", "planned"),
    ]
    return [
        one
        for place, state, part in places
        if place
        for one in as_part("Encounter", "location", part, [_whereabouts(place, state, part)])
    ]


def _whereabouts(place: Reference, status: str, part: str) -> Element:
    found: Element = {"location": place, "status": status}
    return found | {"extension": [_CLASSIFICATION]} if part in {"temporary", "left"} else found


def _episodes(pv1: Segment, context: Context, subject: Reference) -> list[Reference]:
    """PV1-54, and PV1-53 as its description: the episode that the visit is part of."""
    number = cx_identifier(context, pv1.first(54), pv1, 54, "episode")
    described = pv1.text(53).strip()
    if number is None and not described:
        return []
    found = resource(
        "EpisodeOfCare",
        extension=extension(_FHIR + "resource-instance-description", valueMarkdown=described),
        identifier=[number] if number else [],
        status="active",
        patient=subject,
    )
    return [context.put(found, number, subject["reference"], "episode", described, keep=("status",))]


def _provider(pv1: Segment, pv2: Segment | None, context: Context) -> Reference | None:
    """Who is responsible for the visit: the clinic (PV2-23), else the facility of the bed (PV1-3.4)."""
    if pv2 is not None and (clinic := organizations(context, pv2, 23)):
        return clinic[0]
    facility = pv1.first(3).part(4)
    return organization_of_hd(context, facility) if facility else None
