"""VXU: vaccinations given.

Source: v2-to-FHIR IG 1.0.0, VXU_V04.
"""

from dataclasses import replace

from libs.mapping.inbound.context import Context, Reference
from libs.mapping.inbound.messages.subject import allergies_and_coverage, subject
from libs.mapping.inbound.order_numbers import order_numbers
from libs.mapping.inbound.segments import loose, obr, obx, order_event, rxa
from libs.mapping.inbound.structure import Patient


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
        setting = obr.setting(order, number, context, about, request=None, specimens=[])
        obx.observations(order.results, replace(setting, part_of=given), context)
    return found or about.focus()
