"""ORC and OBR -> ServiceRequest.

Source: v2-to-FHIR IG 1.0.0, ORC[ServiceRequest], OBR[ServiceRequest]. Where both state the same, ORC wins:
the guide takes neither. The status: ORC-5, else ORC-1.
"""

from collections.abc import Sequence

from libs.hl7v2.message import Segment, Value
from libs.mapping.inbound.context import Context, Reference, Subject
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import code_text, codeable_concept, codeable_concepts
from libs.mapping.inbound.datatypes.contacts import addresses, telecoms
from libs.mapping.inbound.datatypes.identifiers import TYPE_SYSTEM, cx_identifiers, ei_identifier
from libs.mapping.inbound.datatypes.numbers import quantity
from libs.mapping.inbound.datatypes.organizations import organization, organization_of
from libs.mapping.inbound.datatypes.practitioners import practitioner_of, practitioners
from libs.mapping.inbound.datatypes.practitioners import role as role_in
from libs.mapping.inbound.datatypes.timing import priority, timing_of_tq1
from libs.mapping.inbound.element import Element, absent, coding, concept, element, extension, resource
from libs.mapping.inbound.order_numbers import Numbers
from libs.mapping.inbound.segments import role
from libs.mapping.inbound.segments.nte import notes
from libs.mapping.inbound.structure import Order
from libs.terminology.concept_map import concept_map

FIELDS = frozenset({1, 2, 3, 4, 5, 7, 8, 9, 12, 14, 16, 21, 22, 23, 24, 28, 29, 33, 38})
OBR_FIELDS = frozenset({1, 2, 3, 4, 5, 6, 11, 13, 16, 17, 27, 28, 29, 31, 46, 47, 53})

CONTROL = concept_map("0119", "OrderControlCode[ServiceRequest.status]")
STATUS = concept_map("0038", "OrderStatus")
ORDER_TYPE = concept_map("0482", "OrderType")
CONFIDENTIALITY = concept_map("0177", "ConfidentialityCode")

_FHIR = "http://hl7.org/fhir/StructureDefinition/"
COPIES_TO = "urn:ehrconnect:fhir:result-copies-to"
CALLBACK = _FHIR + "servicerequest-order-callback-phone-number"
STATUS_REASON = _FHIR + "request-statusReason"
BUSINESS_EVENT = _FHIR + "businessEvent"
SUPPORTING = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ServiceRequest.supportingInfo"
ORDER_CONTROL = "http://terminology.hl7.org/CodeSystem/v2-0119"
TQ1_FIELDS = frozenset({1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 13, 14})
PROVENANCE_FIELDS = frozenset({10, 11, 19})
PARTICIPANT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
DATA_OPERATION = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
_AGENTS = ((10, "enterer"), (11, "verifier"), (12, "author"), (19, "performer"))
_OPERATIONS = {"NW": "CREATE", "SC": "UPDATE", "OC": "CANCEL", "CA": "CANCEL"}
_INTENTS = {"G": "reflex-order"}
_TOGETHER = frozenset({"extension", "basedOn"})  # what ORC and OBR state together
_RESULTED = frozenset({"F", "C"})  # OBR-25: there is a final result


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
    found = resource(
        "ServiceRequest",
        identifier=_identifiers(orc, obr, numbers, context),
        status=status(orc, obr, context),
        intent=_INTENTS.get(obr.text(11).strip(), "order") if obr else "order",
        subject=subject.patient,
        encounter=subject.encounter,
        specimen=list(specimens),
        performer=_performers(order, context),
        reasonReference=list(reasons),
        **(_of_orc(orc, context) if orc is not None else {}),
    )
    detail = _of_obr(obr, context) if obr is not None else {}
    for name, value in detail.items():
        if name in _TOGETHER and name in found:
            found[name] = [*found[name], *(one for one in value if one not in found[name])]
        else:
            found[name] = value
    if ordering := requester(orc, requested_by(orc, obr, context), context):
        found["requester"] = ordering
    if "code" not in found and found.pop("orderDetail", None) and obr is not None:
        context.warn(obr, 46, "details of a service that is not named (OBR-4) are left out")
    for tq1 in order.all("TQ1"):
        found |= _of_tq1(tq1, context)
        if "occurrenceTiming" in found:
            found.pop("occurrenceDateTime", None)
    if comments := notes(order.notes, context):
        found["note"] = [*found.get("note", []), *comments]
    request = context.put(found, numbers.request, *numbers.key)
    if orc is not None:
        event(order, context, request)
    return request


def status(orc: Segment | None, obr: Segment | None, context: Context) -> str:
    """Where the order stands; what neither ORC-5 nor ORC-1 says, the result does."""
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
    return "completed" if resulted else "active"


def requested_by(orc: Segment | None, obr: Segment | None, context: Context) -> Reference | None:
    """The person who ordered: ORC-12, else OBR-16."""
    if orc is not None and orc.raw(12):
        contact = element(address=addresses(context, orc, 24))
        return practitioner_of(context, orc.first(12), orc, 12, contact or None)
    return practitioner_of(context, obr.first(16), obr, 16) if obr is not None and obr.raw(16) else None


def requester(orc: Segment | None, person: Reference | None, context: Context) -> Reference | None:
    """Who ordered, for the facility of ORC-21 if it is stated."""
    if orc is None or not orc.raw(21):
        return person
    more = element(address=addresses(context, orc, 22), telecom=telecoms(context, orc, 23))
    facility = organization(context, orc, 21, **more)
    return person if facility is None else role_in(context, person, None, facility)


