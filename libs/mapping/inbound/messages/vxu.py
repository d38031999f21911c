"""VXU: vaccinations given.

Source: v2-to-FHIR IG 1.0.0, VXU_V04.
"""

from dataclasses import replace

from libs.mapping.inbound.context import Context, Reference, Subject
from libs.mapping.inbound.element import extension
from libs.mapping.inbound.messages.subject import allergies_and_coverage, subject
from libs.mapping.inbound.order_numbers import Numbers, order_numbers
from libs.mapping.inbound.segments import loose, obr, obx, orc, order_event, rxa
from libs.mapping.inbound.structure import Order, Patient

BASED_ON = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Immunization.basedOn"


def vxu(group: Patient, context: Context) -> list[Reference]:
    """The patient and every vaccination; returns what the message is about."""
    about = subject(group, context)
    allergies_and_coverage(group, context, about)
    loose.observations(group.results, context, about)
    numbers = order_numbers(group.orders, context, about.key)
    found = []
    for order, number in zip(group.orders, numbers, strict=True):
        given = rxa.immunization(order, number, context, about)
        if given is not None:
            found.append(given)
            order_event.event(order, context, given)
            _ordered(order, number, given, context, about)
        setting = obr.setting(order, number, context, about, request=None, specimens=[])
        obx.observations(order.results, replace(setting, part_of=given), context)
    return found or about.focus()


def _ordered(order: Order, number: Numbers, given: Reference, context: Context, about: Subject) -> None:
    """ORC[ServiceRequest] where the placer's number (ORC-2) tells that there was an order."""
    if order.orc is None or number.placer is None:
        return
    request = orc.service_request(order, number, context, about)
    if request is None:
        return
    immunization = context.stated(given)
    if not order.orc.raw(5) and immunization["status"] != "completed":
        context.stated(request)["status"] = "unknown"  # RE reports a dose, here that none was given
    context.describe(request, code=immunization["vaccineCode"])
    context.describe(given, extension=extension(BASED_ON, valueReference=request))
