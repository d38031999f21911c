"""GT1 -> RelatedPerson, Organization: who answers for the bill (Account.guarantor).

Source: the guide has no map; the shape is that of NK1[RelatedPerson].
"""

from libs.fhir.parts import as_part
from libs.hl7v2.message import Segment, State
from libs.mapping.inbound.context import Context, Reference, removed
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import codeable_concept
from libs.mapping.inbound.datatypes.contacts import addresses, telecoms
from libs.mapping.inbound.datatypes.identifiers import cx_identifiers, national_identifier, national_nulls
from libs.mapping.inbound.datatypes.names import human_names, spelled
from libs.mapping.inbound.datatypes.organizations import organization
from libs.mapping.inbound.element import Element, element, resource
from libs.mapping.inbound.segments.nk1 import RELATIONSHIP
from libs.mapping.inbound.segments.pid import SEX
from libs.terminology.concept_map import concept_map

FIELDS = frozenset({1, 2, 3, 5, 6, 7, 8, 9, 11, 12, 13, 14, 19, 21, 22, 36})
YES_NO = concept_map("0136", "YesNoIndicator")
NULLS = {
    3: ("name:main",),
    5: ("address:main",),
    6: ("telecom:home",),
    7: ("telecom:work",),
    8: ("birthDate",),
    9: ("gender",),
    11: ("relationship",),
    13: ("period:start",),
    14: ("period:end",),
    36: ("communication",),
}


def guarantors(gt1: Segment, context: Context, patient: Reference) -> list[Element]:
    """The person and the organization (GT1-21) that the segment names, as Account.guarantor."""
    context.use(gt1, FIELDS)
    parties = (_person(gt1, context, patient), organization(context, gt1, 21))
    on_hold = context.code(YES_NO, gt1.text(22).strip(), gt1, 22)  # GT1-22: billing hold
    return [
        element(
            party=party,
            onHold=None if on_hold is None else on_hold == "true",
            period=times.between(context, gt1, 13, 14),
        )
        for party in parties
        if party
    ]


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
    key = (spelled(names), gt1.text(11).strip())
    if numbers:
        key = (numbers[0]["system"], numbers[0]["value"])
    return context.put(found, None, patient["reference"], *key, remove=_nulls(gt1, found, context))


def _nulls(gt1: Segment, found: Element, context: Context) -> list[str]:
    """What of the person the segment deletes."""
    gone = removed(gt1, NULLS, found)
    if gt1.state(12) is State.NULL:
        gone += national_nulls(context)
    return gone


def _more_numbers(gt1: Segment, context: Context) -> list[Element]:
    """GT1-12 (social security) and GT1-19 (employee)."""
    found = cx_identifiers(context, gt1, 19, "employee")
    national = national_identifier(context, gt1.text(12))
    return [*found, national] if national else found
