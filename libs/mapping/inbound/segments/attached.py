"""OBX with an attachment (ED, RP) -> DiagnosticReport.presentedForm, where no OBR makes the report.

Source: the guide has R5's Observation.valueAttachment only, which few readers of R4 know.
"""

from collections.abc import Sequence

from libs.mapping.inbound.context import Context, Reference
from libs.mapping.inbound.element import resource
from libs.mapping.inbound.segments.obx import ATTACHMENT, Observed
from libs.mapping.inbound.structure import Result

_SHARED = ("status", "code", "subject", "encounter", "effectiveDateTime", "effectivePeriod", "performer")


def reports(results: Sequence[Result], observed: Observed, context: Context) -> list[Reference]:
    """A report for each of the results that has an attachment, which says what the Observation does."""
    found = []
    for one in results:
        observation = observed.by_position[one.obx.position]
        stated = context.stated(observation)
        forms = [part["valueAttachment"] for part in stated.get("extension", ()) if part["url"] == ATTACHMENT]
        if forms:
            report = resource(
                "DiagnosticReport",
                identifier=stated.get("identifier"),
                **{name: stated.get(name) for name in _SHARED},
                result=[observation],
                presentedForm=forms,
            )
            found.append(context.put(report, None, observation["reference"], "report"))
    return found
