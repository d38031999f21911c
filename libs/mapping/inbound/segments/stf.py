"""STF and PRA -> Practitioner, PractitionerRole; LOC -> Location.

Source: the guide has no maps. HL7 v2.5.1 chapter 15, 15.4.1 and 15.4.5; chapter 8, 8.8.1.
"""

from libs.fhir.parts import as_part
from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference, removed
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import code_system, codeable_concepts
from libs.mapping.inbound.datatypes.contacts import addresses, telecoms
from libs.mapping.inbound.datatypes.identifiers import (
    US_NPI,
    cx_identifiers,
    facility_uri,
    pln_identifiers,
)
from libs.mapping.inbound.datatypes.locations import location
from libs.mapping.inbound.datatypes.names import human_names
from libs.mapping.inbound.datatypes.organizations import organization, organizations
from libs.mapping.inbound.element import Element, resource
from libs.mapping.inbound.segments.pid import SEX

STF_FIELDS = frozenset({1, 2, 3, 5, 6, 7, 10, 11, 15})
PRA_FIELDS = frozenset({1, 3, 5, 6, 9})
LOC_FIELDS = frozenset({1, 2, 3, 4, 5, 6})
STF_NULLS = {
    3: ("name",),
    5: ("gender",),
    6: ("birthDate",),
    7: ("active",),
    10: ("telecom:phone",),
    11: ("address",),
    15: ("telecom:mail",),
}
PRA_NULLS = {3: ("specialty",), 5: ("specialty",), 9: ("organization",)}


def staff(stf: Segment, pra: Segment | None, context: Context, change: str = "") -> list[Reference]:
    """STF as a Practitioner, with a PractitionerRole of what PRA says of the practice.

    `change` is what the entry of the master file does (table 0180): what is deleted (MDL) is not active.
    """
    context.use(stf, STF_FIELDS)
    active = _ACTIVE.get(change, {"A": True, "I": False}.get(stf.text(7).strip()))
    identifiers = [*_key(stf, context), *cx_identifiers(context, stf, 2, "practitioner")]
    if pra is not None:
        context.use(pra, PRA_FIELDS)
        identifiers += pln_identifiers(context, pra, 6)
    names = human_names(context, stf, 3)
    found = resource(
        "Practitioner",
        identifier=identifiers,
        active=active,
        name=names,
        telecom=[
            *as_part("Practitioner", "telecom", "phone", telecoms(context, stf, 10)),
            *as_part("Practitioner", "telecom", "mail", _mail(stf)),
        ],
        gender=context.code(SEX, stf.text(5).strip(), stf, 5),
        birthDate=times.date(context, stf, 6),
        address=addresses(context, stf, 11),
    )
    person = context.put(
        found,
        identifiers[0] if identifiers else None,
        context.facility,
        stf.text(1),
        remove=removed(stf, STF_NULLS, found),
    )
    if pra is None:
        return [person]
    specialties = codeable_concepts(context, pra, 5) + codeable_concepts(context, pra, 3, table="0186")
    works_for = organizations(context, pra, 9)
    role = resource(
        "PractitionerRole",
        active=active,
        practitioner=person,
        organization=works_for[0] if works_for else None,
        specialty=specialties,
    )
    gone = removed(pra, PRA_NULLS, role)
    if not specialties and not works_for and not gone:
        return [person]
    return [person, context.put(role, None, person["reference"], "master-file", remove=gone)]


_ACTIVE = {"MDL": False, "MDC": False, "MAC": True}


def place(loc: Segment, context: Context, change: str = "") -> list[Reference]:
    """LOC as a Location, described; one that the master file deletes or deactivates is not active."""
    context.use(loc, LOC_FIELDS)
    where = location(context, loc, 1)
    if where is None:
        return []
    stated = addresses(context, loc, 5)
    context.describe(
        where,
        description=loc.text(2).strip(),
        type=codeable_concepts(context, loc, 3, table="0260"),
        telecom=telecoms(context, loc, 6),
        address=stated[0] if stated else None,
        managingOrganization=organization(context, loc, 4),
    )
    context.update(where)
    if change in _ACTIVE:
        context.describe(where, status="active" if _ACTIVE[change] else "inactive")
    return [where]


def _key(stf: Segment, context: Context) -> list[Element]:
    """STF-1: the key of the master file."""
    number = stf.text(1).strip()
    if not number:
        return []
    named = stf.text(1, 3).strip()
    system = US_NPI if named.upper() == "NPI" else code_system(context, named)
    return [{"system": system or facility_uri(context, "practitioner"), "value": number}]


def _mail(stf: Segment) -> list[Element]:
    return [
        {"system": "email", "value": text}
        for value in stf.repetitions(15)
        if "@" in (text := value.text(1).strip())
    ]
