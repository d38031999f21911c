"""TQ, TQ1, RPT -> Timing.

Source: v2-to-FHIR IG 1.0.0, TQ1[ServiceRequest], TQ1[MedicationRequest], TQ[ServiceRequest],
TQ[MedicationRequest], RPT[Timing], RI[Timing].
"""

import re
from decimal import Decimal

from libs.hl7v2.message import Segment, Value
from libs.mapping.inbound.context import Context
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.numbers import decimal, positive_integer
from libs.mapping.inbound.element import Element, concept, element
from libs.terminology.concept_map import concept_map

REPEAT_PATTERN = concept_map("0335", "RepeatPattern")
PRIORITY = concept_map("0485", "ExtendedPriorityCodes")

# How often a pattern of table 0335 happens: times, in a period, of this unit (UCUM).
_PATTERNS = {
    "QD": (1, 1, "d"),
    "DAILY": (1, 1, "d"),
    "BID": (2, 1, "d"),
    "TID": (3, 1, "d"),
    "QID": (4, 1, "d"),
    "QOD": (1, 2, "d"),
    "QAM": (1, 1, "d"),
    "QPM": (1, 1, "d"),
    "QHS": (1, 1, "d"),
    "ONCE": (1, None, None),
}
_EVERY = re.compile(r"Q(\d{1,3})(S|M|H|D|W|L)$")  # Q6H: every six hours
_UNITS = {"S": "s", "M": "min", "H": "h", "D": "d", "W": "wk", "L": "mo"}
_DURATION = re.compile(r"([SMHDWL])(\d{1,4})$")  # D10: ten days
_WORDS = {
    "S": "s",
    "SEC": "s",
    "SECONDS": "s",
    "MIN": "min",
    "MINUTES": "min",
    "H": "h",
    "HR": "h",
    "HOURS": "h",
    "D": "d",
    "DAYS": "d",
    "WK": "wk",
    "WEEKS": "wk",
    "MO": "mo",
    "MONTHS": "mo",
}


def timing_of_tq1(tq1: Segment, context: Context) -> Element:
    """TQ1 as a Timing; empty when it says nothing of a time."""
    bounds = times.between(context, tq1, 7, 8)
    pattern = tq1.text(3).strip()
    lasting = tq1.first(13)
    repeat = element(
        boundsPeriod=bounds,
        boundsDuration=None if bounds else _duration(tq1.first(6)),
        count=positive_integer(tq1.text(14)),
        duration=decimal(lasting.text(1)) if _unit(lasting) else None,
        durationUnit=_unit(lasting) if decimal(lasting.text(1)) is not None else None,
        **_frequency(pattern),
    )
    times_of_day = [found for one in tq1.repetitions(4) if (found := times.time_of_day(one.text(1)))]
    if times_of_day:
        repeat["timeOfDay"] = times_of_day
    return element(repeat=repeat, code=_pattern_code(context, pattern, tq1, 3))


def timing_of_tq(context: Context, tq: Value, segment: Segment, field: int) -> Element:
    """TQ (ORC-7, OBR-27, RXE-1) as a Timing; empty when it says nothing of a time."""
    bounds = times.span(context, tq.text(4), tq.text(5), segment, field)
    pattern = (tq.text(2, 1)).strip()
    length = None
    if match := _DURATION.match(tq.text(3).strip().upper()):
        length = _ucum(Decimal(match[2]), _UNITS[match[1]])
    repeat = element(
        boundsPeriod=bounds,
        boundsDuration=None if bounds else length,
        count=positive_integer(tq.text(12)),
        **_frequency(pattern),
    )
    return element(repeat=repeat, code=_pattern_code(context, pattern, segment, field))


def priority(context: Context, code: str, segment: Segment, field: int) -> str | None:
    """A priority of table 0485 (or 0027, in older messages) as a request-priority."""
    code = code.strip()
    return context.code(PRIORITY, code[:1] if code in {"ST", "AS"} else code, segment, field)


def minutes(amount: str, unit: str) -> Decimal | None:
    """An amount of time in minutes; None when it is none."""
    number = decimal(amount)
    if number is None:
        return None
    factor = {"s": Decimal(1) / 60, "min": Decimal(1), "h": Decimal(60), "d": Decimal(1440)}
    return number * factor.get(_WORDS.get(unit.strip().upper(), "min"), Decimal(1))


def _frequency(pattern: str) -> Element:
    pattern = pattern.upper()
    if found := _PATTERNS.get(pattern):
        times_, period, unit = found
        return element(frequency=times_, period=period and Decimal(period), periodUnit=unit)
    if match := _EVERY.match(pattern):
        return {"frequency": 1, "period": Decimal(match[1]), "periodUnit": _UNITS[match[2]]}
    return {}


def _pattern_code(context: Context, pattern: str, segment: Segment, field: int) -> Element | None:
    if not pattern:
        return None
    target = REPEAT_PATTERN.get(pattern)
    if not target:
        return {"text": pattern}
    return concept(target.system, target.code, target.display or None)


def _duration(cq: Value) -> Element | None:
    number = decimal(cq.text(1))
    unit = _unit(cq)
    return _ucum(number, unit) if number is not None and unit else None


def _unit(cq: Value) -> str | None:
    return _WORDS.get(cq.text(2).strip().upper())


def _ucum(number: Decimal, unit: str) -> Element:
    return {"value": number, "system": "http://unitsofmeasure.org", "code": unit}
