"""RXO, RXE, RXR, RXC, TQ1 -> MedicationRequest.

Source: v2-to-FHIR IG 1.0.0, RXO[MedicationRequest], RXR[MedicationRequest], TQ1[MedicationRequest]; RXE has
the shape of RXO with other numbers (the guide's map is under construction).
"""

from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference, Subject
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import codeable_concept, codeable_concepts
from libs.mapping.inbound.datatypes.identifiers import TYPE_SYSTEM, facility_uri
from libs.mapping.inbound.datatypes.numbers import decimal, units
from libs.mapping.inbound.datatypes.organizations import organization_of_cwe
from libs.mapping.inbound.datatypes.practitioners import practitioner
from libs.mapping.inbound.datatypes.timing import priority, timing_of_tq, timing_of_tq1
from libs.mapping.inbound.element import DATA_ABSENT, Element, concept, element, resource, words
from libs.mapping.inbound.order_numbers import Numbers
from libs.mapping.inbound.segments import orc, role
from libs.mapping.inbound.segments.nte import notes
from libs.mapping.inbound.structure import Order
from libs.terminology.concept_map import concept_map

RXO_FIELDS = frozenset({1, 2, 3, 4, 5, 7, 9, 11, 12, 13, 14, 18, 19, 20, 32})
RXE_FIELDS = frozenset({1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 15, 21, 23, 24, 25, 26, 27, 40})
RXR_FIELDS = frozenset({1, 2, 4})
RXC_FIELDS = frozenset({1, 2, 3, 4})
TQ1_FIELDS = frozenset({1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 13, 14})

SUBSTITUTION = concept_map("0161", "AllowSubstitution")
ROUTE = concept_map("0162", "RouteOfAdministration")
METHOD = concept_map("0165", "AdministrationMethod")
SITE = concept_map("0550", "BodyParts")

_STOPPED = frozenset({"DC", "OD", "DR"})  # ORC-1: discontinued, where other revoked orders are cancelled
# Where RXO and RXE hold the same fact: code, minimum, maximum, units, form, dispensed amount, units, refills,
# substitution, strength, strength units, who ordered, the pharmacy.
_RXO = (1, 2, 3, 4, 5, 11, 12, 13, 9, 18, 19, 14, 32)
_RXE = (2, 3, 4, 5, 6, 10, 11, 12, 9, 25, 26, 13, 40)


def medication_request(
    order: Order, numbers: Numbers, context: Context, subject: Subject
) -> Reference | None:
    """RXO[MedicationRequest] of the order (RXO), and one of how the pharmacy encoded it (RXE).

    Returns the encoded one if there is one.
    """
    stated = [one for one in (order.detail, order.first("RXE")) if one and one.name in {"RXO", "RXE"}]
    found: Reference | None = None
    for rx in stated:
        found = _request(rx, order, numbers, context, subject, based_on=found)
    return found


