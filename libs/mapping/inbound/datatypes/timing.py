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
EVENT = concept_map("0528", "EventRelatedPeriod")
TIMING_EVENT = "http://terminology.hl7.org/CodeSystem/v3-TimingEvent"
_WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

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
_WORDS = {  # units of time as they are written, by their code of UCUM
    word: unit
    for unit, words in {
        "s": ("S", "SEC", "SECOND", "SECONDS"),
        "min": ("M", "MIN", "MINS", "MINUTE", "MINUTES"),
        "h": ("H", "HR", "HRS", "HOUR", "HOURS"),
        "d": ("D", "DAY", "DAYS"),
        "wk": ("W", "WK", "WEEK", "WEEKS"),
        "mo": ("L", "MO", "MON", "MONTH", "MONTHS"),
        "a": ("A", "ANN", "Y", "YR", "YEAR", "YEARS"),
    }.items()
    for word in words
}
_MINUTES = {
    "s": Decimal(1) / 60,
    "min": Decimal(1),
    "h": Decimal(60),
    "d": Decimal(1440),
    "wk": Decimal(10080),
}


def timing_of_tq1(tq1: Segment, context: Context) -> Element:
    """TQ1 as a Timing; empty when it says nothing of a time."""
    lasting = tq1.first(13)
    unit = _unit(lasting)
    for field in (6, 13):
        if tq1.first(field) and _unit(tq1.first(field)) is None:
            context.warn(tq1, field, "a duration without a unit of time is left out")
    pattern = tq1.first(3)
    repeat = element(
        **_bounds(times.between(context, tq1, 7, 8), tq1.text(6), tq1.text(6, 2)),
        count=positive_integer(tq1.text(14)),
        duration=decimal(lasting.text(1)) if unit else None,
        durationUnit=unit if decimal(lasting.text(1)) is not None else None,
        **_repeated(context, pattern, tq1),
    )
    times_of_day = [found for one in tq1.repetitions(4) if (found := times.time_of_day(one.text(1)))]
    return _timing(repeat, times_of_day, _pattern_code(context, pattern.text(1).strip(), tq1, 3))


def timing_of_tq(context: Context, tq: Value, segment: Segment, field: int) -> Element:
    """TQ (ORC-7, OBR-27, RXE-1) as a Timing; empty when it says nothing of a time."""
    bounds = times.span(context, tq.text(4), tq.text(5), segment, field)
    pattern = (tq.text(2, 1)).strip()
    length: tuple[str, str] = ("", "")
    if match := _DURATION.match(tq.text(3).strip().upper()):
        length = match[2], match[1]
    repeat = element(
        **_bounds(bounds, *length),
        count=positive_integer(tq.text(12)),
        **_frequency(pattern),
    )
    explicit = tq.text(2, 2).split(",")
    times_of_day = [found for text in explicit if (found := times.time_of_day(text))]
    return _timing(repeat, times_of_day, _pattern_code(context, pattern, segment, field))


def _timing(repeat: Element, times_of_day: list[str], code: Element | None) -> Element:
    if times_of_day and "when" not in repeat:  # FHIR takes one of them
        repeat = repeat | {"timeOfDay": times_of_day}
    return element(repeat=repeat, code=code)


def _bounds(bounds: Element, amount: str, unit: str) -> Element:
    """The bounds, what is missing of them by how long it lasts, or how long it lasts alone."""
    known = _WORDS.get(unit.strip().upper())
    if not bounds:
        number = decimal(amount)
        return {"boundsDuration": _ucum(number, known)} if number is not None and known else {}
    length = minutes(amount, unit) if known else None
    if length is not None and "end" not in bounds:
        bounds |= element(end=times.add_minutes(bounds["start"], float(length)))
    elif length is not None and "start" not in bounds:
        bounds = element(start=times.add_minutes(bounds["end"], -float(length))) | bounds
    return {"boundsPeriod": bounds}


def _repeated(context: Context, pattern: Value, tq1: Segment) -> Element:
    """RPT: how often, on which days, at which event of the day and how long before or after it."""
    often = _frequency(pattern.text(1).strip())
    period, unit = decimal(pattern.text(5)), _WORDS.get(pattern.text(6).strip().upper())
    if period is not None and unit is not None:
        often = {"frequency": 1, "period": period, "periodUnit": unit}
    event, relative = context.target(EVENT, pattern.text(8).strip(), tq1, 3), tq1.first(5)
    if event is None or event.system != TIMING_EVENT:  # such as IC, which FHIR has no code for
        if relative:
            context.warn(tq1, 5, "a time relative to an event that is not named (TQ1-3.8) is left out")
        return often | element(dayOfWeek=_days(pattern))
    offset = minutes(pattern.text(9), pattern.text(10))
    if offset is None:
        offset = minutes(relative.text(1), relative.text(2))
    return often | element(
        dayOfWeek=_days(pattern),
        when=[event.code],
        offset=int(offset) if offset is not None and offset >= 0 else None,
    )


def _days(pattern: Value) -> list[str]:
    """The days of the week of a range of phases (RPT.3 and RPT.4), Monday is 1."""
    if pattern.text(2).strip() != "DW":
        return []
    first, last = positive_integer(pattern.text(3)), positive_integer(pattern.text(4))
    return list(_WEEK[(first or last or 8) - 1 : last or first])


def priority(context: Context, code: str, segment: Segment, field: int) -> str | None:
    """A priority of table 0485 (or 0027, in older messages) as a request-priority."""
    code = code.strip()
    return context.code(PRIORITY, code[:1] if code in {"ST", "AS"} else code, segment, field)


def minutes(amount: str, unit: str) -> Decimal | None:
    """An amount of time in minutes, which a unit that is not stated means; None when it is none."""
    number = decimal(amount)
    factor = _MINUTES.get(_WORDS.get(unit.strip().upper() or "MIN", ""))
    return None if number is None or factor is None else number * factor


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


def _unit(cq: Value) -> str | None:
    return _WORDS.get(cq.text(2).strip().upper())


def _ucum(number: Decimal, unit: str) -> Element:
    return {"value": number, "system": "http://unitsofmeasure.org", "code": unit}
