"""NTE -> Annotation.

Source: v2-to-FHIR IG 1.0.0, NTE[Observation], NTE[ServiceRequest], FT[Annotation-Comment].
"""

from collections.abc import Iterable

from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.practitioners import practitioner
from libs.mapping.inbound.element import Element, element

FIELDS = frozenset({1, 3, 5, 6})


def notes(segments: Iterable[Segment], context: Context) -> list[Element]:
    """One Annotation an NTE with a comment; the repetitions of NTE-3 are its lines."""
    found = (_note(nte, context) for nte in segments)
    return [note for note in found if note]


def _note(nte: Segment, context: Context) -> Element | None:
    context.use(nte, FIELDS)
    text = "\n".join(value.text(1) for value in nte.repetitions(3)).strip()
    if not text:
        return None
    return element(
        authorReference=practitioner(context, nte, 5), time=times.date_time(context, nte, 6), text=text
    )
