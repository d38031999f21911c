"""GT1 -> RelatedPerson, Account.guarantor.

Source: the guide has no map; the shape is that of NK1[RelatedPerson].
"""

from libs.fhir.parts import as_part
from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import codeable_concept
from libs.mapping.inbound.datatypes.contacts import addresses, telecoms
from libs.mapping.inbound.datatypes.identifiers import cx_identifiers
from libs.mapping.inbound.datatypes.names import human_names, spelled
from libs.mapping.inbound.element import resource
from libs.mapping.inbound.segments.nk1 import RELATIONSHIP
from libs.mapping.inbound.segments.pid import SEX

FIELDS = frozenset({1, 2, 3, 5, 6, 7, 8, 9, 11, 13, 14})


def guarantor(gt1: Segment, context: Context, patient: Reference) -> Reference | None:
    """The guarantor as a RelatedPerson, None when the segment names nobody."""
    context.use(gt1, FIELDS)
    names, numbers = human_names(context, gt1, 3), cx_identifiers(context, gt1, 2, "guarantor")
    if not names and not numbers:
        return None
    relationship = codeable_concept(context, gt1, 11, RELATIONSHIP)
    found = resource(
        "RelatedPerson",
        identifier=numbers,
        patient=patient,
        relationship=[relationship] if relationship else [],
        name=names,
        telecom=[
            *as_part("RelatedPerson", "telecom", "home", telecoms(context, gt1, 6, "home")),
            *as_part("RelatedPerson", "telecom", "work", telecoms(context, gt1, 7, "work")),
        ],
        gender=context.code(SEX, gt1.text(9).strip(), gt1, 9),
        birthDate=times.date(context, gt1, 8),
        address=addresses(context, gt1, 5),
        period=times.between(context, gt1, 13, 14),
    )
    if numbers:
        return context.put(found, None, patient["reference"], numbers[0]["system"], numbers[0]["value"])
    return context.put(found, None, patient["reference"], spelled(names), gt1.text(11).strip())
