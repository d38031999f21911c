"""ORC and OBR -> ServiceRequest.

Source: v2-to-FHIR IG 1.0.0, ORC[ServiceRequest], OBR[ServiceRequest]. Where both state the same, ORC wins:
the guide takes neither. The status: ORC-5, else ORC-1.
"""

from collections.abc import Sequence

from libs.hl7v2.message import Segment, Value
from libs.mapping.inbound.context import Context, Reference, Subject
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import codeable_concept, codeable_concepts
from libs.mapping.inbound.datatypes.contacts import addresses, telecoms
from libs.mapping.inbound.datatypes.identifiers import TYPE_SYSTEM, cx_identifiers, ei_identifier
from libs.mapping.inbound.datatypes.numbers import quantity
from libs.mapping.inbound.datatypes.organizations import organization
from libs.mapping.inbound.datatypes.practitioners import practitioner_of, practitioners
from libs.mapping.inbound.datatypes.practitioners import role as role_in
from libs.mapping.inbound.datatypes.timing import priority, timing_of_tq, timing_of_tq1
from libs.mapping.inbound.element import Element, concept, element, extension, resource
from libs.mapping.inbound.order_numbers import Numbers
from libs.mapping.inbound.segments import role
from libs.mapping.inbound.segments.nte import notes
from libs.mapping.inbound.segments.order_event import business_event, event, group_numbers, security
from libs.mapping.inbound.structure import Order
from libs.terminology.concept_map import concept_map

FIELDS = frozenset({1, 2, 3, 4, 5, 7, 8, 9, 12, 14, 16, 21, 28, 29, 33, 38})
FACILITY = frozenset({22, 23})  # of ORC-21: without it nobody knows whose they are
_ADDRESS = frozenset({24})  # of the person who ordered
OBR_FIELDS = frozenset({1, 2, 3, 4, 5, 6, 11, 13, 16, 17, 27, 28, 29, 31, 46, 47, 53, 54})

PLACED = "active"  # an order of which nothing says where it stands
CONTROL = concept_map("0119", "OrderControlCode[ServiceRequest.status]")
STATUS = concept_map("0038", "OrderStatus")
ORDER_TYPE = concept_map("0482", "OrderType")

_FHIR = "http://hl7.org/fhir/StructureDefinition/"
COPIES_TO = "urn:ehrconnect:fhir:result-copies-to"
CALLBACK = _FHIR + "servicerequest-order-callback-phone-number"
STATUS_REASON = _FHIR + "request-statusReason"
SUPPORTING = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ServiceRequest.supportingInfo"
FASTING = "http://terminology.hl7.org/CodeSystem/v2-0916"
_FASTING_CODES = frozenset({"F", "FNA", "NF", "NG"})
TQ1_FIELDS = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14})
_INTENTS = {"G": "reflex-order"}
_TOGETHER = frozenset({"extension", "basedOn"})  # what ORC and OBR state together
_RESULTED = frozenset({"F", "C"})  # OBR-25: there is a final result

# Parts (PRT-4) that an order has a place of its own for; whoever has another is a performer.
ORDERING, COLLECTING, COPIED = "OP", "SC", "RCT"
_PLACED = frozenset({ORDERING, COLLECTING, COPIED})


