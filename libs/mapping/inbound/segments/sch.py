"""SCH, AIS, AIG, AIL, AIP, TQ1 -> Appointment.

Source: v2-to-FHIR IG 1.0.0, SCH[Appointment], AIS[Appointment], AIG[Appointment], AIL[Appointment],
AIP[Appointment], NTE[Appointment-Comment], TQ[Appointment].
"""

from collections.abc import Sequence
from itertools import takewhile

from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference, Subject
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import codeable_concept, codeable_concepts
from libs.mapping.inbound.datatypes.contacts import telecoms
from libs.mapping.inbound.datatypes.identifiers import ei_identifier
from libs.mapping.inbound.datatypes.locations import location
from libs.mapping.inbound.datatypes.numbers import positive_integer
from libs.mapping.inbound.datatypes.practitioners import practitioner_of
from libs.mapping.inbound.datatypes.timing import minutes
from libs.mapping.inbound.element import Element, concept, element, resource, words
from libs.mapping.inbound.segments.nte import notes
from libs.terminology.concept_map import concept_map

FIELDS = frozenset({1, 2, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 17, 19, 20, 21, 22, 25, 26, 27})
ARQ_FIELDS = frozenset({1, 2, 6, 7, 8, 9, 10, 11})
SERVICE_FIELDS = frozenset({1, 3, 4, 7, 8})
RESOURCE_FIELDS = frozenset({1, 3, 4})
NTE_FIELDS = frozenset({1, 3})

STATUS = concept_map("0278", "FillerStatusCodes[Appointment]")
REASON = concept_map("0276", "AppointmentReasonCodes")
KIND = concept_map("0277", "AppointmentTypeCodes")
PARTICIPANT = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
ENTERER = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"

# The people to talk to: fields of the person, the telephone, the place, and the part they have.
_CONTACTS = (
    (12, 13, 15, None),
    (16, 17, 19, None),
    (20, 21, 22, concept(ENTERER, "enterer")),
)

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
    placer = ei_identifier(context, sch.first(1), "PLAC", "placer-appointment")
    filler = ei_identifier(context, sch.first(2), "FILL", "filler-appointment")
    services = [one for one in segments if one.name == "AIS"]
    start, end = _when(sch, segments, services, context)
    found = resource(
        "Appointment",
        identifier=[one for one in (placer, filler) if one],
        status=_status(sch, context),
        serviceType=[code for one in services for code in _service(one, context)],
        appointmentType=codeable_concept(context, sch, 8, KIND),
        reasonCode=codeable_concepts(context, sch, 7, REASON) + codeable_concepts(context, sch, 6),
        start=start,
        end=end,
        minutesDuration=_duration(sch),
        comment=_comment(segments, context),
        basedOn=[
            *_orders(sch, context),
            *(service_requests(sch, context, subject, segments) if subject else []),
        ],
        participant=_participants(context, subject, segments, _contacts(sch, context)),
    )
    identifier = filler or placer
    stated = sch.first(2) if filler else sch.first(1)
    kept = ("status",) if context.event in _CHANGES and not sch.text(25).strip() else ()
    if identifier is not None and (stated.text(2).strip() or stated.text(3).strip()):
        return context.put(found, identifier, keep=kept)
    number = identifier["value"] if identifier else context.control_id
    return context.put(found, None, "appointment", context.facility, number, keep=kept)


def requested(
    arq: Segment, context: Context, subject: Subject | None, segments: Sequence[Segment]
) -> Reference:
    """ARQ as an Appointment that is asked for; a request to cancel one (S04) makes it cancelled."""
    context.use(arq, ARQ_FIELDS)
    placer = ei_identifier(context, arq.first(1), "PLAC", "placer-appointment")
    filler = ei_identifier(context, arq.first(2), "FILL", "filler-appointment")
    services = [one for one in segments if one.name == "AIS"]
    period = times.period(context, arq.first(11), arq, 11)
    found = resource(
        "Appointment",
        identifier=[one for one in (placer, filler) if one],
        status=_REQUESTED.get(context.event, "proposed"),
        serviceType=[code for one in services for code in _service(one, context)],
        appointmentType=codeable_concept(context, arq, 8, KIND),
        reasonCode=codeable_concepts(context, arq, 7, REASON) + codeable_concepts(context, arq, 6),
        requestedPeriod=[period] if period else [],
        minutesDuration=_duration(arq),
        comment=_comment(segments, context),
        participant=_participants(context, subject, segments),
    )
    identifier = filler or placer
    number = identifier["value"] if identifier else context.control_id
    kept = ("status",) if found["status"] == "proposed" else ()
    return context.put(found, None, "appointment", context.facility, number, keep=kept)


def service_requests(
    sch: Segment, context: Context, subject: Subject, segments: Sequence[Segment]
) -> list[Reference]:
    """AIS[ServiceRequest], SCH[ServiceRequest]: the services that are scheduled, each as a request."""
    found = []
    for place, ais in enumerate(segments):
        if ais.name != "AIS" or not ais.first(3):
            continue
        code = codeable_concept(context, ais, 3)
        comments = list(takewhile(lambda one: one.name == "NTE", segments[place + 1 :]))
        status = _REQUEST.get(_status(sch, context), "active")
        request = resource(
            "ServiceRequest",
            status=status,
            intent="order",
            code=code,
            subject=subject.patient,
            encounter=subject.encounter,
            occurrenceDateTime=times.date_time(context, ais, 4),
            note=notes(comments, context),
        )
        number = (sch.text(2) or sch.text(1) or context.control_id).strip()
        key = ("appointment", context.facility, number, ais.text(1), ais.text(3))
        found.append(context.put(request, None, subject.key, *key))
    return found


