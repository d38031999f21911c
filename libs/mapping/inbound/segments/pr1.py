"""PR1 -> Procedure.

Source: v2-to-FHIR IG 1.0.0, PR1[Procedure]. The status is "completed" when the time of the procedure is
given, else "unknown": PR1 itself does not say.
"""

from collections.abc import Sequence

from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import codeable_concept, codeable_concepts
from libs.mapping.inbound.datatypes.identifiers import ei_identifier
from libs.mapping.inbound.datatypes.locations import location
from libs.mapping.inbound.datatypes.numbers import decimal
from libs.mapping.inbound.datatypes.practitioners import practitioners
from libs.mapping.inbound.element import Element, code_key, concept, distinct, element, resource
from libs.mapping.inbound.segments.role import Part

FIELDS = frozenset({1, 3, 4, 5, 6, 7, 8, 11, 12, 15, 16, 19, 20, 23, 25})
SNOMED = "http://snomed.info/sct"
_PERFORMERS = (
    (8, concept(SNOMED, "88189002", "Anesthesiologist")),
    (11, concept(SNOMED, "304292004", "Surgeon")),
    (12, None),
)


def procedure(
    pr1: Segment,
    context: Context,
    patient: Reference,
    encounter: Reference | None,
    parts: Sequence[Part] = (),
) -> Reference | None:
    """PR1[Procedure], None when the segment names no procedure."""
    context.use(pr1, FIELDS)
    code = _code(pr1, context)
    if not code:
        context.warn(pr1, 3, "no procedure: the segment is left out")
        return None
    identifier = ei_identifier(context, pr1.first(19), purpose="procedure")
    performed = _performed(pr1, context)
    found = resource(
        "Procedure",
        identifier=[identifier] if identifier else [],
        partOf=_part_of(pr1, identifier, context, patient),
        status=_status(pr1, performed),
        category=codeable_concept(context, pr1, 6, table="0230"),
        code=code,
        subject=patient,
        encounter=encounter,
        performer=_performers(pr1, parts, context),
        location=location(context, pr1, 23),
        reasonCode=codeable_concepts(context, pr1, 15),
        **performed,
    )
    return context.put(found, identifier, (encounter or patient)["reference"], *code_key(code), pr1.text(5))


def _performers(pr1: Segment, parts: Sequence[Part], context: Context) -> list[Element]:
    """Who did it: PR1-8, PR1-11, PR1-12, and who has a part of its own (ROL, PRT)."""
    stated = [
        element(function=function, actor=person)
        for field, function in _PERFORMERS
        for person in practitioners(context, pr1, field)
    ]
    return distinct([*stated, *(element(function=one.role, actor=one.who) for one in parts if one.who)])


def _part_of(pr1: Segment, own: Element | None, context: Context, patient: Reference) -> list[Reference]:
    """PR1-25: the procedure that this one is part of, of which only the number need be known."""
    parent = ei_identifier(context, pr1.first(25), purpose="procedure")
    if parent is None or parent == own:
        return []
    found = resource("Procedure", identifier=[parent], status="unknown", subject=patient)
    return [context.create(found, parent)]


def _code(pr1: Segment, context: Context) -> Element:
    code = codeable_concept(context, pr1, 3) or {}
    modifiers = [value.text(1).strip() for value in pr1.repetitions(16)]
    if modifiers and code.get("coding"):
        first = code["coding"][0]
        code["coding"] = [first | {"code": ":".join([first["code"], *modifiers])}, first, *code["coding"][1:]]
    if described := pr1.text(4).strip():
        code.setdefault("text", described)
    return code


def _status(pr1: Segment, performed: Element) -> str:
    if pr1.text(20).strip().upper() == "D":
        return "entered-in-error"
    return "completed" if performed else "unknown"


def _performed(pr1: Segment, context: Context) -> Element:
    start = times.date_time(context, pr1, 5)
    minutes = decimal(pr1.text(7))
    if start and minutes is not None and (end := times.add_minutes(start, float(minutes))):
        return {"performedPeriod": {"start": start, "end": end}}
    return element(performedDateTime=start)
