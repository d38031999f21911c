"""RXA, RXR and ORC -> MedicationAdministration.

Source: v2-to-FHIR IG 1.0.0, ORC[MedicationAdministration]; RXA as in RXA[Immunization], of which it is the
general case.
"""

from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference, Subject
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import codeable_concepts
from libs.mapping.inbound.datatypes.identifiers import ei_identifier
from libs.mapping.inbound.datatypes.numbers import decimal, units
from libs.mapping.inbound.element import Element, absent, element, extension, resource
from libs.mapping.inbound.order_numbers import Numbers
from libs.mapping.inbound.segments import rxa
from libs.mapping.inbound.segments.dosage import rate_per, route
from libs.mapping.inbound.segments.medication import medication
from libs.mapping.inbound.segments.nte import notes
from libs.mapping.inbound.segments.order_event import business_event, group_numbers, security
from libs.mapping.inbound.segments.role import EVENT_LOCATION
from libs.mapping.inbound.structure import Order

FIELDS = frozenset({1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 18, 19, 20, 21, 27, 28, 29})


def administration(
    order: Order, numbers: Numbers, context: Context, subject: Subject, request: Reference | None
) -> Reference | None:
    """RXA as a MedicationAdministration (RAS); None when the group has none."""
    given = next((one for one in (order.detail, *order.others) if one and one.name == "RXA"), None)
    if given is None:
        return None
    context.use(given, FIELDS)
    place = rxa.place(given, context)
    tag = ei_identifier(context, given.first(29), purpose="administration-tag")
    groups = group_numbers(order.orc, context)
    found = resource(
        "MedicationAdministration",
        meta=security(order.orc, context) if order.orc is not None else {},
        extension=[
            *(business_event(order.orc, context) if order.orc is not None else []),
            *(extension(EVENT_LOCATION, valueReference=place) if place else []),
        ],
        identifier=[*numbers.identifiers, *(one for one in (*groups, tag) if one)],
        request=request,
        status=rxa.status(given, context),
        statusReason=codeable_concepts(context, given, 18),
        **medication(given, order.all("RXC"), (*numbers.key, given.text(2), given.text(3)), context),
        subject=subject.patient,
        context=subject.encounter,
        **_when(given, context),
        performer=rxa.performers(order, given, context),
        reasonCode=codeable_concepts(context, given, 19),
        note=[*notes(order.notes, context), *_notes(given)],
        dosage=_dosage(order, given, context),
    )
    if "effectiveDateTime" not in found and "effectivePeriod" not in found:
        found["_effectiveDateTime"] = absent("unknown")
    if order.orc is not None:
        context.use(order.orc, rxa.ORC_FIELDS)
    return context.put(found, None, *numbers.key, given.text(2), given.text(3), given.text(5))


def _when(given: Segment, context: Context) -> Element:
    lasted = times.between(context, given, 3, 4)
    if "end" in lasted:
        return {"effectivePeriod": lasted}
    return element(effectiveDateTime=lasted.get("start"))


def _dosage(order: Order, given: Segment, context: Context) -> Element:
    """RXA-6, RXA-7 and the time that it was given in (RXA-12), which makes it a rate; RXR."""
    amount, per = decimal(given.text(6)), given.text(12).strip()
    dose = {"value": amount} | units(context, given, 7) if amount not in (None, rxa.UNKNOWN_AMOUNT) else None
    rate = rate_per(dose, per) if per else {}
    return element(**route(order, context), dose=dose, **rate)


def _notes(given: Segment) -> list[Element]:
    """RXA-9: what was noted at the administration."""
    return [
        {"text": text} for value in given.repetitions(9) if (text := (value.text(2) or value.text(1)).strip())
    ]
