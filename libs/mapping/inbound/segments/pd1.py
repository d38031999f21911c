"""PD1 -> Patient, Observation.

Source: v2-to-FHIR IG 1.0.0, PD1[Patient], PD1[Observation-LivingWill].
"""

from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference
from libs.mapping.inbound.datatypes.codes import codeable_concept
from libs.mapping.inbound.datatypes.organizations import organizations
from libs.mapping.inbound.datatypes.practitioners import practitioners
from libs.mapping.inbound.element import Element, concept, element, extension, resource
from libs.terminology.concept_map import concept_map

FIELDS = frozenset({3, 4, 6, 7, 14})
LIVING_WILL = concept_map("0315", "LivingWillCode")
_FHIR = "http://hl7.org/fhir/StructureDefinition/"


def primary_care(pd1: Segment, context: Context) -> Element:
    """PD1[Patient]: general practitioners, disability, congregation."""
    context.use(pd1, FIELDS)
    found: list[Element] = []
    if disability := codeable_concept(context, pd1, 6):
        found += extension(_FHIR + "patient-disability", valueCodeableConcept=disability)
    found += extension(_FHIR + "patient-congregation", valueString=pd1.text(14).strip())
    return element(
        generalPractitioner=[*organizations(context, pd1, 3), *practitioners(context, pd1, 4)],
        extension=found,
    )


def living_will(pd1: Segment, context: Context, subject: Reference) -> Reference | None:
    """PD1[Observation-LivingWill]: PD1-7, None when it is not valued."""
    stated = codeable_concept(context, pd1, 7, LIVING_WILL)
    if stated is None:
        return None
    found = resource(
        "Observation",
        status="final",
        code=concept("http://loinc.org", "75320-2", "Advance directive"),
        subject=subject,
        valueCodeableConcept=stated,
    )
    return context.put(found, None, subject["reference"], "living-will", merge=False)
