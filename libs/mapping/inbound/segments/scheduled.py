"""AIS, AIG, AIL, AIP -> what an appointment takes: services as ServiceRequests, the rest as participants.

Source: v2-to-FHIR IG 1.0.0, AIS[Appointment], AIS[ServiceRequest], AIG[Appointment], AIL[Appointment],
AIP[Appointment], SCH[ServiceRequest]. AIS-11 and AIS-12 are details of the order, as OBR-46 and OBR-47 are.
"""

from collections.abc import Sequence
from itertools import takewhile

from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference, Subject
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import codeable_concept, codeable_concepts
from libs.mapping.inbound.datatypes.locations import location, named_location
from libs.mapping.inbound.datatypes.practitioners import practitioner_of
from libs.mapping.inbound.datatypes.timing import minutes
from libs.mapping.inbound.element import Element, element, resource, words
from libs.mapping.inbound.segments.nte import notes
from libs.terminology.concept_map import concept_map

SERVICE_FIELDS = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12})
STATUS = concept_map("0278", "FillerStatusCodes[Appointment]")
RESOURCES = frozenset({"AIG", "AIL", "AIP"})
_DELETED = "D"  # segment action code, table 0206
_FIRST = {"AIS": 4, "AIG": 8, "AIL": 6, "AIP": 6}  # the start; its offset, the duration and status follow
_PLACES = frozenset({"LOC", "LOCATION", "ROOM", "PLACE"})  # AIG-4: types of resource that are places
# Where a resource stands, by the status of its part of the appointment.
_PARTICIPATION = {
    "pending": "needs-action",
    "waitlist": "tentative",
    "cancelled": "declined",
    "entered-in-error": "declined",
}
_OF_ORDER = ("status", "intent", "code", "orderDetail")  # what the order itself says
_REQUEST = {"cancelled": "revoked", "entered-in-error": "entered-in-error", "fulfilled": "completed"}


def filler_status(segment: Segment, field: int, context: Context) -> str | None:
    """The status of an appointment that a filler states (table 0278); None for none."""
    stated = (segment.text(field) or segment.text(field, 2)).strip()
    return context.code(STATUS, stated.capitalize(), segment, field) or None


def stands(segment: Segment) -> bool:
    """Whether the segment states something, rather than that it is deleted."""
    return segment.text(2).strip() != _DELETED


def period(segment: Segment, start: str | None, context: Context) -> Element:
    """When the resource is taken: from its own start or a time after the appointment's, as long as stated."""
    first = _FIRST[segment.name]
    begins = times.date_time(context, segment, first)
    if begins is None and segment.raw(first + 1):
        offset = minutes(segment.text(first + 1), segment.text(first + 2))
        begins = times.add_minutes(start, float(offset)) if start and offset is not None else None
        if begins is None:
            context.warn(segment, first + 1, "a time relative to a start that is not known is left out")
    ends = ends_after(begins, segment.text(first + 3), segment.text(first + 4))
    return times.in_order(context, begins, ends, segment, first)


def ends_after(start: str | None, amount: str, unit: str) -> str | None:
    """The time that far after `start`, None when one of them is not known."""
    length = minutes(amount, unit)
    return times.add_minutes(start, float(length)) if start and length is not None else None


def service_types(ais: Segment, context: Context) -> list[Element]:
    """AIS-3 as Appointment.serviceType."""
    context.use(ais, SERVICE_FIELDS)
    return codeable_concepts(context, ais, 3)


def service_requests(
    segments: Sequence[Segment],
    subject: Subject,
    context: Context,
    *,
    number: str,
    status: str,
    start: str | None,
    orders: Sequence[Element],
) -> list[Reference]:
    """Each service (AIS) that is scheduled, as a request.

    `number` and `status` are those of the appointment. A single service is the order of the numbers `orders`
    (SCH-26, SCH-27), of which the appointment only says when it happens.
    """
    found = []
    places = [place for place, one in enumerate(segments) if one.name == "AIS" and one.first(3)]
    for place in places:
        ais = segments[place]
        comments = takewhile(lambda one: one.name == "NTE", segments[place + 1 : place + 100])
        when = period(ais, start, context)
        stated = filler_status(ais, 10, context) or status
        code = codeable_concept(context, ais, 3)
        details = codeable_concepts(context, ais, 11) + codeable_concepts(context, ais, 12)
        if details and code is None:
            context.warn(ais, 11, "details of a service that is not named (AIS-3) are left out")
        request = resource(
            "ServiceRequest",
            identifier=list(orders),
            status=_REQUEST.get(stated, "active") if stands(ais) else "entered-in-error",
            intent="order",
            code=code,
            orderDetail=details if code else [],
            subject=subject.patient,
            encounter=subject.encounter,
            occurrencePeriod=when if "end" in when else None,
            occurrenceDateTime=None if "end" in when else when.get("start"),
            note=notes(comments, context),
        )
        if orders:
            found.append(context.put(request, orders[0], keep=_OF_ORDER))
        else:
            key = ("appointment", context.facility, number, ais.text(1), ais.text(3))
            found.append(context.put(request, None, subject.key, *key))
    return found


def participants(segment: Segment, start: str | None, context: Context) -> list[Element]:
    """AIP, AIL or AIG as participants: who, where, with what."""
    kind = codeable_concept(context, segment, 4)
    first = _FIRST[segment.name]
    context.use(segment, frozenset({1, 2, 3, 4, *range(first, first + 5), first + 6}))
    if not stands(segment):
        return []
    stated = filler_status(segment, first + 6, context)
    status = _PARTICIPATION.get(stated or "", "accepted")
    common = element(type=[kind] if kind else [], status=status, period=period(segment, start, context))
    return [{**common, "actor": actor} for actor in _actors(segment, context)]


def _actors(segment: Segment, context: Context) -> list[Reference]:
    if segment.name == "AIP":
        people = (practitioner_of(context, xcn, segment, 3) for xcn in segment.repetitions(3))
        return [person for person in people if person]
    found = location(context, segment, 3) if segment.name == "AIL" else _thing(segment, context)
    return [found] if found else []


def _thing(aig: Segment, context: Context) -> Reference | None:
    """AIG-3: a thing, or a place if AIG-4 says so, known by its code; None when it names none."""
    name = words(codeable_concept(context, aig, 3) or {})
    number = aig.text(3).strip() or name
    if not number:
        return None
    if {aig.text(4).strip().upper(), aig.text(4, 2).strip().upper()} & _PLACES:
        return named_location(context, number, "resource", name)
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
