"""NTE -> Annotation.

Source: v2-to-FHIR IG 1.0.0, NTE[Observation], NTE[ServiceRequest], NTE[Appointment-Comment],
FT[Annotation-Comment], XCN[Annotation-Author], DTM[Annotation-Time]; NTE-4 and NTE-9 of every note as the
guide has them of an appointment's.
"""

from collections.abc import Iterable

from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import codeable_concept
from libs.mapping.inbound.datatypes.practitioners import practitioner
from libs.mapping.inbound.element import ALTERNATE_CODES, Element, element, extension, words

FIELDS = frozenset({1, 3, 4, 5, 6, 9})
KIND = "http://hl7.org/fhir/StructureDefinition/annotationType"


def notes(segments: Iterable[Segment], context: Context) -> list[Element]:
    """One Annotation an NTE with a comment; the repetitions of NTE-3 are its lines."""
    found = (_note(nte, context) for nte in segments)
    return [note for note in found if note]


def _note(nte: Segment, context: Context) -> Element | None:
    context.use(nte, FIELDS)
    coded = codeable_concept(context, nte, 9) if nte.raw(9) else None
    kind = codeable_concept(context, nte, 4, table="0364") if nte.raw(4) else None
    text = "\n".join(value.text(1) for value in nte.repetitions(3)).strip() or words(coded or {})
    if not text:
        return None
    return element(
        extension=[
            *(extension(KIND, valueCodeableConcept=kind) if kind else []),
            *(extension(ALTERNATE_CODES, valueCodeableConcept=coded) if coded else []),
        ],
        authorReference=practitioner(context, nte, 5),
        time=times.date_time(context, nte, 6),
        text=text,
    )
