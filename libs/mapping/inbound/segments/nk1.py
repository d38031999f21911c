"""NK1 -> Patient.contact, RelatedPerson.

Source: v2-to-FHIR IG 1.0.0, NK1[Patient], NK1[RelatedPerson]. Both are made: the contact is what a
clinician looks for in the Patient, the RelatedPerson what another resource can refer to.
"""

from libs.fhir.parts import as_part
from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference, removed
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import codeable_concept
from libs.mapping.inbound.datatypes.contacts import addresses, telecoms
from libs.mapping.inbound.datatypes.identifiers import cx_identifiers, national_identifier
from libs.mapping.inbound.datatypes.names import human_names, spelled
from libs.mapping.inbound.datatypes.organizations import organization_of
from libs.mapping.inbound.element import Element, element, resource
from libs.mapping.inbound.segments.pid import SEX
from libs.terminology.concept_map import concept_map

FIELDS = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 15, 16, 20, 30, 31, 32, 33, 37, 40, 41})
NULLS = {
    4: ("address:main",),
    5: ("telecom:home",),
    6: ("telecom:work",),
    8: ("period:start",),
    9: ("period:end",),
    15: ("gender",),
    16: ("birthDate",),
    20: ("communication",),
    30: ("name:contact",),
    31: ("telecom:contact",),
    32: ("address:contact",),
    40: ("telecom:any",),
}
RELATIONSHIP = concept_map("0063", "Relationship")
CONTACT_ROLE = concept_map("0131", "ContactRole")


def contact(nk1: Segment, context: Context) -> Element | None:
    """NK1[Patient]: one Patient.contact, None when the segment says nothing of a person."""
    context.use(nk1, FIELDS)
    names, places = human_names(context, nk1, 2), addresses(context, nk1, 4)
    found = element(
        relationship=_relationships(nk1, context),
        name=names[0] if names else None,
        telecom=_telecoms(nk1, context),
        address=places[0] if places else None,
        gender=context.code(SEX, nk1.text(15).strip(), nk1, 15),
        organization=_organization(nk1, context),
        period=_period(nk1, context),
    )
    # Invariant pat-1: a contact has at least a name, a telecom, an address or an organization.
    return found if found.keys() & {"name", "telecom", "address", "organization"} else None


def related_person(nk1: Segment, context: Context, subject: Reference) -> Reference | None:
    """NK1[RelatedPerson], None when the segment says nothing of a person."""
    names = [
        *human_names(context, nk1, 2),
        *as_part("RelatedPerson", "name", "contact", human_names(context, nk1, 30)),
    ]
    identifiers = cx_identifiers(context, nk1, 33) + cx_identifiers(context, nk1, 12)
    if national := national_identifier(context, nk1.text(37)):
        identifiers.append(national)
    language = codeable_concept(context, nk1, 20)
    relationships = _relationships(nk1, context)
    found = resource(
        "RelatedPerson",
        identifier=identifiers,
        patient=subject,
        relationship=relationships,
        name=names,
        telecom=[
            *as_part("RelatedPerson", "telecom", "home", telecoms(context, nk1, 5)),
            *as_part("RelatedPerson", "telecom", "work", telecoms(context, nk1, 6, "work")),
            *as_part("RelatedPerson", "telecom", "any", telecoms(context, nk1, 40)),
            *as_part("RelatedPerson", "telecom", "contact", _of_contact(nk1, context)),
        ],
        gender=context.code(SEX, nk1.text(15).strip(), nk1, 15),
        birthDate=times.date(context, nk1, 16),
        address=[
            *addresses(context, nk1, 4),
            *as_part("RelatedPerson", "address", "contact", addresses(context, nk1, 32)),
        ],
        period=_period(nk1, context),
        communication=[{"language": language}] if language else [],
    )
    if len(found) == 2:  # its type and its patient
        return None
    return context.put(
        found,
        None,
        subject["reference"],
        *_key(identifiers, names, nk1),
        remove=removed(nk1, NULLS, found),
    )


def _key(identifiers: list[Element], names: list[Element], nk1: Segment) -> tuple[str, ...]:
    if identifiers:
        return identifiers[0]["system"], identifiers[0]["value"]
    if not names:
        return "", nk1.text(3).strip(), nk1.text(1)
    return spelled(names), nk1.text(3).strip()


def _relationships(nk1: Segment, context: Context) -> list[Element]:
    found = (codeable_concept(context, nk1, 3, RELATIONSHIP), codeable_concept(context, nk1, 7, CONTACT_ROLE))
    return [one for one in found if one]


def _telecoms(nk1: Segment, context: Context) -> list[Element]:
    return telecoms(context, nk1, 5) + telecoms(context, nk1, 6, "work") + telecoms(context, nk1, 40)


def _of_contact(nk1: Segment, context: Context) -> list[Element]:
    return telecoms(context, nk1, 31) + telecoms(context, nk1, 41)


def _organization(nk1: Segment, context: Context) -> Reference | None:
    value = nk1.first(13)
    if not value:
        return None
    name = human_names(context, nk1, 30)
    person = element(name=name[0] if name else None, telecom=_of_contact(nk1, context))
    return organization_of(context, value, nk1, 13, contact=[person] if person else [])


def _period(nk1: Segment, context: Context) -> Element:
    return times.between(context, nk1, 8, 9)