# Where a resource stands, by the status of its part of the appointment.
_PARTICIPATION = {
    "pending": "needs-action",
    "waitlist": "tentative",
    "cancelled": "declined",
    "entered-in-error": "declined",
}
_REQUESTED = {"S04": "cancelled", "S05": "cancelled", "S06": "entered-in-error"}  # SRM
_REQUEST = {"cancelled": "revoked", "entered-in-error": "entered-in-error", "fulfilled": "completed"}


def _status(sch: Segment, context: Context) -> str:
    stated = sch.text(25).strip()
    target = context.target(STATUS, stated.capitalize() if stated else "", sch, 25)
    return (target.code if target else None) or _BY_EVENT.get(context.event, "booked")


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
        return start, _exact_of(context, timing.text(5), sch, 11) or _ends(start, sch.text(9), sch.text(10))
    for one in services:
        if one.text(4):
            start = _exact(context, one, 4)
            return start, _ends(start, one.text(7), one.text(8))
    return None, None


def _exact(context: Context, segment: Segment, field: int) -> str | None:
    return _exact_of(context, segment.text(field), segment, field)


def _exact_of(context: Context, text: str, segment: Segment, field: int) -> str | None:
    found = times.date_time_of(context, text, segment, field)
    if found is not None and len(found) <= 10:
        context.warn(segment, field, "a date without a time is no start or end of an appointment")
        return None
    return found


def _ends(start: str | None, amount: str, unit: str) -> str | None:
    length = minutes(amount, unit)
    return times.add_minutes(start, float(length)) if start and length is not None else None


def _duration(sch: Segment) -> int | None:
    length = minutes(sch.text(9), sch.text(10))
    return positive_integer(str(int(length))) if length is not None and length < 100_000 else None


def _service(ais: Segment, context: Context) -> list[Element]:
    context.use(ais, SERVICE_FIELDS)
    return codeable_concepts(context, ais, 3)


def _comment(segments: Sequence[Segment], context: Context) -> str:
    lines = []
    for nte in segments:
        if nte.name == "NTE":
            context.use(nte, NTE_FIELDS)
            lines += [value.text(1) for value in nte.repetitions(3)]
    return "\n".join(lines)


def _orders(sch: Segment, context: Context) -> list[Element]:
    stated = ((26, "PLAC", "placer"), (27, "FILL", "filler"))
    return [
        {"type": "ServiceRequest", "identifier": one}
        for field, kind, purpose in stated
        if (one := ei_identifier(context, sch.first(field), kind, purpose))
    ]


def _participants(
    context: Context, subject: Subject | None, segments: Sequence[Segment], contacts: Sequence[Element] = ()
) -> list[Element]:
    """The patient, the resources (AIP, AIL, AIG) and the contacts; FHIR needs at least one participant."""
    found: list[Element] = []
    if subject is not None:
        found.append({"actor": subject.patient, "status": "accepted"})
    for segment in segments:
        if segment.name in {"AIP", "AIL", "AIG"}:
            found += _resource(segment, context)
    found += contacts
    return found or [{"type": [concept(PARTICIPANT, "SBJ", "subject")], "status": "needs-action"}]


def _contacts(sch: Segment, context: Context) -> list[Element]:
    """SCH-12, SCH-16 and SCH-20: the people to talk to."""
    return [
        element(
            type=[role] if role else [],
            actor=_contact(sch, context, person, telecom, place),
            status="accepted",
        )
        for field, telecom, place, role in _CONTACTS
        for xcn in sch.repetitions(field)
        if (person := practitioner_of(context, xcn, sch, field))
    ]


def _resource(segment: Segment, context: Context) -> list[Element]:
    """AIP, AIL or AIG as participants: who, where, with what."""
    kind = codeable_concept(context, segment, 4)
    start = 8 if segment.name == "AIG" else 6
    context.use(segment, RESOURCE_FIELDS | {start, start + 3, start + 4, start + 6})
    stated = context.code(STATUS, segment.text(start + 6).strip().capitalize(), segment, start + 6)
    amount, unit = (segment.text(start + 3), segment.text(start + 4))
    begins = times.date_time(context, segment, start)
    period = times.in_order(context, begins, _ends(begins, amount, unit), segment, start)
    status = _PARTICIPATION.get(stated or "", "accepted")
    common = element(type=[kind] if kind else [], status=status, period=period)
    if segment.name == "AIP":
        people = (practitioner_of(context, xcn, segment, 3) for xcn in segment.repetitions(3))
        return [common | {"actor": person} for person in people if person]
    if segment.name == "AIL":
        place = location(context, segment, 3)
        return [common | {"actor": place}] if place else []
    thing = _equipment(segment, context)
    return [common | {"actor": thing}] if thing else []


def _contact(sch: Segment, context: Context, person: Reference, telecom: int, place: int) -> Reference:
    """Somebody to talk to about the appointment: in the role that has the place and the telephone."""
    where, numbers = location(context, sch, place), telecoms(context, sch, telecom)
    if where is None and not numbers:
        return person
    found = resource(
        "PractitionerRole", practitioner=person, location=[where] if where else [], telecom=numbers
    )
    return context.put(found, None, person["reference"], where["reference"] if where else "")


def _equipment(aig: Segment, context: Context) -> Reference | None:
    """AIG-3: a thing, known by its code; None when it names none."""
    name = words(codeable_concept(context, aig, 3) or {})
    number = aig.text(3).strip() or name
    if not number:
        return None
    identifier = {"system": context.local("equipment", context.facility), "value": number}
    return context.put(
        resource(
            "Device",
            identifier=[identifier],
            deviceName=[{"name": name, "type": "user-friendly-name"}],
            type=codeable_concept(context, aig, 4),
        ),
        identifier,
    )
