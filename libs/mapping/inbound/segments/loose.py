"""OBX of no order (ADT, BAR, the patient group of an ORU) -> Observation.

Source: v2-to-FHIR IG 1.0.0, OBX[Observation].
"""

from collections.abc import Sequence

from libs.mapping.inbound.context import Context, Reference, Subject
from libs.mapping.inbound.segments import attached, obx
from libs.mapping.inbound.structure import Result


def observations(results: Sequence[Result], context: Context, subject: Subject) -> list[Reference]:
    """The observations, told apart by their time, and a report for each that has an attachment."""
    anchor = (subject.encounter or subject.patient)["reference"]
    setting = obx.Setting(subject.patient, subject.encounter, (anchor,))
    observed = obx.observations(results, setting, context, timed=True)
    return [*observed.references, *attached.reports(results, observed, context)]
