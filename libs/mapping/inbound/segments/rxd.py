"""RXD and RXG -> MedicationDispense.

Source: the guide has no map; the shape is that of RXO[MedicationRequest]. A give order (RXG) says what is
to be handed out for one administration, so that it is a dispense in preparation.
"""

from libs.mapping.inbound.context import Context, Reference, Subject
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import codeable_concept, codeable_concepts
from libs.mapping.inbound.datatypes.identifiers import TYPE_SYSTEM, facility_uri
from libs.mapping.inbound.datatypes.numbers import decimal, units
from libs.mapping.inbound.datatypes.practitioners import practitioners
from libs.mapping.inbound.element import DATA_ABSENT, concept, element, resource
from libs.mapping.inbound.order_numbers import Numbers
from libs.mapping.inbound.segments import rx
from libs.mapping.inbound.segments.nte import notes
from libs.mapping.inbound.structure import Order

RXD_FIELDS = frozenset({1, 2, 3, 4, 5, 7, 9, 10, 15})
RXG_FIELDS = frozenset({1, 3, 4, 5, 7, 13})


def dispense(
    order: Order, numbers: Numbers, context: Context, subject: Subject, request: Reference | None
) -> Reference | None:
    """RXD or RXG as a MedicationDispense; None when the group has neither."""
    given = next((one for one in (order.detail, *order.others) if one and one.name in {"RXD", "RXG"}), None)
    if given is None:
        return None
    dispensed = given.name == "RXD"
    context.use(given, RXD_FIELDS if dispensed else RXG_FIELDS)
    code, amount, unit = (2, 4, 5) if dispensed else (4, 5, 7)
    quantity = decimal(given.text(amount))
    number = given.text(7).strip() if dispensed else ""
    instructions = codeable_concepts(context, given, 15 if dispensed else 13)
    found = resource(
        "MedicationDispense",
        identifier=[
            *numbers.identifiers,
            *(
                [
                    {
                        "type": concept(TYPE_SYSTEM, "PRN"),
                        "system": facility_uri(context, "prescription"),
                        "value": number,
                    }
                ]
                if number
                else []
            ),
        ],
        status="completed" if dispensed else "preparation",
        medicationCodeableConcept=codeable_concept(context, given, code)
        or {"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]},
        subject=subject.patient,
        context=subject.encounter,
        performer=[{"actor": person} for person in (practitioners(context, given, 10) if dispensed else [])],
        authorizingPrescription=[request] if request else [],
        quantity={"value": quantity} | units(context, given, unit) if quantity is not None else None,
        whenHandedOver=times.date_time(context, given, 3) if dispensed else None,
        note=notes(order.notes, context)
        + [{"text": one.text(1)} for one in given.repetitions(9) if dispensed],
        dosageInstruction=[
            found
            for found in [element(additionalInstruction=instructions, **rx.route(order, context))]
            if found
        ],
    )
    return context.put(found, None, *numbers.key, given.name, given.text(1), given.text(3))
