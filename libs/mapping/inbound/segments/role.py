"""ROL and PRT -> PractitionerRole, and where it takes part.

Source: v2-to-FHIR IG 1.0.0, ROL[Patient-GeneralPractitioner], ROL[Encounter-PractitionerRole], ROL[CareTeam],
PRT[PractitionerRole], PRT[Patient-GeneralPractitioner-PractitionerRole], PRT[Device].
"""

from dataclasses import dataclass
from typing import NamedTuple

from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import codeable_concept
from libs.mapping.inbound.datatypes.contacts import addresses, telecoms
from libs.mapping.inbound.datatypes.locations import location
from libs.mapping.inbound.datatypes.organizations import device_of_ei, organization
from libs.mapping.inbound.datatypes.practitioners import practitioner_of
from libs.mapping.inbound.element import Element, element, resource
from libs.terminology.concept_map import concept_map

PROVIDER_ROLE = concept_map("0443", "ProviderRole")
PARTICIPATION = concept_map("0912", "Participation")


class _Fields(NamedTuple):
    """Where ROL and PRT hold the same facts."""

    role: int
    person: int
    begin: int
    end: int
    specialty: int
    address: int
    telecom: int
    location: int
    organization: int


_ROL = _Fields(3, 4, 5, 6, 9, 11, 12, 13, 14)
_PRT = _Fields(4, 5, 11, 12, 6, 14, 15, 9, 8)
FIELDS = {
    "ROL": frozenset({1, 2, *_ROL}),
    "PRT": frozenset({1, 2, *_PRT, 10}),
}
PRIMARY_CARE = frozenset({"PP", "FHCP"})  # the roles of a general practitioner


@dataclass(frozen=True, slots=True)
class Part:
    """Somebody's part in something."""

    who: Reference
    code: str  # as stated, ROL-3.1 or PRT-4.1
    role: Element | None
    period: Element
    device: Reference | None = None

    def participant(self) -> Element:
        """As an Encounter.participant."""
        return element(type=[self.role] if self.role else [], period=self.period, individual=self.who)


def part(segment: Segment, context: Context) -> Part | None:
    """The part that a ROL or PRT states, None when it names neither person, organization nor place."""
    context.use(segment, FIELDS[segment.name])
    at = _ROL if segment.name == "ROL" else _PRT
    concepts = PROVIDER_ROLE if segment.name == "ROL" else PARTICIPATION
    role = codeable_concept(context, segment, at.role, concepts)
    contact = element(address=addresses(context, segment, at.address))
    people = [
        found
        for xcn in segment.repetitions(at.person)
        if (found := practitioner_of(context, xcn, segment, at.person, contact or None))
    ]
    works_for = organization(context, segment, at.organization)
    place = location(context, segment, at.location)
    device = device_of_ei(context, segment.first(10)) if segment.name == "PRT" else None
    if not people and works_for is None and place is None:
        return None
    period = times.between(context, segment, at.begin, at.end)
    specialty = codeable_concept(context, segment, at.specialty)
    code = segment.text(at.role).strip()
    found = resource(
        "PractitionerRole",
        practitioner=people[0] if people else None,
        organization=works_for,
        code=[role] if role else [],
        specialty=[specialty] if specialty else [],
        location=[place] if place else [],
        telecom=telecoms(context, segment, at.telecom),
        period=period,
    )
    if people and found.keys() <= {"resourceType", "practitioner", "code"}:
        return Part(people[0], code, role, period, device)  # a role that says no more than its use does
    who = context.put(
        found,
        None,
        people[0]["reference"] if people else "",
        works_for["reference"] if works_for else "",
        place["reference"] if place else "",
        code,
    )
    return Part(who, code, role, period, device)
