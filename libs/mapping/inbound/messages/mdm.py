"""MDM: documents.

Source: v2-to-FHIR IG 1.0.0, MDM_T02 (and T01 without content; T05 to T11 by the same map).
"""

from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference
from libs.mapping.inbound.messages.orders import has_specimen
from libs.mapping.inbound.messages.subject import allergies_and_coverage, subject
from libs.mapping.inbound.order_numbers import order_numbers
from libs.mapping.inbound.segments import loose, obr, obx, orc, spm, txa
from libs.mapping.inbound.structure import Order, Patient, Result


def mdm(group: Patient, context: Context) -> list[Reference]:
    """The patient, the orders that the document is about, and the document; returns the document."""
    about = subject(group, context)
    allergies_and_coverage(group, context, about)
    numbers = order_numbers(group.orders, context, about.key)
    requests = []
    for order, number in zip(group.orders, numbers, strict=True):
        specimens = spm.specimens(order, number, context, about.patient) if has_specimen(order) else []
        if request := orc.service_request(order, number, context, about, specimens):
            requests.append(request)
    documents = _documents(group)
    for results in (group.results, *(order.results for order in group.orders)):
        other = [one for one in results if one.obx.text(2).strip() not in txa.ATTACHED]
        loose.observations(other, context, about)
    results = [one for one in _results(group) if one.obx.text(2).strip() in txa.ATTACHED]
    comments = [note for one in results for note in one.notes] if documents else []
    found = [txa.document(one, results, context, about, requests, comments=comments) for one in documents]
    if not documents:
        for order, number in zip(group.orders, numbers, strict=True):
            setting = obr.setting(order, number, context, about, request=None, specimens=[])
            obx.observations(order.results, setting, context)
    return found or about.focus()


def _documents(group: Patient) -> list[Segment]:
    return [*group.all("TXA"), *(one for order in group.orders for one in order.all("TXA"))]


def _results(group: Patient) -> list[Result]:
    return [*group.results, *(one for order in group.orders for one in _of(order))]


def _of(order: Order) -> list[Result]:
    return order.results
