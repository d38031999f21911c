"""ORU: results, as reports with their observations, orders and specimens.

Source: v2-to-FHIR IG 1.0.0, ORU_R01.
"""

from dataclasses import replace

from libs.mapping.inbound.context import Context, Reference, Subject
from libs.mapping.inbound.messages.subject import allergies_and_coverage, subject
from libs.mapping.inbound.order_numbers import Numbers, order_numbers
from libs.mapping.inbound.parents import link_children
from libs.mapping.inbound.segments import ctd, ft1, loose, obr, obx, orc, sac, spm, txa
from libs.mapping.inbound.structure import Order, Patient, Result, own_results

_INFORMATION = frozenset({"QST", "SCI"})  # OBX-29: answers and clinical information, given with the order


def oru(group: Patient, context: Context) -> list[Reference]:
    """The patient and every report; returns what the message is about."""
    about = subject(group, context)
    allergies_and_coverage(group, context, about)
    loose.observations(group.results, context, about)
    return write_reports(group, context, about) or about.focus()


def write_reports(group: Patient, context: Context, about: Subject) -> list[Reference]:
    """Write every order of the group as the report of its results, with its documents."""
    numbers = order_numbers(group.orders, context, about.key)
    written: dict[int, Reference] = {}
    reports = [
        reference
        for order, number in zip(group.orders, numbers, strict=True)
        for reference in _report(order, number, about, context, written)
    ]
    link_children(group.orders, numbers, written, context)
    return reports


def _report(
    order: Order, numbers: Numbers, about: Subject, context: Context, written: dict[int, Reference]
) -> list[Reference]:
    """One ORDER_OBSERVATION group: its report, when it has an OBR, and its documents (TXA).

    Adds the Observation of each OBX to `written`.
    """
    for one in order.all("FT1"):
        ft1.charge_item(one, context, about, None)
    for one in order.all("CTD"):
        ctd.contact(one, context, about.patient)
    specimens = spm.specimens(order, numbers, context, about.patient)
    request = orc.service_request(order, numbers, context, about, specimens)
    setting = obr.setting(order, numbers, context, about, request=request, specimens=specimens)
    own, of_specimens = own_results(order)
    observed = obx.observations(own, setting, context)
    written |= observed.by_position
    sac.containers(order, specimens, context)
    by_specimen: dict[int, list[Result]] = {one.position: [] for one in order.specimens}
    for result in of_specimens:
        if result.specimen is not None:
            by_specimen[result.specimen.position].append(result)
    for results, specimen in zip(by_specimen.values(), specimens, strict=False):
        obx.observations(results, obx.about_specimen(setting, specimen), context)
    answers = [
        observed.by_position[one.obx.position] for one in own if one.obx.text(29).strip() in _INFORMATION
    ]
    if request is not None and answers:
        given = {one["reference"]: one for one in answers}
        context.describe(request, supportingInfo=list(given.values()))
        rest = [one for one in observed.references if one["reference"] not in given]
        observed = replace(observed, references=rest)
    report = obr.diagnostic_report(
        order, numbers, context, about, request=request, specimens=specimens, observed=observed
    )
    attached = [one for one in own if one.obx.text(2).strip() in txa.ATTACHED]
    documents = [
        txa.document(one, attached, context, about, [request] if request else []) for one in order.all("TXA")
    ]
    return [*([report] if report else []), *documents]
