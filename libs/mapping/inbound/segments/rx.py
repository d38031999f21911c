"""RXO, RXE and their ORC -> MedicationRequest.

Source: v2-to-FHIR IG 1.0.0, RXO[MedicationRequest], TQ1[MedicationRequest]; RXE has the shape of RXO with
other numbers (the guide's map is under construction), and ORC says of a prescription what it says of any
order (ORC[ServiceRequest]).
"""

from typing import NamedTuple

from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference, Subject
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import codeable_concept, codeable_concepts
from libs.mapping.inbound.datatypes.contacts import addresses, telecoms
from libs.mapping.inbound.datatypes.identifiers import TYPE_SYSTEM, facility_uri
from libs.mapping.inbound.datatypes.numbers import decimal, units
from libs.mapping.inbound.datatypes.organizations import organization_of_cwe
from libs.mapping.inbound.datatypes.practitioners import practitioner
from libs.mapping.inbound.datatypes.timing import priority
from libs.mapping.inbound.element import Element, concept, element, resource
from libs.mapping.inbound.order_numbers import Numbers
from libs.mapping.inbound.segments import orc
from libs.mapping.inbound.segments.dosage import dosage
from libs.mapping.inbound.segments.medication import medication
from libs.mapping.inbound.segments.nte import notes
from libs.mapping.inbound.segments.order_event import business_event, group_numbers, security
from libs.mapping.inbound.structure import Order
from libs.terminology.concept_map import concept_map

SUBSTITUTION = concept_map("0161", "AllowSubstitution")
_STOPPED = frozenset({"DC", "OD", "DR"})  # ORC-1: discontinued, where other revoked orders are cancelled


class _Fields(NamedTuple):
    """Where RXO and RXE hold the same facts; 0 where one of them has none."""

    amount: int  # dispensed
    unit: int
    refills: int
    substitution: int
    orderer: int
    pharmacy: int
    pharmacy_address: int
    pharmacy_telecom: int
    reason: int
    prescription: int
    first_amount: int
    ordered: int
    comment: int


_RXO = _Fields(11, 12, 13, 9, 14, 32, 33, 36, 20, 0, 0, 0, 6)
_RXE = _Fields(10, 11, 12, 9, 13, 40, 41, 45, 27, 15, 39, 32, 0)
FIELDS = {"RXO": frozenset(_RXO) - {0} | {1}, "RXE": frozenset(_RXE) - {0} | {2}}


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
    context.use(rx, FIELDS[rx.name])
    at = _RXE if rx.name == "RXE" else _RXO
    ordered = order.orc
    found = resource(
        "MedicationRequest",
        **_of_orc(order, numbers, context),
        basedOn=[based_on] if based_on else orc.parents(ordered.first(8), context) if ordered else [],
        intent="filler-order" if based_on else "original-order" if rx.name == "RXO" else "order",
        priority=_priority(order, context),
        **medication(rx, order.all("RXC"), numbers.key, context),
        subject=subject.patient,
        encounter=subject.encounter,
        requester=orc.requester(
            ordered,
            orc.requested_by(ordered, None, context) or practitioner(context, rx, at.orderer),
            context,
        ),
        performer=next((one.who for one in orc.participants(order, context)), None),
        reasonCode=codeable_concepts(context, rx, at.reason),
        note=[*notes(order.notes, context), *_comments(rx, at)],
        dosageInstruction=dosage(order, rx, context),
        dispenseRequest=_dispense(rx, at, context),
        substitution=_substitution(rx, at.substitution, context),
    )
    found["identifier"] = [*found.get("identifier", []), *_prescription(rx, at, context)]
    if "authoredOn" not in found and at.ordered and (when := times.date_time(context, rx, at.ordered)):
        found["authoredOn"] = when
    if not found["identifier"]:
        del found["identifier"]
    if based_on:
        return context.put(found, None, *numbers.key, "encoded")
    kept = () if _states_status(ordered, context) else ("status",)
    return context.put(found, numbers.request, *numbers.key, keep=kept)


def _of_orc(order: Order, numbers: Numbers, context: Context) -> Element:
    """What the ORC says of a prescription, as of any order."""
    ordered = order.orc
    found = element(identifier=orc.identifiers(ordered, None, numbers, context))
    found["status"] = "active" if _only_reports(ordered) else _status(ordered, context)
    if ordered is None:
        return found
    context.use(ordered, orc.FIELDS - {14, 29})
    return found | element(
        meta=security(ordered, context),
        extension=business_event(ordered, context),
        statusReason=codeable_concept(context, ordered, 16),
        groupIdentifier=group_numbers(ordered, context)[0],
        authoredOn=times.date_time(context, ordered, 9),
    )


def _dispense(rx: Segment, at: _Fields, context: Context) -> Element:
    amount, first = (
        decimal(rx.text(at.amount)),
        decimal(rx.text(at.first_amount)) if at.first_amount else None,
    )
    refills = decimal(rx.text(at.refills))
    unit = units(context, rx, at.unit)
    return element(
        performer=_pharmacy(rx, at, context),
        initialFill={"quantity": {"value": first} | unit} if first is not None else None,
        quantity={"value": amount} | unit if amount is not None else None,
        numberOfRepeatsAllowed=int(refills) if refills is not None and 0 <= refills < 1000 else None,
    )


def _pharmacy(rx: Segment, at: _Fields, context: Context) -> Reference | None:
    named = rx.first(at.pharmacy)
    found = organization_of_cwe(context, named) if named else None
    if found is not None:
        context.describe(
            found,
            address=addresses(context, rx, at.pharmacy_address),
            telecom=telecoms(context, rx, at.pharmacy_telecom),
        )
    return found


def _substitution(rx: Segment, field: int, context: Context) -> Element:
    allowed = codeable_concept(context, rx, field, SUBSTITUTION)
    return {"allowedCodeableConcept": allowed} if allowed else {}


def _comments(rx: Segment, at: _Fields) -> list[Element]:
    """RXO-6: the provider's instructions to the pharmacy."""
    stated = rx.repetitions(at.comment) if at.comment else []
    return [{"text": text} for value in stated if (text := (value.text(2) or value.text(1)).strip())]


def _only_reports(ordered: Segment | None) -> bool:
    """Whether the ORC only says that something was done (RE): one dispense or dose completes no request."""
    return ordered is not None and ordered.text(1).strip() == "RE" and not ordered.text(5).strip()


def _states_status(ordered: Segment | None, context: Context) -> bool:
    return not _only_reports(ordered) and orc.stated_status(ordered, None, context) is not None


def _status(ordered: Segment | None, context: Context) -> str:
    stated = orc.stated_status(ordered, None, context) or orc.PLACED
    if stated == "revoked":
        return "stopped" if ordered is not None and ordered.text(1).strip() in _STOPPED else "cancelled"
    return stated


def _priority(order: Order, context: Context) -> str | None:
    for tq1 in order.all("TQ1"):
        return priority(context, tq1.text(9), tq1, 9)
    if order.orc is not None and (code := order.orc.text(7, 6)):
        return priority(context, code, order.orc, 7)
    return None


def _prescription(rx: Segment, at: _Fields, context: Context) -> list[Element]:
    number = rx.text(at.prescription).strip() if at.prescription else ""
    return [prescription_number(number, context)] if number else []


def prescription_number(number: str, context: Context) -> Element:
    """The number of a prescription (RXE-15, RXD-7) as an Identifier."""
    return {
        "type": concept(TYPE_SYSTEM, "PRN"),
        "system": facility_uri(context, "prescription"),
        "value": number,
    }
