"""OBR -> DiagnosticReport.

Source: v2-to-FHIR IG 1.0.0, OBR[DiagnosticReport], ORC[DiagnosticReport].
"""

from libs.fhir.parts import as_part
from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference, Subject
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import codeable_concept
from libs.mapping.inbound.datatypes.practitioners import role_of_ndl
from libs.mapping.inbound.element import DATA_ABSENT, Element, concept, element, extension, resource
from libs.mapping.inbound.order_numbers import Numbers
from libs.mapping.inbound.segments.obx import Observed, Setting
from libs.mapping.inbound.segments.orc import participants
from libs.mapping.inbound.segments.order_event import group_numbers, security
from libs.mapping.inbound.structure import Order
from libs.terminology.concept_map import concept_map

FIELDS = frozenset({2, 3, 4, 7, 8, 22, 24, 25, 32, 33, 34, 35})
STATUS = concept_map("0123", "ResultStatus[Non-Queries]")
SECTION = concept_map("0074", "DiagnosticServiceSectionID")
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
STATUS_REASON = "http://hl7.org/fhir/StructureDefinition/event-statusReason"
FUNCTION = "http://hl7.org/fhir/StructureDefinition/event-performerFunction"
PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"

# Sections of table 0074 and the category of what they observe.
LABORATORY = frozenset(
    {
        "LAB",
        "CH",
        "HM",
        "MB",
        "MCB",
        "MYC",
        "VR",
        "SR",
        "SP",
        "CP",
        "BLB",
        "BG",
        "CG",
        "CUS",
        "GE",
        "IMM",
        "ICU",
        "PAR",
        "TX",
        "URN",
    }
) - {"CUS", "ICU"}
_IMAGING = frozenset({"RAD", "CT", "CTH", "NMR", "NMS", "RUS", "OUS", "VUS", "XRC", "RX", "CUS"})
_PERFORMERS, _INTERPRETER = frozenset({"ARI", "TN", "TR"}), "PRI"  # PRT-4, table 0443
_FROM_REPORT = {"partial": "preliminary", "appended": "final"}  # report statuses an Observation lacks


def diagnostic_report(
    order: Order,
    numbers: Numbers,
    context: Context,
    subject: Subject,
    *,
    request: Reference | None,
    specimens: list[Reference],
    observed: Observed,
) -> Reference | None:
    """OBR[DiagnosticReport], None when the order's detail is no OBR."""
    obr = order.detail
    if obr is None or obr.name != "OBR":
        return None
    context.use(obr, FIELDS)
    section = codeable_concept(context, obr, 24, SECTION)
    parts = participants(order, context)
    found = resource(
        "DiagnosticReport",
        meta=security(order.orc, context) if order.orc is not None else {},
        extension=_status_reason(order, context),
        identifier=[*numbers.identifiers, *(one for one in group_numbers(order.orc, context) if one)],
        basedOn=[request] if request else [],
        status=context.code(STATUS, obr.text(25).strip(), obr, 25) or "unknown",
        category=[section] if section else [],
        code=codeable_concept(context, obr, 4)
        or {"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]},
        subject=subject.patient,
        encounter=subject.encounter,
        **effective(obr, context),
        issued=times.instant(context, obr, 22),
        performer=[*_performers(obr, context), *(one.who for one in parts if one.code in _PERFORMERS)],
        resultsInterpreter=[
            *_roles(obr, 32, context),
            *(one.who for one in parts if one.code == _INTERPRETER),
            *as_part("DiagnosticReport", "resultsInterpreter", "assistant", _roles(obr, 33, context)),
        ],
        specimen=specimens,
        result=observed.references,
        presentedForm=observed.attachments,
    )
    return context.put(found, None, *numbers.report, keep=() if obr.raw(25) else ("status",))


def _status_reason(order: Order, context: Context) -> list[Element]:
    """ORC-16: why the order stands as it does."""
    reason = codeable_concept(context, order.orc, 16) if order.orc is not None else None
    return extension(STATUS_REASON, valueCodeableConcept=reason) if reason else []


def setting(
    order: Order,
    numbers: Numbers,
    context: Context,
    subject: Subject,
    *,
    request: Reference | None,
    specimens: list[Reference],
) -> Setting:
    """What the OBX of an order have from its OBR."""
    obr = order.detail if order.detail is not None and order.detail.name == "OBR" else None
    if obr is None:
        return Setting(subject.patient, subject.encounter, numbers.report, request=request)
    return Setting(
        subject.patient,
        subject.encounter,
        numbers.report,
        specimen=specimens[0] if len(specimens) == 1 else None,
        request=request,
        effective=effective(obr, context),
        status=_observation_status(obr),
        category=_observation_category(obr),
    )


def effective(obr: Segment, context: Context) -> Element:
    """OBR-7 and OBR-8 as the time that matters clinically."""
    when = times.between(context, obr, 7, 8)
    return {"effectivePeriod": when} if "end" in when else element(effectiveDateTime=when.get("start"))


def _observation_status(obr: Segment) -> str:
    target = STATUS.get(obr.text(25).strip())
    code = target.code if target else "unknown"
    return _FROM_REPORT.get(code, code)


def _observation_category(obr: Segment) -> list[Element]:
    section = obr.text(24).strip()
    if section in LABORATORY:
        return [concept(CATEGORY, "laboratory", "Laboratory")]
    return [concept(CATEGORY, "imaging", "Imaging")] if section in _IMAGING else []


def _performers(obr: Segment, context: Context) -> list[Element]:
    return [
        one
        for field, function, part in ((34, "SPRF", "main"), (35, "TRANS", "transcription"))
        for one in as_part(
            "DiagnosticReport", "performer", part, _with_function(_roles(obr, field, context), function)
        )
    ]


def _with_function(people: list[Reference], function: str) -> list[Element]:
    stated = {"url": FUNCTION, "valueCodeableConcept": concept(PARTICIPATION, function)}
    return [{**reference, "extension": [stated]} for reference in people]


def _roles(obr: Segment, field: int, context: Context) -> list[Reference]:
    found = (role_of_ndl(context, ndl, obr, field) for ndl in obr.repetitions(field))
    return [reference for reference in found if reference]
