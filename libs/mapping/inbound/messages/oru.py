"""ORU: results, as reports with their observations, orders and specimens.

Source: v2-to-FHIR IG 1.0.0, ORU_R01.
"""

from libs.mapping.inbound.context import Context, Reference, Subject
from libs.mapping.inbound.messages.subject import allergies_and_coverage, subject
from libs.mapping.inbound.order_numbers import Numbers, order_numbers
from libs.mapping.inbound.segments import obr, obx, orc, spm
from libs.mapping.inbound.structure import Order, Patient, own_results


def oru(group: Patient, context: Context) -> list[Reference]:
    """The patient and every report; returns what the message is about."""
    about = subject(group, context)
    allergies_and_coverage(group, context, about)
    obx.loose_observations(group.results, context, about)
    numbers = order_numbers(group.orders, context, about.key)
    reports = [
        report
        for order, number in zip(group.orders, numbers, strict=True)
        if (report := _report(order, number, about, context))
    ]
    return reports or about.focus()


def _report(order: Order, numbers: Numbers, about: Subject, context: Context) -> Reference | None:
    """One ORDER_OBSERVATION group; None when it has no OBR."""
    specimens = spm.specimens(order, numbers, context, about.patient)
    request = orc.service_request(order, numbers, context, about, specimens)
    setting = obr.setting(order, numbers, context, about, request=request, specimens=specimens)
    own, of_specimens = own_results(order)
    observed = obx.observations(own, setting, context)
    by_segment = dict(zip((one.position for one in order.specimens), specimens, strict=False))
    for one in of_specimens:
        specimen = by_segment.get(one.specimen.position) if one.specimen else None
        obx.observations([one], obx.about_specimen(setting, specimen), context)
    return obr.diagnostic_report(
        order, numbers, context, about, request=request, specimens=specimens, observed=observed
    )
