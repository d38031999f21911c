"""ADT: admission, discharge, transfer and what else happens to a patient or a visit.

Source: v2-to-FHIR IG 1.0.0, ADT_A01 (A01, A04, A08, A13), ADT_A05 (A05, A14, A28, A31); the guide has no map
for ADT_A03, which has the segments of ADT_A01. ADT_A02, ADT_A06, ADT_A09, ADT_A11, ADT_A17 and the like are
subsets of it; merges are in merges.py.
"""

from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference, Subject
from libs.mapping.inbound.messages.merges import MERGES
from libs.mapping.inbound.messages.oru import write_reports
from libs.mapping.inbound.messages.subject import allergies_and_coverage, parts_of, subject
from libs.mapping.inbound.segments import acc, loose, pr1, rf1
from libs.mapping.inbound.structure import Patient


def adt(group: Patient, context: Context) -> list[Reference]:
    """The patient, the visit and what the message states about them; returns what it is about."""
    merge = MERGES.get(context.event)
    if merge is not None and group.first("PID") is not None:
        return merge(group, context)
    about = subject(group, context)
    allergies_and_coverage(group, context, about)
    acts_of_care(group, context, about)
    loose.observations(group.results, context, about)
    write_reports(group, context, about)
    return about.focus()


def acts_of_care(group: Patient, context: Context, about: Subject) -> None:
    """Write the procedures and referrals of the group, and what it says of an accident or a death."""
    procedures(group, context, about)
    for one in group.all("RF1"):
        rf1.referral(one, context.message.all("PRD"), context, about, _on_referral(group, context))
    for one in group.all("ACC"):
        acc.accident(one, context, about)
    for one in group.all("PDA"):
        acc.death(one, context, about)


def _on_referral(group: Patient, context: Context) -> list[Segment]:
    """The notes at the end of a referral (REF), behind the visit."""
    visit = group.first("PV1")
    if visit is None or context.is_adt:
        return []
    return [one for one in group.following(visit, "PV2", "PRT", "NTE") if one.name == "NTE"]


def procedures(group: Patient, context: Context, about: Subject) -> None:
    """Write the procedures of the group, with those who take part in them."""
    stated = group.all("PR1")
    parts = parts_of(group.segments, context) if stated else {}
    for one in stated:
        pr1.procedure(one, context, about.patient, about.encounter, parts.get(one.position, []))
