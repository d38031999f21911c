"""RQD and RQ1 -> SupplyRequest; ODS and ODT -> NutritionOrder.

Source: v2-to-FHIR IG 1.0.0, ORM_O01 (targets SupplyRequest); HL7 v2.5.1 chapter 4, 4.7 and 4.11.
"""

from decimal import Decimal

from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference, Subject
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import codeable_concept, codeable_concepts
from libs.mapping.inbound.datatypes.numbers import decimal, units
from libs.mapping.inbound.element import DATA_ABSENT, Element, absent, element, resource
from libs.mapping.inbound.order_numbers import Numbers
from libs.mapping.inbound.segments import orc
from libs.mapping.inbound.structure import Order

RQD_FIELDS = frozenset({1, 2, 3, 4, 5, 6, 10})
ODS_FIELDS = frozenset({1, 3, 4})
_SUPPLY_STATUS = {"revoked": "cancelled", "on-hold": "suspended"}  # where the codes of a request differ


def supply_request(order: Order, numbers: Numbers, context: Context, subject: Subject) -> Reference:
    """RQD as a SupplyRequest."""
    rqd = _detail(order)
    context.use(rqd, RQD_FIELDS)
    stated = orc.status(order.orc, None, context)
    amount = decimal(rqd.text(5))
    item = _item(rqd, context)
    found = resource(
        "SupplyRequest",
        identifier=numbers.identifiers,
        status=_SUPPLY_STATUS.get(stated, stated),
        itemCodeableConcept=item or {"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]},
        quantity={"value": amount if amount is not None else Decimal(1)} | units(context, rqd, 6),
        occurrenceDateTime=times.date_time(context, rqd, 10),
        authoredOn=times.date_time(context, order.orc, 9) if order.orc is not None else None,
        requester=orc.requester(order.orc, orc.requested_by(order.orc, None, context), context),
        deliverTo=subject.patient,
    )
    return context.put(found, numbers.request, *numbers.key)


def _item(rqd: Segment, context: Context) -> Element | None:
    """RQD-4, RQD-3, RQD-2: the hospital's, the supplier's and the department's code of one item."""
    stated = [code for field in (4, 3, 2) if (code := codeable_concept(context, rqd, field))]
    if not stated:
        return None
    codings = [one for code in stated for one in code.get("coding", ())]
    text = next((code["text"] for code in stated if "text" in code), None)
    return element(coding=codings, text=text)


def nutrition_order(order: Order, numbers: Numbers, context: Context, subject: Subject) -> Reference:
    """ODS as a NutritionOrder: diet (D), supplement (S) or preference (P)."""
    ods = _detail(order)
    context.use(ods, ODS_FIELDS)
    ordered = times.date_time(context, order.orc, 9) if order.orc is not None else None
    diet, text = codeable_concepts(context, ods, 3), ods.text(4).strip()
    what: Element = (
        {"supplement": [element(type=diet[0] if diet else None, instruction=text)]}
        if ods.text(1).strip() == "S"
        else {"oralDiet": element(type=diet, instruction=text)}
    )
    found = resource(
        "NutritionOrder",
        identifier=numbers.identifiers,
        status=orc.status(order.orc, None, context),
        intent="order",
        patient=subject.patient,
        encounter=subject.encounter,
        dateTime=ordered,
        orderer=orc.requester(order.orc, orc.requested_by(order.orc, None, context), context),
        **what,
    )
    if ordered is None:
        found["_dateTime"] = absent("unknown")
    return context.put(found, numbers.request, *numbers.key)


def _detail(order: Order) -> Segment:
    if order.detail is None:
        raise ValueError("an order without its detail segment")
    return order.detail
