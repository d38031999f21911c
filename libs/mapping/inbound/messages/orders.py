"""Orders: ORM, OML, OMG, OMP, OMS, OMN, OMD, OMI, OMB, RDE, RDS, RGV, RAS and the answers to them.

Source: v2-to-FHIR IG 1.0.0, ORM_O01, OML_O21, and RXO, RXE, RXR, TQ1 maps; what an order's detail segment
is decides what it becomes, whatever the message is called.
"""

from libs.mapping.inbound.context import Context, Reference, Subject
from libs.mapping.inbound.messages.subject import allergies_and_coverage, subject
from libs.mapping.inbound.order_numbers import Numbers, order_numbers
from libs.mapping.inbound.segments import (
    administration,
    attached,
    ctd,
    dg1,
    ft1,
    loose,
    obr,
    obx,
    orc,
    order_event,
    rx,
    rxd,
    sac,
    spm,
    supply,
    txa,
)
from libs.mapping.inbound.structure import Order, Patient


def orders(group: Patient, context: Context) -> list[Reference]:
    """The patient and every order; returns what the message is about."""
    about = subject(group, context)
    allergies_and_coverage(group, context, about)
    loose.observations(group.results, context, about)
    return write_orders(group, context, about) or about.focus()


def write_orders(group: Patient, context: Context, about: Subject) -> list[Reference]:
    """Write every order of the group."""
    numbers = order_numbers(group.orders, context, about.key)
    for order in group.orders:
        for one in order.all("FT1"):
            ft1.charge_item(one, context, about, None)
    return [
        reference
        for order, number in zip(group.orders, numbers, strict=True)
        if (reference := _order(order, number, about, context))
    ]


def _order(order: Order, numbers: Numbers, about: Subject, context: Context) -> Reference | None:
    collected = context.is_laboratory and order.detail is not None and bool(order.detail.raw(7))
    taken = collected or has_specimen(order)
    specimens = spm.specimens(order, numbers, context, about.patient) if taken else []
    request = _request(order, numbers, about, context, specimens)
    if request is not None and order.detail is not None and order.detail.name != "OBR":
        _event(order, context, request)  # a ServiceRequest has its own already
    setting = obr.setting(order, numbers, context, about, request=None, specimens=specimens)
    observed = obx.observations(order.results, setting, context)
    if request is not None:
        _results(order, numbers, about, context, request, specimens=specimens, observed=observed)
    sac.containers(order, specimens, context)
    for one in order.all("CTD"):
        ctd.contact(one, context, about.patient)
    for one in order.all("BLG"):
        ctd.account(one, context, about.patient)
    return request


def _event(order: Order, context: Context, request: Reference) -> None:
    named = "requester" in context.stated(request) or "orderer" in context.stated(request)
    order_event.event(order, context, request, ordered_by=named)


def _request(
    order: Order, numbers: Numbers, about: Subject, context: Context, specimens: list[Reference]
) -> Reference | None:
    """What the detail segment of the order is a request for."""
    detail = order.detail.name if order.detail is not None else ""
    if detail in {"RXO", "RXE"}:
        request = rx.medication_request(order, numbers, context, about)
        handed_out = rxd.dispense(order, numbers, context, about, request)
        return administration.administration(order, numbers, context, about, request) or handed_out or request
    if detail in {"RXD", "RXG"}:
        return rxd.dispense(order, numbers, context, about, None)
    if detail == "RXA":
        return administration.administration(order, numbers, context, about, None)
    if detail in {"ODS", "ODT"}:
        _reasons(order, about, context)
        return supply.nutrition_order(order, numbers, context, about)
    if detail in {"RQD", "RQ1"}:
        _reasons(order, about, context)
        return supply.supply_request(order, numbers, context, about)
    reasons = _reasons(order, about, context)
    return orc.service_request(order, numbers, context, about, specimens, reasons=reasons)


def _results(
    order: Order,
    numbers: Numbers,
    about: Subject,
    context: Context,
    request: Reference,
    *,
    specimens: list[Reference],
    observed: obx.Observed,
) -> None:
    """What an order message says of results: a report if OBR-25 gives it a status, else information."""
    is_service = order.detail is None or order.detail.name == "OBR"
    if order.detail is not None and is_service and order.detail.raw(25):
        obr.diagnostic_report(
            order, numbers, context, about, request=request, specimens=specimens, observed=observed
        )
    else:
        documented = order.first("TXA") is not None
        forms = [] if documented else attached.reports(order.results, observed, context)
        if is_service and observed.references:
            context.describe(request, supportingInfo=[*observed.references, *forms])
    for one in order.all("TXA"):
        content = [result for result in order.results if result.obx.text(2).strip() in txa.ATTACHED]
        txa.document(one, content, context, about, [request])


def has_specimen(order: Order) -> bool:
    """Whether the order states a specimen: one taken, not one to be taken."""
    detail = order.detail
    if order.specimens or detail is None or detail.name != "OBR":
        return bool(order.specimens)
    return any(detail.first(field) for field in (9, 14, 15, 39))


def _reasons(order: Order, about: Subject, context: Context) -> list[Reference]:
    found = (dg1.condition(one, context, about.patient, about.encounter) for one in order.all("DG1"))
    return [reference for reference in found if reference]
