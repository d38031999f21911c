"""RXA, RXR, ORC and OBX -> Immunization.

Source: v2-to-FHIR IG 1.0.0, RXA[Immunization], RXR[Immunization], ORC[Immunization]; the OBX of a VXU by the
CDC implementation guide for immunization messaging.
"""

from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference, Subject
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import codeable_concept, codeable_concepts
from libs.mapping.inbound.datatypes.contacts import addresses
from libs.mapping.inbound.datatypes.locations import location, location_at
from libs.mapping.inbound.datatypes.numbers import decimal, units
from libs.mapping.inbound.datatypes.organizations import organization_of_cwe
from libs.mapping.inbound.datatypes.practitioners import practitioners
from libs.mapping.inbound.element import DATA_ABSENT, Element, absent, concept, element, resource
from libs.mapping.inbound.order_numbers import Numbers
from libs.mapping.inbound.segments.dosage import route
from libs.mapping.inbound.segments.nte import notes
from libs.mapping.inbound.segments.order_event import group_numbers, security
from libs.mapping.inbound.structure import Order, Result
from libs.terminology.concept_map import concept_map

FIELDS = frozenset({1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 15, 16, 17, 18, 19, 20, 21, 22, 27, 28})
ORC_FIELDS = frozenset({1, 2, 3, 4, 9, 12, 28, 38})
COMPLETION = concept_map("0322", "CompletionStatus")
ROLE = "http://terminology.hl7.org/CodeSystem/v2-0443"
UNKNOWN_AMOUNT = 999  # RXA-6, which is required

CVX_NONE = "998"  # CVX: no vaccine administered

_ELIGIBILITY, _FUNDING, _REACTION, _COMMENT = "64994-7", "30963-3", "31044-1", "48767-8"
_DOSE_NUMBER, _DOSES, _SERIES = "30973-2", "59782-3", "59780-7"
_DOCUMENT, _PUBLISHED, _PRESENTED = frozenset({"69764-9", "30956-7"}), "29768-9", "29769-7"
_OF_IMMUNIZATION = _DOCUMENT | {
    _ELIGIBILITY, _FUNDING, _REACTION, _COMMENT, _DOSE_NUMBER, _DOSES, _SERIES, _PUBLISHED, _PRESENTED,
}  # fmt: skip


def immunization(order: Order, numbers: Numbers, context: Context, subject: Subject) -> Reference | None:
    """RXA[Immunization] with what its OBX say of it; None when no vaccine was administered (CVX 998)."""
    rxa = order.detail
    if rxa is None or rxa.name != "RXA":
        return None
    context.use(rxa, FIELDS)
    if order.orc is not None:
        context.use(order.orc, ORC_FIELDS)
    if rxa.text(5).strip() == CVX_NONE:
        return None
    own = [one for one in order.results if one.obx.text(3).strip() in _OF_IMMUNIZATION]
    when = times.date_time(context, rxa, 3)
    amount = decimal(rxa.text(6))
    reason = codeable_concept(context, rxa, 18)
    found = resource(
        "Immunization",
        meta=security(order.orc, context) if order.orc is not None else {},
        identifier=[*numbers.identifiers, *(one for one in group_numbers(order.orc, context) if one)],
        status=status(rxa, context),
        statusReason=reason,
        vaccineCode=codeable_concept(context, rxa, 5) or {"extension": [_unknown()]},
        patient=subject.patient,
        encounter=subject.encounter,
        occurrenceDateTime=when,
        recorded=_recorded(order, rxa, context),
        primarySource=_primary_source(rxa),
        reportOrigin=codeable_concept(context, rxa, 9) if _primary_source(rxa) is False else None,
        location=place(rxa, context),
        manufacturer=organization_of_cwe(context, rxa.first(17)) if rxa.first(17) else None,
        lotNumber=rxa.text(15).strip(),
        expirationDate=times.date(context, rxa, 16),
        doseQuantity={"value": amount} | units(context, rxa, 7)
        if amount not in (None, UNKNOWN_AMOUNT)
        else None,
        performer=performers(order, rxa, context),
        note=notes(order.notes, context) + _comments(own),
        reasonCode=codeable_concepts(context, rxa, 19),
        **_site(order, context),
        **_stated(own, context),
    )
    if when is None:
        found["_occurrenceDateTime"] = absent("unknown")
    key = (*numbers.key, rxa.text(5), rxa.text(3)) if numbers.request is None else ()
    return context.put(found, numbers.request, *key)


def is_vaccine(order: Order) -> bool:
    """Whether the order's RXA names a vaccine: a code of the CDC's list (CVX)."""
    rxa = order.detail
    return rxa is not None and rxa.name == "RXA" and "CVX" in (rxa.text(5, 3).strip(), rxa.text(5, 6).strip())


