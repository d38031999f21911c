"""XCN, CNN, NDL -> Practitioner, PractitionerRole.

In a message the same person is one resource: by NPI or another identifier with its authority, else by name.
Source: v2-to-FHIR IG 1.0.0, XCN[Practitioner], XCN[PractitionerRole], CNN[Practitioner],
NDL[PractitionerRole].
"""

from libs.hl7v2.message import Segment, Value
from libs.mapping.inbound.context import Context, Reference
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.identifiers import (
    US_NPI,
    assigner,
    authority_uri,
    check_digit,
    facility_uri,
    identifier_type,
)
from libs.mapping.inbound.datatypes.locations import assigned_at, location_of_ndl
from libs.mapping.inbound.datatypes.names import NAME_USE, name_parts, spelled, validity
from libs.mapping.inbound.element import Element, concept, element, resource
from libs.terminology.concept_map import concept_map

# The components that are read.
XCN = frozenset({*range(1, 8), *range(9, 15), *range(17, 22)})
NDL = frozenset({*range(1, 8), 10, 11})
DEGREE = concept_map("0360", "DegreeLicenseCertificate")


def practitioners(context: Context, segment: Segment, field: int) -> list[Reference]:
    """References to the practitioner of every XCN of the field."""
    return [
        reference
        for xcn in segment.repetitions(field)
        if (reference := practitioner_of(context, xcn, segment, field))
    ]


def practitioner(context: Context, segment: Segment, field: int) -> Reference | None:
    """A reference to the practitioner of the field's first XCN; None when it names nobody."""
    found = practitioners(context, segment, field)
    if len(found) > 1:
        context.warn(segment, field, "FHIR has room for one; the first is carried")
    return found[0] if found else None


def practitioner_of(
    context: Context, xcn: Value, segment: Segment, field: int, contact: Element | None = None
) -> Reference | None:
    """A reference to the practitioner of an XCN, whose resource this adds; None when it names nobody.

    `contact` is what other fields state of the same person (address, telecom).
    """
    context.reads(segment, field, XCN)
    seen = context.seen.get("XCN" + xcn.raw)
    if seen is not None and not contact:
        return seen
    identifier, name = described(context, xcn, segment, field)
    if name is None and identifier is None:
        return None
    return _put(
        context,
        "XCN" + xcn.raw,
        identifier=identifier,
        name=name,
        degree=xcn.text(7).strip(),
        contact=contact,
    )


def described(
    context: Context, xcn: Value, segment: Segment, field: int
) -> tuple[Element | None, Element | None]:
    """The number and the name of the person of an XCN, each None when it is not valued."""
    name = name_parts(
        family=xcn.part(2),
        given=(xcn.text(3), xcn.text(4)),
        suffix=(xcn.text(5), xcn.text(21)),
        prefix=xcn.text(6),
    )
    if name and (use := context.code(NAME_USE, xcn.text(10).strip(), segment, field)):
        name = {"use": use} | name
    if name and xcn.component_count > 16:
        name |= validity(context, xcn, segment, field, (17, 18, 19, 20))
    context.reads(segment, field, XCN)
    number = xcn.text(1).strip()
    return (_identifier(context, xcn, number, segment, field) if number else None), name


def role_of_ndl(context: Context, ndl: Value, segment: Segment, field: int) -> Reference | None:
    """A reference to the role that an NDL states: the person, and when."""
    context.reads(segment, field, NDL)
    person = _practitioner_of_cnn(context, ndl.part(1), segment, field)
    if person is None:
        return None
    place = location_of_ndl(context, ndl)
    role = resource(
        "PractitionerRole",
        practitioner=person,
        location=[place] if place else [],
        period=times.span(context, ndl.text(2), ndl.text(3), segment, field),
    )
    if role.keys() == {"resourceType", "practitioner"}:
        return person  # a role that says nothing more than the person
    return context.put(role, None, person["reference"], place["reference"] if place else "")


def role(
    context: Context, person: Reference | None, code: Element | None, organization: Reference | None
) -> Reference:
    """A reference to the role of a person in an organization."""
    key = (
        person["reference"] if person else "",
        organization["reference"] if organization else "",
        code["coding"][0]["code"] if code else "",
    )
    return context.put(
        resource(
            "PractitionerRole", practitioner=person, organization=organization, code=[code] if code else []
        ),
        None,
        *key,
    )


def _practitioner_of_cnn(context: Context, cnn: Value, segment: Segment, field: int) -> Reference | None:
    number = cnn.text(1).strip()
    name = name_parts(
        family=cnn.part(2), given=(cnn.text(3), cnn.text(4)), suffix=(cnn.text(5),), prefix=cnn.text(6)
    )
    if name is None and not number:
        return None
    identifier = None
    if number:
        system = _cnn_system(context, cnn)
        identifier = element(system=system, value=number, assigner=assigner(cnn.part(9)))
    return _put(
        context, "CNN" + cnn.raw, identifier=identifier, name=name, degree=cnn.text(7).strip(), contact=None
    )


def _cnn_system(context: Context, cnn: Value) -> str:
    namespace, universal = cnn.text(9).strip(), cnn.text(10).strip()
    authorities = context.config.authorities
    if own := authorities.get(namespace) or authorities.get(universal):
        return own
    if universal and cnn.text(11).strip().upper() == "ISO":
        return f"urn:oid:{universal}"
    if namespace:
        return context.local("authority", namespace)
    return facility_uri(context, "practitioner")


def _identifier(context: Context, xcn: Value, number: str, segment: Segment, field: int) -> Element:
    kind = xcn.text(13).strip()
    issuer = xcn.part(9)
    authority = issuer or xcn.part(14)
    system = US_NPI if kind == "NPI" else authority_uri(context, authority)
    details = check_digit(xcn.text(11), xcn.text(12)) if xcn.component_count > 10 else []
    if xcn.component_count > 13 and issuer:  # without an authority the facility stands for it
        details += assigned_at(context, xcn.part(14))
    return element(
        type=identifier_type(context, kind, segment, field),
        system=system or facility_uri(context, "practitioner"),
        value=number,
        assigner=assigner(authority),
        extension=details,
    )


def _put(
    context: Context,
    seen: str,
    *,
    identifier: Element | None,
    name: Element | None,
    degree: str,
    contact: Element | None,
) -> Reference:
    target = DEGREE.get(degree) if degree else None
    person = resource(
        "Practitioner",
        identifier=[identifier] if identifier else [],
        name=[name] if name else [],
        qualification=[
            {
                "code": concept(target.system, target.code, target.display or None)
                if target
                else {"text": degree}
            }
        ]
        if degree
        else [],
    )
    if contact:
        person |= contact
    key = spelled([name]) if name and not identifier else ""
    reference = context.put(person, identifier, context.facility, key)
    context.seen[seen] = reference
    return reference
