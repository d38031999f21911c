"""ROL and PRT -> PractitionerRole, RelatedPerson, and where they take part.

Source: v2-to-FHIR IG 1.0.0, ROL[Patient-GeneralPractitioner], ROL[Encounter-PractitionerRole],
ROL[RelatedPerson], PRT[PractitionerRole], PRT[RelatedPerson], PRT[Observation-Location],
PRT[Patient-GeneralPractitioner-PractitionerRole]. The guide proposes extensions for ROL-7, PRT-13 (how long),
without which they stand in the report.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from libs.hl7v2.message import Segment, Value
from libs.mapping.inbound.context import Context, Reference
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import codeable_concept
from libs.mapping.inbound.datatypes.contacts import address, addresses, preferring, telecoms
from libs.mapping.inbound.datatypes.identifiers import ei_identifier, pln_identifiers
from libs.mapping.inbound.datatypes.locations import PL, location_at, location_of
from libs.mapping.inbound.datatypes.names import spelled
from libs.mapping.inbound.datatypes.organizations import organization
from libs.mapping.inbound.datatypes.practitioners import described, practitioner_of
from libs.mapping.inbound.element import Element, element, resource
from libs.mapping.inbound.segments import device
from libs.mapping.inbound.segments.nk1 import CONTACT_ROLE, RELATIONSHIP
from libs.terminology.concept_map import concept_map

PROVIDER_ROLE = concept_map("0443", "ProviderRole")
PARTICIPATION = concept_map("0912", "Participation")
EVENT_LOCATION = "http://hl7.org/fhir/StructureDefinition/event-location"


class _Fields(NamedTuple):
    """Where ROL and PRT hold the same facts."""

    role: int
    person: int
    begin: int
    end: int
    specialty: int
    unit: int
    address: int
    telecom: int
    location: int
    organization: int


_ROL = _Fields(3, 4, 5, 6, 9, 10, 11, 12, 13, 14)
_PRT = _Fields(4, 5, 11, 12, 6, 7, 14, 15, 9, 8)
FIELDS = {
    "ROL": frozenset({1, 2, *_ROL}) - {_ROL.unit},
    "PRT": frozenset({1, 2, *_PRT, 23, 24}) - {_PRT.unit},
}
_ENDED = frozenset({"D", "DE"})  # ROL-2 and PRT-2, tables 0206 and 0287: deleted
GENERAL_PRACTITIONER = frozenset({"PP", "FHCP"})  # the roles of who looks after a patient in general
# Whose address an address of its type (XAD.7) is: the organization's, the place's; else the person's.
_OF_ORGANIZATION = frozenset({"B", "BI", "L"})
_OF_PLACE = frozenset({"M", "O", "S", "SH", "TM"})


@dataclass(frozen=True, slots=True)
class Part:
    """Somebody's part in something."""

    who: Reference | None  # None when only a device or a place took part
    code: str  # as stated, ROL-3.1 or PRT-4.1
    role: Element | None
    period: Element
    specialty: Element | None = None  # ROL-9, PRT-6
    devices: list[Reference] = field(default_factory=list)
    places: list[Reference] = field(default_factory=list)
    reason: Element | None = None  # ROL-8

    def participant(self) -> Element:
        """As an Encounter.participant."""
        return element(type=[self.role] if self.role else [], period=self.period, individual=self.who)

    def event_locations(self) -> list[Element]:
        """PRT[Observation-Location]: where it took part, as extensions."""
        return [{"url": EVENT_LOCATION, "valueReference": place} for place in self.places]


def part(segment: Segment, context: Context) -> Part | None:
    """The part that a ROL or PRT states; None when it names nobody, no organization, place or device."""
    is_rol = segment.name == "ROL"
    context.use(segment, FIELDS[segment.name])
    if segment.text(2).strip() in _ENDED:
        context.warn(
            segment, 2, "left out of what is stated; what is stored stays until the list is stated anew"
        )
        return None
    at = _ROL if is_rol else _PRT
    role = codeable_concept(context, segment, at.role, PROVIDER_ROLE if is_rol else PARTICIPATION)
    works_for = _organization(segment, at, context)
    context.reads(segment, at.location, PL)
    places = [place for pl in segment.repetitions(at.location) if (place := location_of(context, pl))]
    places += [
        place
        for xad in segment.repetitions(at.address)
        if _is_of_place(xad, segment, at)
        and (stated := address(context, xad, segment, at.address))
        and (place := location_at(context, stated))
    ]
    people = _people(segment, at, context)
    equipment = [] if is_rol else device.devices(segment, context)
    if not people and works_for is None and not places and not equipment:
        return None
    period = times.between(context, segment, at.begin, at.end)
    specialty = codeable_concept(context, segment, at.specialty)
    points = telecoms(context, segment, at.telecom)
    found = resource(
        "PractitionerRole",
        identifier=_identifiers(segment, context),
        practitioner=people[0] if people else None,
        organization=works_for,
        code=[role] if role else [],
        specialty=[specialty] if specialty else [],
        location=places,
        telecom=points if is_rol else preferring(points, segment.text(23).strip()),
        period=period,
    )
    return Part(
        _who(found, people, works_for, segment.text(at.role).strip(), context),
        segment.text(at.role).strip(),
        role,
        period,
        specialty,
        equipment,
        places,
        _reason(segment, context) if is_rol else None,
    )


