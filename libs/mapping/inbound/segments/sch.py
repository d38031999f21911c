"""SCH, AIS, AIG, AIL, AIP, TQ1 -> Appointment.

Source: v2-to-FHIR IG 1.0.0, SCH[Appointment], AIS[Appointment], AIG[Appointment], AIL[Appointment],
AIP[Appointment], NTE[Appointment-Comment], TQ[Appointment].
"""

from collections.abc import Sequence

from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference, Subject
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import codeable_concepts
from libs.mapping.inbound.datatypes.contacts import addresses, telecoms
from libs.mapping.inbound.datatypes.identifiers import ei_identifier
from libs.mapping.inbound.datatypes.locations import location
from libs.mapping.inbound.datatypes.numbers import positive_integer
from libs.mapping.inbound.datatypes.practitioners import practitioner_of, practitioners
from libs.mapping.inbound.datatypes.timing import minutes
from libs.mapping.inbound.element import Element, absent, concept, element, extension, resource
from libs.mapping.inbound.segments import scheduled
from libs.mapping.inbound.segments.nte import notes
from libs.mapping.inbound.segments.scheduled import ends_after, filler_status
from libs.terminology.concept_map import concept_map

FIELDS = frozenset({1, 2, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 25, 26, 27})
ARQ_FIELDS = frozenset({1, 2, 6, 7, 8, 9, 10, 11, 15, 16, 17, 18, 19, 20, 21, 24, 25})

REASON = concept_map("0276", "AppointmentReasonCodes")
KIND = concept_map("0277", "AppointmentTypeCodes")
PARTICIPANT = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
ENTERER = concept("http://terminology.hl7.org/CodeSystem/provenance-participant-type", "enterer")
SUBJECT = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Appointment.subject"
NOTE = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Appointment.note"

# The people to talk to: fields of the person, the telephone, the address, the place, and the part they have.
_PLACER, _FILLER = {"text": "placer contact"}, {"text": "filler contact"}
_CONTACTS = ((12, 13, 14, 15, _PLACER), (16, 17, 18, 19, _FILLER), (20, 21, None, 22, ENTERER))
_ARQ_CONTACTS = ((15, 16, 17, 18, _PLACER), (19, 20, None, 21, ENTERER))
_Contacts = Sequence[tuple[int, int, int | None, int, Element]]

# What an event makes of an appointment where SCH-25 is silent; all others leave it booked. A time that is
# blocked (S23) is booked for nobody, and free again once it is opened (S24).
_BY_EVENT = {
    "S15": "cancelled",
    "S16": "cancelled",
    "S17": "entered-in-error",
    "S24": "cancelled",
    "S26": "noshow",
}
_CHANGES = frozenset({"S14", "S18", "S19", "S20", "S21", "S22"})  # events that leave its status as it is


def appointment(
    sch: Segment, context: Context, subject: Subject | None, segments: Sequence[Segment]
) -> Reference:
    """SCH[Appointment] with its resources; `segments` are those of the message that may state them."""
    context.use(sch, FIELDS)
    identifiers = _identifiers(sch, context)
    services = [one for one in segments if one.name == "AIS"]
    start, end = _when(sch, segments, services, context)
    status = _status(sch, services, context)
    orders = _orders(sch, (26, 27), context)
    is_order = subject is not None and len(services) == 1 and _have_authorities(sch, (26, 27))
    requests = (
        scheduled.service_requests(
            segments,
            subject,
            context,
            number=(sch.text(2) or sch.text(1) or context.control_id).strip(),
            status=status,
            start=start,
            orders=orders if is_order else (),
        )
        if subject
        else []
    )
    found = resource(
        "Appointment",
        extension=_extensions(subject, segments, context),
        identifier=identifiers,
        status=status,
        serviceType=[code for one in services for code in scheduled.service_types(one, context)],
        **_reasons(sch, context),
        start=start,
        end=end,
        minutesDuration=_duration(sch),
        comment=_comment(segments, context),
        basedOn=[
            *({"type": "ServiceRequest", "identifier": one} for one in orders if not is_order),
            *requests,
        ],
        participant=_participants(subject, segments, start, _contacts(sch, _CONTACTS, context), context),
    )
    written = _put(found, sch, _kept(sch, context), context)
    _entered(sch, written, context)
    return written


