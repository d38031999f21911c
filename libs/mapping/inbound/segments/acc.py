"""ACC -> Observation; PDA -> Condition, Procedure, Observation.

Source: the guide has no maps. HL7 v2.5.1 chapter 6, 6.5.9 (ACC) and chapter 3, 3.4.12 (PDA).
"""

from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference, Subject
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import codeable_concept, codeable_concepts
from libs.mapping.inbound.datatypes.contacts import address
from libs.mapping.inbound.datatypes.locations import location, location_at
from libs.mapping.inbound.datatypes.practitioners import practitioner, practitioners
from libs.mapping.inbound.element import Element, code_key, concept, element, resource

ACC_FIELDS = frozenset({1, 2, 3, 5, 6, 7, 8, 10, 11, 12})
PDA_FIELDS = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 9})
YES_NO = "http://terminology.hl7.org/CodeSystem/v2-0136"
_INCIDENT = concept("http://loinc.org", "11374-6", "Injury incident description Narrative")
_INDICATORS = (
    (5, "Accident Job Related Indicator"),
    (6, "Accident Death Indicator"),
    (10, "Police Notified Indicator"),
)


def accident(acc: Segment, context: Context, subject: Subject) -> Reference:
    """ACC as an Observation of the incident, with its indicators as components."""
    context.use(acc, ACC_FIELDS)
    described = acc.text(8).strip()
    code = codeable_concept(context, acc, 2, table="0050")
    when = times.date_time(context, acc, 1)
    number = acc.text(12).strip()
    components: list[Element] = [
        {"code": {"text": text}, "valueCodeableConcept": concept(YES_NO, answer)}
        for field, text in _INDICATORS
        if (answer := acc.text(field).strip())
    ]
    if code:
        components.insert(0, {"code": {"text": "Accident Code"}, "valueCodeableConcept": code})
    found = resource(
        "Observation",
        identifier=[{"system": context.local("facility", context.facility, "accident"), "value": number}]
        if number
        else [],
        status="final",
        code=_INCIDENT,
        subject=subject.patient,
        encounter=subject.encounter,
        focus=_places(acc, context),
        effectiveDateTime=when,
        performer=practitioners(context, acc, 7),
        valueString=described,
        component=components,
    )
    return context.put(found, None, subject.key, "accident", when or "", merge=False)


def death(pda: Segment, context: Context, subject: Subject) -> None:
    """PDA: the causes of death, its certification, the autopsy and whether there was a coroner."""
    context.use(pda, PDA_FIELDS)
    for cause in codeable_concepts(context, pda, 1):
        context.put(
            resource(
                "Condition",
                category=[{"text": "Cause of death"}],
                code=cause,
                subject=subject.patient,
                encounter=subject.encounter,
            ),
            None,
            subject.key,
            "cause-of-death",
            *code_key(cause),
        )
    place = location(context, pda, 2)
    signed = times.date_time(context, pda, 4)
    period = times.period(context, pda.first(7), pda, 7)
    acts = (
        (
            "Death Certification",
            pda.text(3),
            element(performedDateTime=signed),
            practitioner(context, pda, 5),
        ),
        ("Autopsy Performed", pda.text(6), element(performedPeriod=period), practitioner(context, pda, 8)),
    )
    for text, answer, when, person in acts:
        if answer.strip() == "Y" or when or person:
            context.put(
                resource(
                    "Procedure",
                    status="completed",
                    code={"text": text},
                    subject=subject.patient,
                    encounter=subject.encounter,
                    performer=[{"actor": person}] if person else [],
                    location=place,
                    **when,
                ),
                None,
                subject.key,
                text,
            )
    for text, field in (("Death Certificate", 3), ("Autopsy", 6), ("Coroner", 9)):
        if answer := pda.text(field).strip():
            context.put(
                resource(
                    "Observation",
                    status="final",
                    code={"text": text},
                    subject=subject.patient,
                    encounter=subject.encounter,
                    valueCodeableConcept=concept(YES_NO, answer, {"Y": "Yes", "N": "No"}.get(answer)),
                ),
                None,
                subject.key,
                text,
                merge=False,
            )


def _places(acc: Segment, context: Context) -> list[Reference]:
    """ACC-3 and ACC-11: where it happened."""
    name = acc.text(3).strip()
    where = address(context, acc.first(11), acc, 11) if acc.first(11) else None
    if not name:
        return [location_at(context, where)] if where else []
    identifier = {"system": context.local("location", "accident"), "value": name}
    found = resource("Location", identifier=[identifier], name=name, address=where, mode="instance")
    return [context.create(found, identifier)]
