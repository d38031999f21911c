"""RQD and RQ1 -> SupplyRequest; ODS and ODT -> NutritionOrder.

Source: v2-to-FHIR IG 1.0.0, ORM_O01 (targets SupplyRequest); HL7 v2.5.1 chapter 4, 4.7 and 4.11.
"""

from decimal import Decimal

from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference, Subject
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import codeable_concept, codeable_concepts
from libs.mapping.inbound.datatypes.locations import named_location
from libs.mapping.inbound.datatypes.numbers import decimal, units
from libs.mapping.inbound.datatypes.organizations import organization_of_cwe
from libs.mapping.inbound.element import DATA_ABSENT, Element, absent, element, resource
from libs.mapping.inbound.order_numbers import Numbers
from libs.mapping.inbound.segments import orc
from libs.mapping.inbound.segments.nte import notes
from libs.mapping.inbound.segments.order_event import business_event, security
from libs.mapping.inbound.structure import Order

ORC_FIELDS = frozenset({1, 2, 3, 5, 9, 12, 21, 22, 23, 24, 28})
RQD_FIELDS = frozenset({1, 2, 3, 4, 5, 6, 9, 10})
RQ1_FIELDS = frozenset({2, 3, 4, 5, 7})
ODS_FIELDS = frozenset({1, 3, 4})
ODT_FIELDS = frozenset({1, 3})
_SUPPLY_STATUS = {"revoked": "cancelled", "on-hold": "suspended"}  # where the codes of a request differ


def supply_request(order: Order, numbers: Numbers, context: Context, subject: Subject) -> Reference:
    """RQD as a SupplyRequest, with what RQ1 says of who makes and who sells it."""
    stated = [one for one in (order.detail, *order.others) if one is not None]
    rqd = next((one for one in stated if one.name == "RQD"), None)
    rq1 = next((one for one in stated if one.name == "RQ1"), None)
    stands = orc.stated_status(order.orc, None, context)
    status = stands or orc.PLACED
    item = _item(rqd, rq1, context)
    vendor = organization_of_cwe(context, rq1.first(4)) if rq1 is not None and rq1.first(4) else None
    found = resource(
        "SupplyRequest",
        **_of_orc(order, context),
        identifier=numbers.identifiers,
        status=_SUPPLY_STATUS.get(status, status),
        itemCodeableConcept=item or {"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]},
        parameter=_parameters(rq1, context) if rq1 is not None else [],
        authoredOn=times.date_time(context, order.orc, 9) if order.orc is not None else None,
        requester=orc.requester(order.orc, orc.requested_by(order.orc, None, context), context),
        supplier=[vendor] if vendor else [],
        quantity={"value": Decimal(1)},
        deliverTo=subject.patient,
    )
    if rqd is not None:
        found |= _required(rqd, context)
    return context.put(found, numbers.request, *numbers.key, keep=() if stands else ("status",))


def _of_orc(order: Order, context: Context) -> Element:
    """What an ORC says of any order, but for the numbers and who asked."""
    if order.orc is None:
        return {}
    context.use(order.orc, ORC_FIELDS)
    return element(meta=security(order.orc, context), extension=business_event(order.orc, context))


def _required(rqd: Segment, context: Context) -> Element:
    """RQD: how much is wanted, when and where."""
    context.use(rqd, RQD_FIELDS)
    amount = decimal(rqd.text(5))
    code, name = rqd.text(9).strip(), rqd.text(9, 2).strip()
    return element(
        quantity={"value": amount if amount is not None else Decimal(1)} | units(context, rqd, 6),
        occurrenceDateTime=times.date_time(context, rqd, 10),
        deliverTo=named_location(context, code or name, "supply", name) if code or name else None,
    )


def _parameters(rq1: Segment, context: Context) -> list[Element]:
    """RQ1-2 and RQ1-7: who makes it, and whether another will do."""
    context.use(rq1, RQ1_FIELDS)
    maker = codeable_concept(context, rq1, 2)
    other = rq1.text(7).strip().upper()
    found: list[Element] = []
    if maker:
        found.append({"code": {"text": "manufacturer"}, "valueCodeableConcept": maker})
    if other in {"Y", "N"}:
        found.append({"code": {"text": "substitute allowed"}, "valueBoolean": other == "Y"})
    return found


def _item(rqd: Segment | None, rq1: Segment | None, context: Context) -> Element | None:
    """RQD-4, RQD-3, RQD-2: the hospital's, the supplier's and the department's code of one item.

    Then the manufacturer's and the vendor's catalogue numbers (RQ1-3, RQ1-5).
    """
    fields = (4, 3, 2) if rqd is not None else ()
    stated = [code for field in fields if rqd and (code := codeable_concept(context, rqd, field))]
    codings = [one for code in stated for one in code.get("coding", ())]
    for field, whose in ((3, "manufacturer"), (5, "vendor")):
        if rq1 is not None and (number := rq1.text(field).strip()):
            codings.append({"system": context.local("catalog", whose), "code": number})
    text = next((code["text"] for code in stated if "text" in code), None)
    return element(coding=codings, text=text) or None


def nutrition_order(order: Order, numbers: Numbers, context: Context, subject: Subject) -> Reference:
    """ODS as a NutritionOrder: diet (D), supplement (S) or preference (P); ODT as the diet of a tray."""
    ods = _detail(order)
    is_tray = ods.name == "ODT"
    context.use(ods, ODT_FIELDS if is_tray else ODS_FIELDS)
    ordered = times.date_time(context, order.orc, 9) if order.orc is not None else None
    diet = codeable_concepts(context, ods, 1 if is_tray else 3)
    text = "\n".join(value.text(1) for value in ods.repetitions(3 if is_tray else 4)).strip()
    what: Element = (
        {"supplement": [element(type=diet[0] if diet else None, instruction=text)]}
        if ods.text(1).strip() == "S" and not is_tray
        else {"oralDiet": element(type=diet, instruction=text)}
    )
    stands = orc.stated_status(order.orc, None, context)
    found = resource(
        "NutritionOrder",
        **_of_orc(order, context),
        identifier=numbers.identifiers,
        status=stands or orc.PLACED,
        intent="order",
        patient=subject.patient,
        encounter=subject.encounter,
        dateTime=ordered,
        orderer=orc.requester(order.orc, orc.requested_by(order.orc, None, context), context),
        note=notes(order.notes, context),
        **what,
    )
    if ordered is None:
        found["_dateTime"] = absent("unknown")
    return context.put(found, numbers.request, *numbers.key, keep=() if stands else ("status",))


def _detail(order: Order) -> Segment:
    if order.detail is None:
        raise ValueError("an order without its detail segment")
    return order.detail
