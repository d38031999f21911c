"""AL1 -> AllergyIntolerance.

Source: v2-to-FHIR IG 1.0.0, AL1[AllergyIntolerance]. AL1-4 is mapped both as the criticality and as the
severity of the reaction: senders do not say which of the two they mean.
"""

from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import code_text, codeable_concept, concept_of
from libs.mapping.inbound.element import NO_ERROR, Element, code_key, concept, element, resource
from libs.terminology.concept_map import concept_map

FIELDS = frozenset({1, 2, 3, 4, 5, 6})
CATEGORY = concept_map("0127", "AllergenType[AllergyIntoleranceCategory]")
TYPE = concept_map("0127", "AllergyType")
CRITICALITY = concept_map("0128", "AllergySeverity[AllergyIntolerance.criticality]")
SEVERITY = concept_map("0128", "AllergySeverity[AllergyIntolerance.reaction.severity]")
ALTERNATE_CODES = "http://hl7.org/fhir/StructureDefinition/alternate-codes"
CLINICAL = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"


def allergy(al1: Segment, context: Context, patient: Reference) -> Reference | None:
    """The allergy one AL1 states, None when it names no allergen."""
    context.use(al1, FIELDS)
    code = codeable_concept(context, al1, 3)
    if code is None:
        context.warn(al1, 3, "no allergen: the segment is left out")
        return None
    kind, severity = code_text(al1, 2), code_text(al1, 4)
    category = context.code(CATEGORY, kind, al1, 2)
    original = codeable_concept(context, al1, 4, table="0128") if severity else None
    found = resource(
        "AllergyIntolerance",
        clinicalStatus=concept(CLINICAL, "active"),
        type=context.code(TYPE, kind, al1, 2),
        category=[category] if category else [],
        _category=alternates(codeable_concept(context, al1, 2, table="0127") if kind else None, one=False),
        criticality=context.code(CRITICALITY, severity, al1, 4),
        _criticality=alternates(original),
        code=code,
        patient=patient,
        onsetDateTime=times.date_time(context, al1, 6),
        reaction=_reactions(al1, context, context.code(SEVERITY, severity, al1, 4)),
    )
    # MO and MI say how severe the reaction was and nothing of the risk: what was known of it is outdated.
    outdated = ("criticality", NO_ERROR) if severity and "criticality" not in found else (NO_ERROR,)
    return context.put(found, None, patient["reference"], *code_key(code), remove=outdated)


def alternates(original: Element | None, *, one: bool = True) -> Element | list[Element] | None:
    """The sender's code for a primitive of FHIR, as the sibling of that (of a list, if not `one`)."""
    if original is None:
        return None
    found: Element = {"extension": [{"url": ALTERNATE_CODES, "valueCodeableConcept": original}]}
    return found if one else [found]


def _reactions(al1: Segment, context: Context, severity: str | None) -> list[Element]:
    """AL1-5 is a text (ST); some senders put a coded value there."""
    manifestations = (
        {"text": value.text(1).strip()} if value.component_count == 1 else concept_of(context, value, al1, 5)
        for value in al1.repetitions(5)
    )
    return [
        element(manifestation=[one], severity=severity) for one in manifestations if one and any(one.values())
    ]