def _request(
    rx: Segment,
    order: Order,
    numbers: Numbers,
    context: Context,
    subject: Subject,
    *,
    based_on: Reference | None,
) -> Reference:
    context.use(rx, RXE_FIELDS if rx.name == "RXE" else RXO_FIELDS)
    fields = _RXE if rx.name == "RXE" else _RXO
    ordered = order.orc
    if ordered is not None:
        context.use(ordered, orc.FIELDS)
    code, form = codeable_concept(context, rx, fields[0]), codeable_concept(context, rx, fields[4])
    found = resource(
        "MedicationRequest",
        identifier=[*numbers.identifiers, *_prescription(rx, context)],
        status="active" if _only_reports(ordered) else _status(ordered, context),
        basedOn=[based_on] if based_on else [],
        intent="filler-order" if based_on else "original-order" if rx.name == "RXO" else "order",
        priority=_priority(order, context),
        medicationCodeableConcept=code or {"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]},
        subject=subject.patient,
        encounter=subject.encounter,
        authoredOn=times.date_time(context, ordered, 9) if ordered is not None else None,
        requester=orc.requester(
            ordered,
            orc.requested_by(ordered, None, context) or practitioner(context, rx, fields[11]),
            context,
        ),
        performer=_performer(order, context),
        reasonCode=codeable_concepts(context, rx, 27)
        if rx.name == "RXE"
        else codeable_concepts(context, rx, 20),
        note=notes(order.notes, context),
        dosageInstruction=_dosage(order, rx, fields, context),
        dispenseRequest=_dispense(rx, fields, context),
        substitution=_substitution(rx, fields[8], context),
    )
    if form or order.all("RXC") or rx.text(fields[9]):
        found.pop("medicationCodeableConcept")
        medication = _medication(order, rx, fields, context, code=code, form=form)
        key = (*numbers.key, rx.name)
        found["medicationReference"] = context.put(medication, None, *key, merge=False)
    if based_on:
        return context.put(found, None, *numbers.key, "encoded")
    return context.put(
        found, numbers.request, *numbers.key, keep=("status",) if _only_reports(ordered) else ()
    )


def route(order: Order, context: Context) -> Element:
    """RXR[MedicationRequest]: route, site and method of administration, as parts of a Dosage."""
    rxr = order.first("RXR")
    if rxr is None:
        return {}
    context.use(rxr, RXR_FIELDS)
    return element(
        route=codeable_concept(context, rxr, 1, ROUTE),
        site=codeable_concept(context, rxr, 2, SITE),
        method=codeable_concept(context, rxr, 4, METHOD),
    )


def _dosage(order: Order, rx: Segment, fields: tuple[int, ...], context: Context) -> list[Element]:
    unit = units(context, rx, fields[3])
    low, high = decimal(rx.text(fields[1])), decimal(rx.text(fields[2]))
    dose: Element = {}
    if low is not None and high is not None and low < high:
        dose = {"doseRange": {"low": {"value": low} | unit, "high": {"value": high} | unit}}
    elif low is not None or high is not None:
        dose = {"doseQuantity": {"value": low if low is not None else high} | unit}
    rate = decimal(rx.text(23)) if rx.name == "RXE" else None
    if rate is not None:
        dose["rateQuantity"] = {"value": rate} | units(context, rx, 24)
    instructions = codeable_concepts(context, rx, 7) + (
        codeable_concepts(context, rx, 21) if rx.name == "RXE" else []
    )
    instructions += [{"text": text} for tq1 in order.all("TQ1") if (text := tq1.text(10).strip())]
    text = "; ".join(words(one) for one in instructions)
    timing, as_stated = _timing(order, rx, context)
    found = element(
        text=text or as_stated,
        additionalInstruction=instructions,
        timing=timing,
        **route(order, context),
        doseAndRate=[dose] if dose else [],
    )
    return [found] if found else []


def _timing(order: Order, rx: Segment, context: Context) -> tuple[Element, str]:
    """The Timing and the instruction in words: TQ1, else RXE-1, else ORC-7."""
    for tq1 in order.all("TQ1"):
        context.use(tq1, TQ1_FIELDS)
        return timing_of_tq1(tq1, context), tq1.text(11).strip()
    ordered = order.orc
    for segment, field in ((rx, 1), (ordered, 7)):
        if segment is not None and segment.name != "RXO" and segment.first(field):
            tq = segment.first(field)
            return timing_of_tq(context, tq, segment, field), tq.text(8).strip()
    return {}, ""


def _dispense(rx: Segment, fields: tuple[int, ...], context: Context) -> Element:
    amount = decimal(rx.text(fields[5]))
    refills = decimal(rx.text(fields[7]))
    pharmacy = rx.first(fields[12])
    return element(
        performer=organization_of_cwe(context, pharmacy) if pharmacy else None,
        quantity={"value": amount} | units(context, rx, fields[6]) if amount is not None else None,
        numberOfRepeatsAllowed=int(refills) if refills is not None and 0 <= refills < 1000 else None,
    )


def _performer(order: Order, context: Context) -> Reference | None:
    """Who takes part in the order (PRT, ROL): FHIR has room for one."""
    stated = (role.part(one, context) for one in order.others if one.name in role.FIELDS)
    found = [one.who for one in stated if one and one.who]
    return found[0] if found else None


def _substitution(rx: Segment, field: int, context: Context) -> Element:
    allowed = codeable_concept(context, rx, field, SUBSTITUTION)
    return {"allowedCodeableConcept": allowed} if allowed else {}


def _medication(
    order: Order,
    rx: Segment,
    fields: tuple[int, ...],
    context: Context,
    *,
    code: Element | None,
    form: Element | None,
) -> Element:
    ingredients = [_component(rxc, context) for rxc in order.all("RXC")]
    strength = decimal(rx.text(fields[9]))
    if strength is not None and code is not None:
        ingredients.append(
            {
                "itemCodeableConcept": code,
                "strength": {
                    "numerator": {"value": strength} | units(context, rx, fields[10]),
                    "denominator": {"value": 1},
                },
            }
        )
    return resource("Medication", code=code, form=form, ingredient=[one for one in ingredients if one])


def _component(rxc: Segment, context: Context) -> Element:
    context.use(rxc, RXC_FIELDS)
    item, amount = codeable_concept(context, rxc, 2), decimal(rxc.text(3))
    if item is None:
        return {}
    strength = (
        {"numerator": {"value": amount} | units(context, rxc, 4), "denominator": {"value": 1}}
        if amount is not None
        else None
    )
    return element(itemCodeableConcept=item, isActive=rxc.text(1).strip() == "A" or None, strength=strength)


def _only_reports(ordered: Segment | None) -> bool:
    """Whether the ORC only says that something was done (RE): one dispense or dose completes no request."""
    return ordered is not None and ordered.text(1).strip() == "RE" and not ordered.text(5).strip()


def _status(ordered: Segment | None, context: Context) -> str:
    stated = orc.status(ordered, None, context)
    if stated == "revoked":
        return "stopped" if ordered is not None and ordered.text(1).strip() in _STOPPED else "cancelled"
    return stated


def _priority(order: Order, context: Context) -> str | None:
    for tq1 in order.all("TQ1"):
        return priority(context, tq1.text(9), tq1, 9)
    if order.orc is not None and (code := order.orc.text(7, 6)):
        return priority(context, code, order.orc, 7)
    return None


def _prescription(rx: Segment, context: Context) -> list[Element]:
    number = rx.text(15).strip() if rx.name == "RXE" else ""
    if not number:
        return []
    return [
        {
            "type": concept(TYPE_SYSTEM, "PRN"),
            "system": facility_uri(context, "prescription"),
            "value": number,
        }
    ]
