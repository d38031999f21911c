"""SAC -> Specimen.container.

Source: the guide has no map. HL7 v2.5.1 chapter 13, 13.4.3.
"""

from collections.abc import Sequence

from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference
from libs.mapping.inbound.datatypes.codes import codeable_concept
from libs.mapping.inbound.datatypes.identifiers import ei_identifier
from libs.mapping.inbound.datatypes.numbers import decimal, units
from libs.mapping.inbound.element import Element, element
from libs.mapping.inbound.structure import Order

FIELDS = frozenset({1, 2, 3, 4, 6, 21, 22, 24, 27})


def containers(order: Order, specimens: Sequence[Reference], context: Context) -> None:
    """Each SAC of the order as a container of the specimen that it stands behind."""
    for sac in order.all("SAC") if specimens else ():
        behind = sum(one.position < sac.position for one in order.specimens)
        container(sac, context, specimens[max(behind - 1, 0)])


def container(sac: Segment, context: Context, specimen: Reference) -> None:
    """SAC as a container of the specimen, and its accession number."""
    context.use(sac, FIELDS)
    accession = ei_identifier(context, sac.first(2), "ACSN", "accession")
    numbers = (
        ei_identifier(context, sac.first(3), purpose="container"),
        ei_identifier(context, sac.first(4), purpose="container"),
    )
    unit = units(context, sac, 24)
    found = element(
        identifier=[one for one in numbers if one],
        type=codeable_concept(context, sac, 6, table="0378"),
        capacity=_volume(sac, 21, unit),
        specimenQuantity=_volume(sac, 22, unit),
        additiveCodeableConcept=codeable_concept(context, sac, 27, table="0371"),
    )
    external = ei_identifier(context, sac.first(1), "ACSN", "external-accession")
    context.describe(
        specimen,
        identifier=[external] if external else [],
        container=[found] if found else [],
        accessionIdentifier=accession,
    )


def _volume(sac: Segment, field: int, unit: Element) -> Element | None:
    amount = decimal(sac.text(field))
    return {"value": amount} | unit if amount is not None else None
