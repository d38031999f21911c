"""RXD and RXG -> MedicationDispense.

Source: the guide has no map; the shape is that of RXO[MedicationRequest]. A give order (RXG) says what is
to be handed out for one administration, so that it is a dispense in preparation.
"""

from typing import NamedTuple

from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference, Subject
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import codeable_concept
from libs.mapping.inbound.datatypes.contacts import addresses, telecoms
from libs.mapping.inbound.datatypes.identifiers import ei_identifier
from libs.mapping.inbound.datatypes.locations import location, named_location
from libs.mapping.inbound.datatypes.numbers import decimal, units
from libs.mapping.inbound.datatypes.practitioners import practitioners
from libs.mapping.inbound.element import Element, element, resource
from libs.mapping.inbound.order_numbers import Numbers
from libs.mapping.inbound.segments.dosage import dosage
from libs.mapping.inbound.segments.medication import medication
from libs.mapping.inbound.segments.nte import notes
from libs.mapping.inbound.segments.order_event import business_event, group_numbers, security
from libs.mapping.inbound.segments.rx import prescription_number
from libs.mapping.inbound.structure import Order

ORC_FIELDS = frozenset({1, 2, 3, 4, 9, 28, 38})


class _Fields(NamedTuple):
    """Where RXD and RXG hold the same facts; 0 where one of them has none."""

    amount: int
    unit: int
    notes: int
    substituted: int
    ward: int  # the place it is dispensed to
    pharmacy: int  # the pharmacy it is dispensed to
    pharmacy_address: int
    pharmacy_telecom: int
    tag: int
    when: int = 0
    prescription: int = 0
    person: int = 0
    assembled: int = 0  # where it was put together
    kind: int = 0


_RXD = _Fields(4, 5, 9, 11, 13, 30, 31, 34, 35, when=3, prescription=7, person=10, assembled=27, kind=33)
_RXG = _Fields(32, 33, 9, 10, 11, 27, 28, 0, 31)
FIELDS = {"RXD": frozenset(_RXD) - {0} | {1}, "RXG": frozenset(_RXG) - {0} | {1, 3, 5, 7, 29}}
_AS_ORDERED = frozenset({"0", "N"})  # table 0167: no substitute was dispensed


def dispense(
    order: Order, numbers: Numbers, context: Context, subject: Subject, request: Reference | None
) -> Reference | None:
    """RXD or RXG as a MedicationDispense; None when the group has neither."""
    given = next((one for one in (order.detail, *order.others) if one and one.name in {"RXD", "RXG"}), None)
    if given is None:
        return None
    dispensed = given.name == "RXD"
    at = _RXD if dispensed else _RXG
    context.use(given, FIELDS[given.name])
    number = given.text(at.prescription).strip() if at.prescription else ""
    tag = ei_identifier(context, given.first(at.tag), purpose="dispense-tag")
    assembled = codeable_concept(context, given, at.assembled) if at.assembled else None
    found = resource(
        "MedicationDispense",
        **_of_orc(order, context),
        identifier=[
            *numbers.identifiers,
            *(one for one in group_numbers(order.orc, context) if one),
            *([prescription_number(number, context)] if number else []),
            *([tag] if tag else []),
        ],
        status="completed" if dispensed else "preparation",
        **medication(given, order.all("RXC"), (*numbers.key, given.text(1), given.text(3)), context),
        subject=subject.patient,
        context=subject.encounter,
        performer=[{"actor": one} for one in (practitioners(context, given, at.person) if at.person else [])],
        location=_named(given, at.assembled, context) if assembled else None,
        authorizingPrescription=[request] if request else [],
        type=codeable_concept(context, given, at.kind) if at.kind else None,
        quantity=_quantity(given, at, context),
        whenHandedOver=times.date_time(context, given, at.when) if at.when else None,
        destination=_destination(given, at, context),
        note=notes(order.notes, context) + _notes(given, at),
        dosageInstruction=dosage(order, given, context),
        substitution=_substitution(given, at, context),
    )
    return context.put(found, None, *numbers.key, given.name, given.text(1), given.text(3))


def _of_orc(order: Order, context: Context) -> Element:
    if order.orc is None:
        return {}
    context.use(order.orc, ORC_FIELDS)
    return element(meta=security(order.orc, context), extension=business_event(order.orc, context))


def _quantity(given: Segment, at: _Fields, context: Context) -> Element | None:
    """What was dispensed; of a give order without that, what is to be given."""
    stated = [(at.amount, at.unit), *([(5, 7)] if given.name == "RXG" else [])]
    for amount, unit in stated:
        much = decimal(given.text(amount))
        if much is not None:
            return {"value": much} | units(context, given, unit)
    return None


def _destination(given: Segment, at: _Fields, context: Context) -> Reference | None:
    """The ward it is for, else the pharmacy that hands it out."""
    ward = location(context, given, at.ward)
    if ward is None and given.name == "RXG":
        ward = location(context, given, 29)
    pharmacy = _named(given, at.pharmacy, context)
    if pharmacy is not None:
        address = addresses(context, given, at.pharmacy_address)
        numbers = telecoms(context, given, at.pharmacy_telecom) if at.pharmacy_telecom else []
        context.describe(pharmacy, address=address[0] if address else None, telecom=numbers)
    return ward or pharmacy


def _named(given: Segment, field: int, context: Context) -> Reference | None:
    code, name = given.text(field).strip(), given.text(field, 2).strip()
    return named_location(context, code or name, "pharmacy", name) if code or name else None


def _substitution(given: Segment, at: _Fields, context: Context) -> Element:
    code = codeable_concept(context, given, at.substituted, table="0167")
    if code is None:
        return {}
    return {"wasSubstituted": given.text(at.substituted).strip() not in _AS_ORDERED, "type": code}


def _notes(given: Segment, at: _Fields) -> list[Element]:
    return [
        {"text": text}
        for value in given.repetitions(at.notes)
        if (text := (value.text(2) or value.text(1)).strip())
    ]