def is_kin(segment: Segment) -> bool:
    """Whether the role is a relationship (table 0063) or that of a contact (0131), not a provider's."""
    at = _ROL if segment.name == "ROL" else _PRT
    return segment.text(at.role, 3).strip()[-4:] in {RELATIONSHIP.table, CONTACT_ROLE.table}


def related_person(segment: Segment, context: Context, patient: Reference) -> None:
    """ROL[RelatedPerson], PRT[RelatedPerson]: the first person that the segment names."""
    at = _ROL if segment.name == "ROL" else _PRT
    context.use(segment, frozenset({1, 2, at.role, at.person, at.begin, at.end, at.address, at.telecom}))
    number, name = described(context, segment.first(at.person), segment, at.person)
    if number is None and name is None:
        return
    concepts = RELATIONSHIP if segment.text(at.role, 3).strip().endswith(RELATIONSHIP.table) else CONTACT_ROLE
    kind = codeable_concept(context, segment, at.role, concepts)
    found = resource(
        "RelatedPerson",
        identifier=[*([number] if number else []), *_identifiers(segment, context)],
        patient=patient,
        relationship=[kind] if kind else [],
        name=[name] if name else [],
        telecom=telecoms(context, segment, at.telecom),
        address=addresses(context, segment, at.address),
        period=times.between(context, segment, at.begin, at.end),
    )
    key = (number["system"], number["value"]) if number else (spelled([name]) if name else "", "")
    context.put(found, None, patient["reference"], *key, segment.text(at.role).strip())


def _who(
    found: Element,
    people: list[Reference],
    works_for: Reference | None,
    code: str,
    context: Context,
) -> Reference | None:
    """The person where the role says no more than its use does, else the PractitionerRole."""
    if people and found.keys() <= {"resourceType", "practitioner", "code"}:
        return people[0]
    if not people and works_for is None and "location" not in found:
        return None
    place = found["location"][0]["reference"] if "location" in found else ""
    return context.put(
        found,
        None,
        people[0]["reference"] if people else "",
        works_for["reference"] if works_for else "",
        place,
        code,
    )


def _people(segment: Segment, at: _Fields, context: Context) -> list[Reference]:
    """The people named. Of several, which is rare, the first has the role; the others are known alone."""
    own = [
        found
        for xad in segment.repetitions(at.address)
        if xad.text(7).strip() not in _OF_ORGANIZATION
        and not _is_of_place(xad, segment, at)
        and (found := address(context, xad, segment, at.address))
    ]
    contact = element(address=own)
    return [
        found
        for xcn in segment.repetitions(at.person)
        if (found := practitioner_of(context, xcn, segment, at.person, contact or None))
    ]


def _is_of_place(xad: Value, segment: Segment, at: _Fields) -> bool:
    """Whether an address is of a place: by its type, or since there is nobody whose it could be."""
    kind = xad.text(7).strip()
    return kind in _OF_PLACE or (kind not in _OF_ORGANIZATION and not segment.raw(at.person))


def _organization(segment: Segment, at: _Fields, context: Context) -> Reference | None:
    """The organization, with what kind of unit it is and its address if it is one."""
    if not segment.raw(at.organization):
        return None
    unit = codeable_concept(context, segment, at.unit, table="0406")  # the guide's map of it is empty
    if unit:
        context.use(segment, frozenset({at.unit}))
    own = [
        found
        for xad in segment.repetitions(at.address)
        if xad.text(7).strip() in _OF_ORGANIZATION and (found := address(context, xad, segment, at.address))
    ]
    return organization(context, segment, at.organization, type=[unit] if unit else [], address=own)


def _identifiers(segment: Segment, context: Context) -> list[Element]:
    """ROL-1 and PRT-1 where they are a number with an authority, and PRT-24; else they count segments."""
    instance = segment.first(1)
    stated = ei_identifier(context, instance) if instance.text(2) or instance.text(3) else None
    numbers = pln_identifiers(context, segment, 24) if segment.name == "PRT" else []
    return [*([stated] if stated else []), *numbers]


def _reason(segment: Segment, context: Context) -> Element | None:
    reason = codeable_concept(context, segment, 8)
    if reason:
        context.use(segment, frozenset({8}))
    return reason
