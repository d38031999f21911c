"""RXO, RXE, RXD, RXG, RXR, TQ1, TQ -> Dosage: how much, how often, by which route, and in words.

Source: v2-to-FHIR IG 1.0.0, RXO[MedicationRequest], RXR[MedicationRequest], TQ1[MedicationRequest],
TQ[MedicationRequest] (their rows of dosageInstruction).
"""

import re
from decimal import Decimal
from typing import NamedTuple

from libs.hl7v2.message import Segment, Value
from libs.mapping.inbound.context import Context
from libs.mapping.inbound.datatypes.codes import codeable_concept, codeable_concepts
from libs.mapping.inbound.datatypes.numbers import decimal, quantity, units
from libs.mapping.inbound.datatypes.timing import timing_of_tq, timing_of_tq1
from libs.mapping.inbound.element import Element, concept, element, words
from libs.mapping.inbound.structure import Order
from libs.terminology.concept_map import concept_map

RXR_FIELDS = frozenset({1, 2, 4, 5})
TQ1_FIELDS = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14})
ROUTE = concept_map("0162", "RouteOfAdministration")
METHOD = concept_map("0165", "AdministrationMethod")
SITE = concept_map("0550", "BodyParts")
_DOSE_TYPE = "http://terminology.hl7.org/CodeSystem/dose-rate-type"
_UCUM = "http://unitsofmeasure.org"
_PER = re.compile(r"([SMHDWL])(\d{0,4})$")  # D1: a day
_UNITS = {"S": "s", "M": "min", "H": "h", "D": "d", "W": "wk", "L": "mo"}


class Dose(NamedTuple):
    """The fields of a dose; 0 where the segment has none for it."""

    low: int
    high: int
    unit: int
    per: int  # the time that the amount is given in
    rate: int
    rate_unit: int
    daily: int  # the total of a day
    instructions: tuple[int, ...]


DOSES = {
    "RXO": Dose(2, 3, 4, 17, 21, 22, 23, (7,)),
    "RXE": Dose(3, 4, 5, 22, 23, 24, 19, (7, 21)),
    "RXD": Dose(0, 0, 0, 0, 0, 0, 12, (15,)),
    "RXG": Dose(5, 6, 7, 14, 15, 16, 0, (13,)),
}
FIELDS = {name: frozenset({*at[:-1], *at.instructions}) - {0} for name, at in DOSES.items()}
_QUANTITY_TIMING = {"RXE": 1, "RXG": 3}  # where the segment has a TQ


def dosage(order: Order, rx: Segment, context: Context) -> list[Element]:
    """The dosage instructions of the order: one for each of its timings (TQ1)."""
    at = DOSES[rx.name]
    context.use(rx, FIELDS[rx.name])
    timings = order.all("TQ1")
    given = [code for field in at.instructions for code in codeable_concepts(context, rx, field)]
    by_route = route(order, context)
    given += _instructions(order, context)
    if not timings:
        return _one(order, rx, context, tq1=None, given=given, by_route=by_route)
    found = [
        one for tq1 in timings for one in _one(order, rx, context, tq1=tq1, given=given, by_route=by_route)
    ]
    return [{"sequence": number} | one for number, one in enumerate(found, 1)] if len(found) > 1 else found


def route(order: Order, context: Context) -> Element:
    """RXR[MedicationRequest]: route, site and method of administration, as parts of a Dosage."""
    rxr = order.first("RXR")
    if rxr is None:
        return {}
    context.use(rxr, RXR_FIELDS)
    return element(
        route=codeable_concept(context, rxr, 1, ROUTE),
        site=codeable_concept(context, rxr, 2, SITE),
        method=codeable_concept(context, rxr, 4, METHOD),
    )


def rate_per(amount: Element | None, per: str) -> Element:
    """An amount in a time (`H8`: eight hours) as rateRatio; as rateQuantity where no time is stated."""
    if amount is None:
        return {}
    match = _PER.match(per.strip().upper())
    if match is None:
        return {"rateQuantity": amount}
    unit = _UNITS[match[1]]
    of = {"value": Decimal(match[2] or 1), "unit": unit, "system": _UCUM, "code": unit}
    return {"rateRatio": {"numerator": amount, "denominator": of}}


def _instructions(order: Order, context: Context) -> list[Element]:
    rxr = order.first("RXR")
    return codeable_concepts(context, rxr, 5) if rxr is not None else []


def _one(
    order: Order,
    rx: Segment,
    context: Context,
    *,
    tq1: Segment | None,
    given: list[Element],
    by_route: Element,
) -> list[Element]:
    timing, as_stated, amount = _of_tq(order, rx, context)
    if tq1 is not None:
        context.use(tq1, TQ1_FIELDS)
        timing, as_stated, amount = timing_of_tq1(tq1, context), tq1.text(11).strip(), tq1.first(2)
        given = given + [{"text": text} for text in [tq1.text(10).strip()] if text]
    dose = _dose(rx, context)
    if dose.keys() <= {"type"} and amount and (much := quantity(context, amount)):
        dose |= {"doseQuantity": much}
    found = element(
        text="; ".join(words(one) for one in given) or as_stated,
        additionalInstruction=given,
        timing=timing,
        **by_route,
        doseAndRate=[dose] if dose.keys() - {"type"} else [],
        maxDosePerPeriod=_daily(rx, context),
    )
    return [found] if found else []


def _of_tq(order: Order, rx: Segment, context: Context) -> tuple[Element, str, Value | None]:
    """The Timing, the instruction in words and the amount of a TQ: that of the segment, else ORC-7."""
    for segment, field in ((rx, _QUANTITY_TIMING.get(rx.name, 0)), (order.orc, 7)):
        if segment is not None and field and (tq := segment.first(field)):
            return timing_of_tq(context, tq, segment, field), tq.text(8).strip(), tq.part(1)
    return {}, "", None


def _dose(rx: Segment, context: Context) -> Element:
    at = DOSES[rx.name]
    found: Element = {"type": concept(_DOSE_TYPE, "ordered", "Ordered")} if rx.name == "RXO" else {}
    if not at.low:
        return found
    unit = units(context, rx, at.unit)
    low, high = decimal(rx.text(at.low)), decimal(rx.text(at.high))
    if low is not None and high is not None and low < high:
        found["doseRange"] = {"low": {"value": low} | unit, "high": {"value": high} | unit}
    elif low is not None or high is not None:
        found["doseQuantity"] = {"value": low if low is not None else high} | unit
    rate, per = decimal(rx.text(at.rate)), rx.text(at.per)
    if rate is not None:
        found |= rate_per({"value": rate} | units(context, rx, at.rate_unit), per)
    elif per.strip() and "doseQuantity" in found:
        found |= rate_per(found["doseQuantity"], per)
    return found


def _daily(rx: Segment, context: Context) -> Element | None:
    """The most that is given in a day."""
    field = DOSES[rx.name].daily
    much = quantity(context, rx.first(field)) if field else None
    day = {"value": Decimal(1), "unit": "d", "system": _UCUM, "code": "d"}
    return {"numerator": much, "denominator": day} if much else None
