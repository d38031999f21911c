"""PV2 -> Encounter: what else is known of the visit of the PV1 before it.

Source: v2-to-FHIR IG 1.0.0, PV2[Encounter]; PV2-1 and PV2-23 are read with PV1.
"""

from html import escape

from libs.fhir.parts import as_part
from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, removed
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import codeable_concept, codeable_concepts, coding_of
from libs.mapping.inbound.datatypes.numbers import decimal
from libs.mapping.inbound.datatypes.practitioners import practitioner_of
from libs.mapping.inbound.element import OWN, Element, element, extension
from libs.mapping.inbound.segments.pv1 import participant
from libs.terminology.concept_map import concept_map

FIELDS = frozenset({1, 3, 7, 8, 9, 10, 11, 12, 13, 21, 22, 23, 25, 38, 40})
PRIORITY = concept_map("0217", "EncounterPriority")
ARRIVAL = concept_map("0430", "ModeOfArrivalCode")
YES_NO = concept_map("0136", "YesNoIndicator")
_MODE_OF_ARRIVAL = "http://hl7.org/fhir/StructureDefinition/encounter-modeOfArrival"
_R5 = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Encounter."
_ESTIMATED_LENGTH = OWN + "encounter-estimated-length"
# What R4 has no element for: field, extension, its codes.
_EXTENSIONS = (
    (7, OWN + "encounter-visit-user", concept_map("0130", "VisitUserCode")),
    (21, OWN + "encounter-publicity", concept_map("0215", "PublicityCode")),
    (40, OWN + "encounter-admission-level-of-care", concept_map("0432", "AdmissionLevelOfCareCode")),
)
NULLS = {
    1: ("location:planned",),
    3: ("reasonCode",),
    8: (f"extension:{_R5}plannedStartDate",),
    9: (f"extension:{_R5}plannedEndDate",),
    10: (f"extension:{_ESTIMATED_LENGTH}",),
    11: ("length",),
    12: ("text",),
    13: ("participant:referral",),
    25: ("priority",),
    38: (f"extension:{_MODE_OF_ARRIVAL}",),
    **{field: (f"extension:{url}",) for field, url, _ in _EXTENSIONS},
}


def added(found: Element, pv2: Segment, context: Context) -> Element:
    """PV2[Encounter]: the Encounter of the PV1 with what the PV2 adds."""
    context.use(pv2, FIELDS)
    described = pv2.text(12).strip()
    referrers = [
        participant(person, "REF", "referrer")
        for xcn in pv2.repetitions(13)
        if (person := practitioner_of(context, xcn, pv2, 13))
    ]
    more = element(
        text={"status": "additional", "div": _division(described)} if described else None,
        extension=_extensions(pv2, context),
        priority=codeable_concept(context, pv2, 25, PRIORITY),
        reasonCode=codeable_concepts(context, pv2, 3),
        length=_days(pv2.text(11)),
        participant=[
            *found.get("participant", []),
            *as_part("Encounter", "participant", "referral", referrers),
        ],
    )
    return found | more


def nulls(pv2: Segment, found: Element) -> list[str]:
    """What of the Encounter the PV2 deletes."""
    return removed(pv2, NULLS, found)


def is_protected(pv2: Segment, context: Context) -> bool:
    """PV2-22: whether who may see the visit is restricted."""
    return context.code(YES_NO, pv2.text(22).strip(), pv2, 22) == "true"


def _extensions(pv2: Segment, context: Context) -> list[Element]:
    arrival = coding_of(context, pv2, 38, ARRIVAL)
    return [
        *extension(_R5 + "plannedStartDate", valueDateTime=times.date_time(context, pv2, 8)),
        *extension(_R5 + "plannedEndDate", valueDateTime=times.date_time(context, pv2, 9)),
        *extension(_ESTIMATED_LENGTH, valueQuantity=_days(pv2.text(10))),
        *(extension(_MODE_OF_ARRIVAL, valueCoding=arrival) if arrival else []),
        *(
            {"url": url, "valueCodeableConcept": said}
            for field, url, concepts in _EXTENSIONS
            if (said := codeable_concept(context, pv2, field, concepts))
        ),
    ]


def _days(text: str) -> Element | None:
    days = decimal(text)
    if days is None:
        return None
    return {"value": days, "unit": "days", "system": "http://unitsofmeasure.org", "code": "d"}


def _division(text: str) -> str:
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{escape(text, quote=False)}</div>'
