"""SIU and SRM: appointments.

Source: v2-to-FHIR IG 1.0.0, SIU_S12.
"""

from libs.mapping.inbound.context import Context, Reference
from libs.mapping.inbound.messages.subject import allergies_and_coverage, subject
from libs.mapping.inbound.segments import loose, sch
from libs.mapping.inbound.structure import Patient


def siu(group: Patient, context: Context) -> list[Reference]:
    """The patient and the appointment; returns the appointment."""
    about = subject(group, context) if group.first("PID") is not None else None
    if about is not None:
        allergies_and_coverage(group, context, about)
        loose.observations(group.results, context, about)
    segments = context.message.segments
    found = [sch.appointment(one, context, about, segments) for one in context.message.all("SCH")]
    found += [sch.requested(one, context, about, segments) for one in context.message.all("ARQ")]
    return found or (about.focus() if about else [])
