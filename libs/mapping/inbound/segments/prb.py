"""PRB -> Condition; GOL -> Goal.

Source: the guide has no maps. HL7 v2.5.1 chapter 12, 12.4.
"""

from libs.hl7v2.message import Segment, State
from libs.mapping.inbound.context import Context, Reference, Subject
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import codeable_concept, codeable_concepts
from libs.mapping.inbound.datatypes.identifiers import ei_identifier
from libs.mapping.inbound.element import NO_ERROR, Element, concept, resource
from libs.mapping.inbound.segments.nte import notes

PRB_FIELDS = frozenset({1, 2, 3, 4, 7, 9, 10, 13, 14, 16, 17, 25, 26})
GOL_FIELDS = frozenset({1, 3, 4, 6, 7, 8, 9, 10, 16, 17, 18, 19})

CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
CATEGORY = "http://terminology.hl7.org/CodeSystem/condition-category"
_DELETED, _ADDED = "DE", "AD"  # table 0287
_ACTIVE = "active"
_VERIFIED = {
    "C": "confirmed",
    "D": "differential",
    "I": "unconfirmed",
    "P": "provisional",
    "U": "unconfirmed",
}
_VERIFIED |= {"CONFIRMED": "confirmed", "PROVISIONAL": "provisional", "DIFFERENTIAL": "differential"}
_CLINICAL = {"I": "inactive", "INACTIVE": "inactive", "RESOLVED": "resolved", "REMISSION": "remission"}
_GOAL = {
    "A": "active",
    "ACTIVE": "active",
    "C": "completed",
    "COMPLETED": "completed",
    "CANCELLED": "cancelled",
}


def problem(prb: Segment, comments: list[Segment], context: Context, subject: Subject) -> Reference:
    """PRB as a Condition of the problem list."""
    context.use(prb, PRB_FIELDS)
    identifier = ei_identifier(context, prb.first(4), purpose="problem")
    onset = times.date_time(context, prb, 16)
    resolved = times.date_time(context, prb, 9)
    deleted = prb.text(1).strip() == _DELETED
    stated = (prb.text(13) or prb.text(13, 2)).strip().upper()
    verified = "entered-in-error" if deleted else _VERIFIED.get(stated)
    clinical = _clinical(prb, resolved)
    said = bool(resolved or prb.raw(14) or prb.state(9) is State.NULL)
    found = resource(
        "Condition",
        identifier=[identifier] if identifier else [],
        clinicalStatus=None if deleted else concept(CLINICAL, clinical),
        verificationStatus=concept(VERIFICATION, verified) if verified else None,
        meta=_sensitivity(prb, context),
        category=[
            concept(CATEGORY, "problem-list-item", "Problem List Item"),
            *codeable_concepts(context, prb, 10),
        ],
        severity=codeable_concept(context, prb, 26),
        code=codeable_concept(context, prb, 3) or {"text": "unknown"},
        subject=subject.patient,
        encounter=subject.encounter,
        onsetDateTime=onset,
        onsetString=None if onset else prb.text(17).strip(),
        abatementDateTime=resolved,
        recordedDate=times.date_time(context, prb, 7) or times.date_time(context, prb, 2),
        note=notes(comments, context),
    )
    number = prb.first(4)
    by_itself = identifier if number.text(2) or number.text(3) else None
    key = (subject.key, "problem", prb.text(4), prb.text(3) or prb.text(3, 2))
    removed = ["clinicalStatus" if deleted else NO_ERROR]
    if said and clinical == _ACTIVE:
        removed.append("abatementDateTime")
    return context.put(
        found, by_itself, *key, remove=removed, keep=() if said or deleted else ("clinicalStatus",)
    )


def goal(gol: Segment, comments: list[Segment], context: Context, subject: Subject) -> Reference:
    """GOL as a Goal."""
    context.use(gol, GOL_FIELDS)
    identifier = ei_identifier(context, gol.first(4), purpose="goal")
    deleted = gol.text(1).strip() == _DELETED
    stated = (gol.text(18) or gol.text(18, 2)).strip().upper()
    due = times.date_time(context, gol, 8)
    found = resource(
        "Goal",
        identifier=[identifier] if identifier else [],
        lifecycleStatus="entered-in-error" if deleted else _GOAL.get(stated, "active"),
        achievementStatus=codeable_concept(context, gol, 16),
        category=[code for field in (9, 10) for code in codeable_concepts(context, gol, field)],
        priority={"text": rank} if (rank := gol.text(6).strip()) else None,
        description=codeable_concept(context, gol, 3) or {"text": "unknown"},
        subject=subject.patient,
        startDate=_day(times.date_time(context, gol, 7)),
        target=[{"dueDate": _day(due)}] if due else [],
        statusDate=_day(times.date_time(context, gol, 19)),
        note=[*notes(comments, context), *({"text": text} for text in [gol.text(17).strip()] if text)],
    )
    said = deleted or gol.raw(18) or gol.text(1).strip() == _ADDED  # one that was deleted may be added again
    key = (subject.key, "goal", gol.text(4), gol.text(3) or gol.text(3, 2))
    return context.put(found, None, *key, keep=() if said else ("lifecycleStatus",))


def _sensitivity(prb: Segment, context: Context) -> Element:
    """PRB-25: who may see the problem."""
    stated = codeable_concept(context, prb, 25)
    labels = stated.get("coding", []) if stated else []
    return {"security": labels} if labels else {}


def _clinical(prb: Segment, resolved: str | None) -> str:
    stated = (prb.text(14) or prb.text(14, 2)).strip().upper()
    return "resolved" if resolved else _CLINICAL.get(stated, _ACTIVE)


def _day(moment: str | None) -> str | None:
    return moment[:10] if moment else None
