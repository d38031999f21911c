"""DG1 -> Condition, Encounter.diagnosis, EpisodeOfCare.diagnosis.

Source: v2-to-FHIR IG 1.0.0, DG1[Condition], DG1[Encounter], DG1[EpisodeOfCare].
"""

from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import codeable_concept
from libs.mapping.inbound.datatypes.identifiers import ei_identifier
from libs.mapping.inbound.datatypes.numbers import positive_integer
from libs.mapping.inbound.datatypes.practitioners import practitioner
from libs.mapping.inbound.element import NO_ERROR, Element, code_key, concept, element, extension, resource
from libs.terminology.concept_map import concept_map

FIELDS = frozenset({1, 3, 4, 5, 6, 15, 16, 19, 20, 21, 22})
DIAGNOSIS_TYPE = concept_map("0052", "DiagnosisType")

CATEGORY = "http://terminology.hl7.org/CodeSystem/condition-category"
VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
DUE_TO = "http://hl7.org/fhir/StructureDefinition/condition-dueTo"
ASSERTED = "http://hl7.org/fhir/StructureDefinition/condition-assertedDate"


def condition(
    dg1: Segment, context: Context, patient: Reference, encounter: Reference | None
) -> Reference | None:
    """DG1[Condition], None when the segment names no diagnosis."""
    context.use(dg1, FIELDS)
    code = codeable_concept(context, dg1, 3) or {}
    if described := dg1.text(4).strip():
        code.setdefault("text", described)
    if not code:
        context.warn(dg1, 3, "no diagnosis: the segment is left out")
        return None
    asserted = times.date_time(context, dg1, 19)
    identifier = ei_identifier(context, dg1.first(20), purpose="diagnosis")
    deleted = dg1.text(21).strip().upper() == "D"
    found = resource(
        "Condition",
        extension=extension(ASSERTED, valueDateTime=asserted) + _due_to(dg1, identifier, context, patient),
        identifier=[identifier] if identifier else [],
        verificationStatus=concept(VERIFICATION, "entered-in-error") if deleted else None,
        category=[concept(CATEGORY, "encounter-diagnosis", "Encounter Diagnosis")],
        code=code,
        subject=patient,
        encounter=encounter,
        onsetDateTime=times.date_time(context, dg1, 5),
        recordedDate=asserted,
        asserter=practitioner(context, dg1, 16),
    )
    # Admitting, working and final (DG1-6) are uses that a visit makes of one condition.
    again = () if deleted else (NO_ERROR,)
    return context.put(found, identifier, (encounter or patient)["reference"], *code_key(code), remove=again)


def _due_to(dg1: Segment, own: Element | None, context: Context, patient: Reference) -> list[Element]:
    """DG1-22: the diagnosis that led to this one, of which only the number need be known."""
    parent = ei_identifier(context, dg1.first(22), purpose="diagnosis")
    if parent is None or parent == own:
        return []
    stated = context.create(resource("Condition", identifier=[parent], subject=patient), parent)
    return [{"url": DUE_TO, "valueReference": stated}]


def diagnosis(dg1: Segment, context: Context, stated: Reference) -> Element:
    """DG1[Encounter]: the Encounter.diagnosis that refers to the Condition."""
    use = codeable_concept(context, dg1, 6, DIAGNOSIS_TYPE)
    return element(condition=stated, use=use, rank=positive_integer(dg1.text(15)))


def of_episode(diagnosis: Element) -> Element:
    """DG1[EpisodeOfCare]: a visit's diagnosis as one of the episode that the visit is part of."""
    return {"role" if name == "use" else name: value for name, value in diagnosis.items()}