def requested(
    arq: Segment, context: Context, subject: Subject | None, segments: Sequence[Segment]
) -> Reference:
    """ARQ as an Appointment that is asked for; a request to cancel one (S04) makes it cancelled."""
    context.use(arq, ARQ_FIELDS)
    services = [one for one in segments if one.name == "AIS"]
    period = times.period(context, arq.first(11), arq, 11)
    orders = _orders(arq, (24, 25), context)
    contacts = _contacts(arq, _ARQ_CONTACTS, context)
    found = resource(
        "Appointment",
        extension=_extensions(subject, segments, context),
        identifier=_identifiers(arq, context),
        status=_REQUESTED.get(context.event, "proposed"),
        serviceType=[code for one in services for code in scheduled.service_types(one, context)],
        **_reasons(arq, context),
        requestedPeriod=[period] if period else [],
        minutesDuration=_duration(arq),
        comment=_comment(segments, context),
        basedOn=[{"type": "ServiceRequest", "identifier": one} for one in orders],
        participant=_participants(subject, segments, None, contacts, context),
    )
    kept = ("status",) if found["status"] == "proposed" else ()
    return context.put(found, None, *_key(found, context), keep=kept)


_REQUESTED = {"S04": "cancelled", "S05": "cancelled", "S06": "entered-in-error"}  # SRM


def _identifiers(segment: Segment, context: Context) -> list[Element]:
    """The placer's number of the appointment, then the filler's."""
    stated = ((1, "PLAC", "placer-appointment"), (2, "FILL", "filler-appointment"))
    found = (ei_identifier(context, segment.first(field), kind, purpose) for field, kind, purpose in stated)
    return [one for one in found if one]


def _put(found: Element, sch: Segment, kept: tuple[str, ...], context: Context) -> Reference:
    """Write the appointment: by its number if that has an authority, else by the number of the facility."""
    stated = sch.first(2) if sch.text(2).strip() else sch.first(1)
    if found.get("identifier") and (stated.text(2).strip() or stated.text(3).strip()):
        return context.put(found, found["identifier"][-1], keep=kept)
    return context.put(found, None, *_key(found, context), keep=kept)


def _key(found: Element, context: Context) -> tuple[str, ...]:
    numbers = found.get("identifier")
    return "appointment", context.facility, numbers[-1]["value"] if numbers else context.control_id


def _kept(sch: Segment, context: Context) -> tuple[str, ...]:
    return ("status",) if context.event in _CHANGES and not sch.text(25).strip() else ()


def _status(sch: Segment, services: Sequence[Segment], context: Context) -> str:
    """SCH-25, else what the event makes of it, else the status of its first service (AIS-10)."""
    stated = filler_status(sch, 25, context) or _BY_EVENT.get(context.event)
    of_services = (filler_status(one, 10, context) for one in services)
    return stated or next((one for one in of_services if one), "booked")


def _reasons(segment: Segment, context: Context) -> Element:
    """SCH-7 and SCH-6 as reasons, SCH-8 as the type; a code of table 0277 in SCH-7 is a type, too."""
    kinds = codeable_concepts(context, segment, 8, KIND)
    if segment.text(7, 3).strip() == "HL70277":
        kinds += codeable_concepts(context, segment, 7, KIND)
        reasons = []
    else:
        reasons = codeable_concepts(context, segment, 7, REASON)
    if len(kinds) > 1:
        context.warn(segment, 7, "FHIR has room for one type of an appointment; the first is carried")
    return element(
        appointmentType=kinds[0] if kinds else None,
        reasonCode=reasons + codeable_concepts(context, segment, 6),
    )


def _when(
    sch: Segment, segments: Sequence[Segment], services: Sequence[Segment], context: Context
) -> tuple[str | None, str | None]:
    """Start and end: TQ1, else SCH-11, else the first service's."""
    for tq1 in segments:
        if tq1.name == "TQ1" and tq1.text(7):
            context.use(tq1, frozenset({1, 7, 8, 9}))
            return _exact(context, tq1, 7), _exact(context, tq1, 8)
    timing = sch.first(11)
    if timing.text(4):
        start = _exact_of(context, timing.text(4), sch, 11)
        return start, _exact_of(context, timing.text(5), sch, 11) or ends_after(
            start, sch.text(9), sch.text(10)
        )
    for one in services:
        if one.text(4):
            start = _exact(context, one, 4)
            return start, ends_after(start, one.text(7), one.text(8))
    return None, None