def place(rxa: Segment, context: Context) -> Reference | None:
    """Where it was administered: RXA-27 or, before version 2.6, RXA-11; RXA-28 is the address."""
    found = location(context, rxa, 27) or location(context, rxa, 11)
    stated = addresses(context, rxa, 28)
    if not stated:
        return found
    if found is None:
        return location_at(context, stated[0])
    context.describe(found, address=stated[0])
    return found


def status(rxa: Segment, context: Context) -> str:
    """RXA-20; deleted (RXA-21) it was an error, refused (RXA-18) it was not done."""
    if rxa.text(21).strip() == "D":
        return "entered-in-error"
    if rxa.text(18).strip() and not rxa.text(20).strip():
        return "not-done"
    return context.code(COMPLETION, rxa.text(20).strip(), rxa, 20) or "completed"


def _primary_source(rxa: Segment) -> bool | None:
    """RXA-9 of the CDC's table NIP001: 00 is a new administration, all others are historical."""
    source = rxa.text(9).strip()
    return source == "00" if source else None


def _recorded(order: Order, rxa: Segment, context: Context) -> str | None:
    if rxa.text(21).strip() == "A" and (entered := times.date_time(context, rxa, 22)):
        return entered
    return times.date_time(context, order.orc, 9) if order.orc is not None else None


def performers(order: Order, rxa: Segment, context: Context) -> list[Element]:
    """Who administered it (RXA-10) and who ordered it (ORC-12)."""
    stated = [(rxa, 10, "AP")]
    if order.orc is not None:
        stated.append((order.orc, 12, "OP"))
    return [
        {"function": concept(ROLE, function), "actor": person}
        for segment, field, function in stated
        for person in practitioners(context, segment, field)
    ]


def _site(order: Order, context: Context) -> Element:
    found = route(order, context)
    return element(route=found.get("route"), site=found.get("site"))


def _stated(results: list[Result], context: Context) -> Element:
    """What the OBX of a VXU say of the immunization itself."""
    by_code: dict[str, list[Segment]] = {}
    for one in results:
        by_code.setdefault(one.obx.text(3).strip(), []).append(one.obx)
    funding = [codeable_concept(context, obx, 5) for obx in by_code.get(_FUNDING, [])]
    return element(
        programEligibility=[
            code for obx in by_code.get(_ELIGIBILITY, []) if (code := codeable_concept(context, obx, 5))
        ],
        fundingSource=next((one for one in funding if one), None),
        reaction=[
            element(date=times.date_time(context, obx, 14), detail={"display": text})
            for obx in by_code.get(_REACTION, [])
            if (text := (obx.text(5, 2) or obx.text(5)).strip())
        ],
        education=_education(results, context),
        protocolApplied=_protocol(by_code),
    )


def _education(results: list[Result], context: Context) -> list[Element]:
    """The information statements, put together by their sub-id (OBX-4)."""
    statements: dict[str, Element] = {}
    for one in results:
        obx, code = one.obx, one.obx.text(3).strip()
        statement = statements.setdefault(obx.raw(4), {})
        if code in _DOCUMENT:
            statement["documentType"] = (obx.text(5, 2) or obx.text(5)).strip()
        elif code == _PUBLISHED:
            statement["publicationDate"] = times.date_time(context, obx, 5)
        elif code == _PRESENTED:
            statement["presentationDate"] = times.date_time(context, obx, 5)
    return [found for one in statements.values() if (found := element(**one))]


def _protocol(by_code: dict[str, list[Segment]]) -> list[Element]:
    def stated(code: str) -> str:
        return (by_code[code][0].text(5, 2) or by_code[code][0].text(5)).strip() if code in by_code else ""

    dose, doses, series = stated(_DOSE_NUMBER), stated(_DOSES), stated(_SERIES)
    if not dose and not doses and not series:
        return []
    found = element(
        series=series,
        doseNumberString=None if dose.isdecimal() else dose,
        doseNumberPositiveInt=int(dose) if dose.isdecimal() and int(dose) > 0 else None,
        seriesDosesPositiveInt=int(doses) if doses.isdecimal() and int(doses) > 0 else None,
    )
    if "doseNumberString" not in found and "doseNumberPositiveInt" not in found:
        found["_doseNumberString"] = absent("unknown")
    return [found]


def _comments(results: list[Result]) -> list[Element]:
    return [
        {"text": text}
        for one in results
        if one.obx.text(3).strip() == _COMMENT and (text := (one.obx.text(5, 2) or one.obx.text(5)).strip())
    ]


def _unknown() -> Element:
    return {"url": DATA_ABSENT, "valueCode": "unknown"}
