"""ROL and PRT after the PID -> CareTeam.

Source: v2-to-FHIR IG 1.0.0, ROL[CareTeam], PRT[CareTeam]. On whose behalf somebody is in the team stands in
the PractitionerRole, since R4 has room for it here only beside a Practitioner (invariant ctm-1).
"""

from collections.abc import Sequence

from libs.mapping.inbound.context import Context, Reference
from libs.mapping.inbound.element import Element, distinct, element, resource
from libs.mapping.inbound.segments.role import Part


def care_team(parts: Sequence[Part], context: Context, patient: Reference) -> Reference | None:
    """The team of those who take part in the care of the patient; None when there is nobody."""
    members = [one for one in parts if one.who]
    if not members:
        return None
    found = resource(
        "CareTeam",
        status="active",
        subject=patient,
        participant=[_participant(one) for one in members],
        reasonCode=distinct([one.reason for one in members if one.reason]),
    )
    return context.put(found, None, patient["reference"], "care-team")


def _participant(one: Part) -> Element:
    kinds = [kind for kind in (one.role, one.specialty) if kind]
    return element(role=kinds, member=one.who, period=one.period)
