"""GT1 -> RelatedPerson, Organization: who answers for the bill (Account.guarantor).

Source: the guide has no map; the shape is that of NK1[RelatedPerson].
"""

from libs.fhir.parts import as_part
from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import codeable_concept
from libs.mapping.inbound.datatypes.contacts import addresses, telecoms
from libs.mapping.inbound.datatypes.identifiers import TYPE_SYSTEM, US_SSN, cx_identifiers
from libs.mapping.inbound.datatypes.names import human_names, spelled
from libs.mapping.inbound.datatypes.organizations import organization
from libs.mapping.inbound.element import Element, concept, resource
from libs.mapping.inbound.segments.nk1 import RELATIONSHIP
from libs.mapping.inbound.segments.pid import SEX

FIELDS = frozenset({1, 2, 3, 5, 6, 7, 8, 9, 11, 12, 13, 14, 19, 21, 36})


def guarantors(gt1: Segment, context: Context, patient: Reference) -> list[Reference]:
    """The person and the organization (GT1-21) that the segment names."""
    context.use(gt1, FIELDS)
    found = (_person(gt1, context, patient), organization(context, gt1, 21))
    return [one for one in found if one]


def _person(gt1: Segment, context: Context, patient: Reference) -> Reference | None:
    names, numbers = human_names(context, gt1, 3), cx_identifiers(context, gt1, 2, "guarantor")
    if not names and not numbers:
        return None
    language = codeable_concept(context, gt1, 36)
    relationship = codeable_concept(context, gt1, 11, RELATIONSHIP)
    found = resource(
        "RelatedPerson",
        identifier=[*numbers, *_more_numbers(gt1, context)],
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
        communication=[{"language": language, "preferred": True}] if language else [],
    )
    if numbers:
        return context.put(found, None, patient["reference"], numbers[0]["system"], numbers[0]["value"])
    return context.put(found, None, patient["reference"], spelled(names), gt1.text(11).strip())


def _more_numbers(gt1: Segment, context: Context) -> list[Element]:
    """GT1-12 (social security) and GT1-19 (employee)."""
    found = cx_identifiers(context, gt1, 19, "employee")
    if number := gt1.text(12).strip():
        us = context.config.jurisdiction == "US"
        system = US_SSN if us else context.local("national-id", context.config.jurisdiction)
        found.append({"type": concept(TYPE_SYSTEM, "SS" if us else "SB"), "system": system, "value": number})
    return found