def service_request(
    order: Order,
    numbers: Numbers,
    context: Context,
    subject: Subject,
    specimens: Sequence[Reference] = (),
    *,
    reasons: Sequence[Reference] = (),
) -> Reference | None:
    """ORC[ServiceRequest] and OBR[ServiceRequest]; None when the group has neither."""
    orc, obr = order.orc, order.detail if order.detail and order.detail.name == "OBR" else None
    if orc is None and obr is None:
        return None
    stands = stated_status(orc, obr, context)
    found = resource(
        "ServiceRequest",
        identifier=identifiers(orc, obr, numbers, context),
        status=stands or PLACED,
        intent=_INTENTS.get(obr.text(11).strip(), "order") if obr else "order",
        subject=subject.patient,
        encounter=subject.encounter,
        specimen=list(specimens),
        performer=[one.who for one in participants(order, context) if one.code not in _PLACED],
        reasonReference=list(reasons),
        **(_of_orc(orc, context) if orc is not None else {}),
    )
    found |= _of_tq(orc, obr, context)
    detail = _of_obr(obr, context) if obr is not None else {}
    for name, value in detail.items():
        if name in _TOGETHER and name in found:
            found[name] = [*found[name], *(one for one in value if one not in found[name])]
        else:
            found[name] = value
    parts = participants(order, context)
    if ordering := requester(orc, requested_by(orc, obr, context), context) or _part(parts, ORDERING):
        found["requester"] = ordering
    if copies := _copies(parts):
        found["extension"] = [*found.get("extension", []), *copies]
    if "code" not in found and found.pop("orderDetail", None) and obr is not None:
        context.warn(obr, 46, "details of a service that is not named (OBR-4) are left out")
    for tq1 in order.all("TQ1"):
        _add_timing(found, _of_tq1(tq1, context), tq1, context)
    if "occurrenceTiming" in found:
        found.pop("occurrenceDateTime", None)
    if comments := notes(order.notes, context):
        found["note"] = [*found.get("note", []), *comments]
    request = context.put(found, numbers.request, *numbers.key, keep=() if stands else ("status",))
    if orc is not None:
        event(order, context, request)
    return request


def stated_status(orc: Segment | None, obr: Segment | None, context: Context) -> str | None:
    """Where the order stands; what neither ORC-5 nor ORC-1 says, the result does.

    "unknown" where ORC-1 does not say it (XX, SC); None where nothing is said: such an order is PLACED if it
    is new, and else where it was.
    """
    resulted = obr is not None and obr.text(25).strip() in _RESULTED
    if orc is not None:
        if stated := context.code(STATUS, orc.text(5).strip(), orc, 5):
            return stated
        control = orc.text(1).strip()
        if control == "RE":
            return "completed" if resulted or obr is None or not obr.text(25) else "active"
        if stated := context.code(CONTROL, control, orc, 1):
            return stated
        if control:
            return "unknown"
    if resulted:
        return "completed"
    return PLACED if obr is not None and obr.text(25).strip() else None


def requested_by(orc: Segment | None, obr: Segment | None, context: Context) -> Reference | None:
    """The person who ordered: ORC-12, else OBR-16; ORC-24 is their address."""
    stated = ((segment, field) for segment, field in ((orc, 12), (obr, 16)) if segment and segment.raw(field))
    for segment, field in stated:
        if orc is not None:
            context.use(orc, _ADDRESS)
        contact = element(address=addresses(context, orc, 24)) if orc is not None else {}
        return practitioner_of(context, segment.first(field), segment, field, contact or None)
    return None


def requester(orc: Segment | None, person: Reference | None, context: Context) -> Reference | None:
    """Who ordered, for the facility of ORC-21 if it is stated."""
    if orc is None or not orc.raw(21):
        return person
    context.use(orc, FACILITY)
    more = element(address=addresses(context, orc, 22), telecom=telecoms(context, orc, 23))
    facility = organization(context, orc, 21, **more)
    return person if facility is None else role_in(context, person, None, facility)


def participants(order: Order, context: Context) -> list[role.Part]:
    """PRT and ROL: who else takes part in the order."""
    stated = (role.part(one, context) for one in order.others if one.name in role.FIELDS)
    return [one for one in stated if one and one.who]


def _part(parts: Sequence[role.Part], code: str) -> Reference | None:
    return next((one.who for one in parts if one.code == code), None)


def _copies(parts: Sequence[role.Part]) -> list[Element]:
    return [{"url": COPIES_TO, "valueReference": one.who} for one in parts if one.code == COPIED]


def _of_orc(orc: Segment, context: Context) -> Element:
    context.use(orc, FIELDS)
    place = codeable_concept(context, orc, 29, ORDER_TYPE)
    return element(
        meta=security(orc, context),
        basedOn=parents(orc.first(8), context),
        requisition=group_numbers(orc, context)[0],
        authoredOn=times.date_time(context, orc, 9),
        locationCode=[place] if place else [],
        extension=[
            *business_event(orc, context),
            *_callback(orc, 14, context),
            *_reason(orc, context),
        ],
    )