def _exact(context: Context, segment: Segment, field: int) -> str | None:
    return _exact_of(context, segment.text(field), segment, field)


def _exact_of(context: Context, text: str, segment: Segment, field: int) -> str | None:
    found = times.date_time_of(context, text, segment, field)
    if found is not None and len(found) <= 10:
        context.warn(segment, field, "a date without a time is no start or end of an appointment")
        return None
    return found


def _duration(sch: Segment) -> int | None:
    length = minutes(sch.text(9), sch.text(10))
    return positive_integer(str(int(length))) if length is not None and length < 100_000 else None


def _comment(segments: Sequence[Segment], context: Context) -> str:
    return "\n".join(one["text"] for one in notes((one for one in segments if one.name == "NTE"), context))


def _extensions(subject: Subject | None, segments: Sequence[Segment], context: Context) -> list[Element]:
    """PID[Appointment], and NTE[Appointment-Comment] of a comment that says more than its text."""
    comments = notes((one for one in segments if one.name == "NTE"), context)
    return [
        *(extension(SUBJECT, valueReference=subject.patient) if subject else []),
        *({"url": NOTE, "valueAnnotation": one} for one in comments if one.keys() != {"text"}),
    ]


def _orders(segment: Segment, fields: tuple[int, int], context: Context) -> list[Element]:
    """The numbers of the order that is scheduled: the placer's, then the filler's."""
    stated = zip(fields, ("PLAC", "FILL"), ("placer", "filler"), strict=True)
    return [
        one
        for field, kind, purpose in stated
        for ei in segment.repetitions(field)
        if (one := ei_identifier(context, ei, kind, purpose))
    ]


def _have_authorities(segment: Segment, fields: tuple[int, int]) -> bool:
    """Whether the numbers are of an order that they find again wherever it comes from."""
    stated = [ei for field in fields for ei in segment.repetitions(field)]
    return bool(stated) and all(ei.text(2).strip() or ei.text(3).strip() for ei in stated)


def _participants(
    subject: Subject | None,
    segments: Sequence[Segment],
    start: str | None,
    contacts: Sequence[Element],
    context: Context,
) -> list[Element]:
    """The patient, the resources (AIP, AIL, AIG) and the contacts; FHIR needs at least one participant."""
    found: list[Element] = []
    if subject is not None:
        found.append({"actor": subject.patient, "status": "accepted"})
    for segment in segments:
        if segment.name in scheduled.RESOURCES:
            found += scheduled.participants(segment, start, context)
    found += contacts
    return found or [{"type": [concept(PARTICIPANT, "SBJ", "subject")], "status": "needs-action"}]


def _contacts(segment: Segment, fields: _Contacts, context: Context) -> list[Element]:
    """SCH-12, SCH-16 and SCH-20 (ARQ-15 and ARQ-19): the people to talk to."""
    found = []
    for field, telecom, address, place, part in fields:
        more = element(address=addresses(context, segment, address) if address else [])
        for xcn in segment.repetitions(field):
            if person := practitioner_of(context, xcn, segment, field, more or None):
                actor = _contact(segment, context, person, telecom, place)
                found.append({"type": [part], "actor": actor, "status": "accepted"})
    return found


def _contact(sch: Segment, context: Context, person: Reference, telecom: int, place: int) -> Reference:
    """Somebody to talk to about the appointment: in the role that has the place and the telephone."""
    where, numbers = location(context, sch, place), telecoms(context, sch, telecom)
    if where is None and not numbers:
        return person
    found = resource(
        "PractitionerRole", practitioner=person, location=[where] if where else [], telecom=numbers
    )
    return context.put(found, None, person["reference"], where["reference"] if where else "")


def _entered(sch: Segment, written: Reference, context: Context) -> None:
    """SCH[Provenance]: who entered the appointment."""
    people = practitioners(context, sch, 20)
    if people:
        agents = [{"type": ENTERER, "who": one} for one in people]
        found = resource("Provenance", target=[written], _recorded=absent("unknown"), agent=agents)
        context.put(found, None, written["reference"], "entered", context.control_id, merge=False)
