"""ADT: admission, discharge, transfer and what else happens to a patient or a visit.

Source: v2-to-FHIR IG 1.0.0, ADT_A01 (A01, A04, A08, A13), ADT_A05 (A05, A14, A28, A31); the guide has no map
for ADT_A03, which has the segments of ADT_A01.
"""

from libs.mapping.inbound.context import Context, Reference
from libs.mapping.inbound.messages.subject import allergies_and_coverage, subject
from libs.mapping.inbound.segments import obx, pr1
from libs.mapping.inbound.structure import Patient


def adt(group: Patient, context: Context) -> list[Reference]:
    """The patient, the visit and what the message states about them; returns what it is about."""
    about = subject(group, context)
    allergies_and_coverage(group, context, about)
    for one in group.all("PR1"):
        pr1.procedure(one, context, about.patient, about.encounter)
    obx.loose_observations(group.results, context, about)
    return about.focus()