def _of_obr(obr: Segment, context: Context) -> Element:
    context.use(obr, OBR_FIELDS)
    return element(
        basedOn=[one for field in (29, 54) for one in parents(obr.first(field), context)],
        priority=priority(context, obr.text(5), obr, 5),
        code=codeable_concept(context, obr, 4),
        occurrenceDateTime=times.date_time(context, obr, 6),
        reasonCode=codeable_concepts(context, obr, 31),
        orderDetail=codeable_concepts(context, obr, 46) + codeable_concepts(context, obr, 47),
        extension=[
            *_callback(obr, 17, context),
            *({"url": COPIES_TO, "valueReference": person} for person in practitioners(context, obr, 28)),
            *(
                {"url": SUPPORTING, "extension": [{"url": "concept", "valueCodeableConcept": info}]}
                for info in codeable_concepts(context, obr, 13)
                if not is_fasting(info)
            ),
        ],
    )


def is_fasting(info: Element) -> bool:
    """Whether clinical information (OBR-13) is about fasting: it is of the specimen then."""
    first = info.get("coding", [{}])[0]
    return first.get("system") == FASTING and first.get("code") in _FASTING_CODES


def parents(eip: Value, context: Context) -> list[Element]:
    """The numbers of the order that this one is part of (ORC-8, OBR-29, OBR-54)."""
    numbers = (
        ei_identifier(context, eip.part(1), "PLAC", "placer"),
        ei_identifier(context, eip.part(2), "FILL", "filler"),
    )
    return [{"type": "ServiceRequest", "identifier": one} for one in numbers if one]


def _of_tq(orc: Segment | None, obr: Segment | None, context: Context) -> Element:
    """TQ[ServiceRequest] of ORC-7, else of OBR-27."""
    for segment, field in ((orc, 7), (obr, 27)):
        if segment is None or not (tq := segment.first(field)):
            continue
        text = tq.text(8).strip()
        return element(
            priority=priority(context, tq.text(6), segment, field),
            occurrenceTiming=timing_of_tq(context, tq, segment, field),
            quantityQuantity=quantity(context, tq.part(1)),
            note=[{"text": text}] if text else [],
        )
    return {}


def _of_tq1(tq1: Segment, context: Context) -> Element:
    """TQ1[ServiceRequest]: when, how much, how urgent."""
    context.use(tq1, TQ1_FIELDS)
    timing = timing_of_tq1(tq1, context)
    texts = [text for field in (11, 10) if (text := tq1.text(field).strip())]
    return element(
        priority=priority(context, tq1.text(9), tq1, 9),
        occurrenceTiming=timing,
        quantityQuantity=quantity(context, tq1.first(2)),
        note=[{"text": text} for text in texts],
    )


def _add_timing(found: Element, timing: Element, tq1: Segment, context: Context) -> None:
    """Add what a TQ1 says; it wins over ORC-7, and the first of several over the others."""
    again = tq1.text(1).strip() not in {"", "1"} and "occurrenceTiming" in found
    if again and "occurrenceTiming" in timing:
        context.warn(tq1, None, "FHIR has room for one timing of a service; the first is carried")
        timing = {"note": timing.get("note", [])}
    texts = [*found.get("note", []), *timing.pop("note", [])]
    found |= timing
    if texts:
        found["note"] = texts


def identifiers(
    orc: Segment | None, obr: Segment | None, numbers: Numbers, context: Context
) -> list[Element]:
    """The numbers of the order, other numbers that the placer has for it, the filler's of its group."""
    found = list(numbers.identifiers)
    alternates = cx_identifiers(context, orc, 33, "placer") if orc is not None else []
    if not alternates and obr is not None:
        alternates = cx_identifiers(context, obr, 53, "placer")
    for one in alternates:
        found.append({"type": concept(TYPE_SYSTEM, "PLAC")} | one)
    if group := group_numbers(orc, context)[1]:
        found.append(group)
    return found


def _callback(segment: Segment, field: int, context: Context) -> list[Element]:
    return [
        one
        for point in telecoms(context, segment, field)
        for one in extension(CALLBACK, valueContactPoint=point)
    ]


def _reason(orc: Segment, context: Context) -> list[Element]:
    reason = codeable_concept(context, orc, 16)
    return extension(STATUS_REASON, valueCodeableConcept=reason) if reason else []