def _of_orc(orc: Segment, context: Context) -> Element:
    context.use(orc, FIELDS)
    ordered = times.date_time(context, orc, 9)
    control = code_text(orc, 1)
    place = codeable_concept(context, orc, 29, ORDER_TYPE)
    return element(
        meta=_security(orc, context),
        basedOn=_parents(orc.first(8), context),
        requisition=ei_identifier(context, orc.first(4), "PGN", "placer-group"),
        authoredOn=ordered,
        locationCode=[place] if place else [],
        extension=[
            *_business_event(control, ordered),
            *_callback(orc, 14, context),
            *_reason(orc, context),
        ],
    )


def _of_obr(obr: Segment, context: Context) -> Element:
    context.use(obr, OBR_FIELDS)
    return element(
        basedOn=_parents(obr.first(29), context),
        priority=_priority(obr, context),
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
            ),
        ],
    )


def _parents(eip: Value, context: Context) -> list[Element]:
    """The numbers of the order that this one is part of (ORC-8, OBR-29)."""
    numbers = (
        ei_identifier(context, eip.part(1), "PLAC", "placer"),
        ei_identifier(context, eip.part(2), "FILL", "filler"),
    )
    return [{"type": "ServiceRequest", "identifier": one} for one in numbers if one]


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


def _performers(order: Order, context: Context) -> list[Reference]:
    """PRT[PractitionerRole] and ROL: who else takes part in the order."""
    stated = (role.part(one, context) for one in order.others if one.name in role.FIELDS)
    return [one.who for one in stated if one and one.who]


def event(order: Order, context: Context, target: Reference) -> None:
    """ORC[Provenance]: who entered, verified and did what the ORC states, when it names somebody.

    Also those who ordered, where more are named than a requester has room for (ORC-21 again, OBR-16).
    """
    orc = order.orc
    if orc is None:
        return
    others = _more_authors(orc, order.detail, context)
    if not others and not any(orc.raw(field) for field in PROVENANCE_FIELDS):
        return
    agents = [
        {"type": concept(PARTICIPANT, kind), "who": person}
        for field, kind in _AGENTS
        for person in practitioners(context, orc, field)
    ]
    agents += [{"type": concept(PARTICIPANT, "author"), "who": one} for one in others]
    if not agents:
        return
    context.use(orc, PROVENANCE_FIELDS)
    control = code_text(orc, 1)
    recorded = times.instant(context, orc, 9)
    found = resource(
        "Provenance",
        target=[target],
        occurredDateTime=times.date_time(context, orc, 9),
        recorded=recorded,
        activity=concept(DATA_OPERATION, _OPERATIONS[control]) if control in _OPERATIONS else None,
        agent=agents,
    )
    if recorded is None:
        found["_recorded"] = absent("unknown")
    context.put(found, None, target["reference"], control, orc.text(9), context.control_id, merge=False)


def _more_authors(orc: Segment, detail: Segment | None, context: Context) -> list[Reference]:
    """The facilities of ORC-21 after the first, and the people of OBR-16 if they are not those of ORC-12."""
    more = [organization_of(context, xon, orc, 21) for xon in orc.repetitions(21)[1:]]
    if detail is not None and detail.name == "OBR" and orc.raw(12) and detail.raw(16):
        known = {_who(xcn) for xcn in orc.repetitions(12)}
        more += [
            practitioner_of(context, xcn, detail, 16)
            for xcn in detail.repetitions(16)
            if _who(xcn) not in known
        ]
    return [one for one in more if one]


def _who(xcn: Value) -> tuple[str, str]:
    return xcn.text(1).strip(), xcn.text(2).strip().casefold()


def _identifiers(
    orc: Segment | None, obr: Segment | None, numbers: Numbers, context: Context
) -> list[Element]:
    found = list(numbers.identifiers)
    alternates = cx_identifiers(context, orc, 33, "placer") if orc is not None else []
    if not alternates and obr is not None:
        alternates = cx_identifiers(context, obr, 53, "placer")
    for one in alternates:
        found.append({"type": concept(TYPE_SYSTEM, "PLAC")} | one)
    if orc is not None and (group := ei_identifier(context, orc.first(38), "FGN", "filler-group")):
        found.append(group)
    return found


def _priority(obr: Segment, context: Context) -> str | None:
    """OBR-5, else the priority of OBR-27 (TQ.6)."""
    for field, component in ((5, 1), (27, 6)):
        if code := obr.text(field, component).strip():
            return priority(context, code, obr, field)
    return None


def _business_event(control: str, ordered: str | None) -> list[Element]:
    if not control:
        return []
    parts = [{"url": "value", "valueCodeableConcept": concept(ORDER_CONTROL, control)}]
    if ordered:
        parts.append({"url": "date", "valueDateTime": ordered})
    return [{"url": BUSINESS_EVENT, "extension": parts}]


def _callback(segment: Segment, field: int, context: Context) -> list[Element]:
    return [
        one
        for point in telecoms(context, segment, field)
        for one in extension(CALLBACK, valueContactPoint=point)
    ]


def _reason(orc: Segment, context: Context) -> list[Element]:
    reason = codeable_concept(context, orc, 16)
    return extension(STATUS_REASON, valueCodeableConcept=reason) if reason else []


def _security(orc: Segment, context: Context) -> Element:
    target = context.target(CONFIDENTIALITY, code_text(orc, 28), orc, 28)
    return {"security": [coding(target.system, target.code, target.display or None)]} if target else {}
