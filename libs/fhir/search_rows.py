"""How strings, dates, numbers and quantities are indexed: as rows.

A function here takes (collector, parameter, walk, value) and passes over a value of another shape.
"""

from datetime import datetime, tzinfo
from decimal import Decimal
from functools import lru_cache
from typing import Any

from libs.fhir.dates import EARLIEST, LATEST, BadDate, date_range
from libs.fhir.definitions import Walk
from libs.fhir.search_collector import Collector, Take, many
from libs.fhir.search_keys import LONG, Form, normalize

INFINITE = Decimal("Infinity")
MAX_EXPONENT = 100  # of an indexed number; beyond it is no measurement
ISO_4217 = "urn:iso:std:iso:4217"


# --- String ---

_NAME_PARTS = ("family", "given", "prefix", "suffix", "text")
_ADDRESS_PARTS = ("line", "city", "district", "state", "postalCode", "country", "text")


def _string(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    if isinstance(value, str):
        collector.present.add(parameter)
        if parameter == "phonetic":
            collector.words(parameter, value)  # by their sound
        else:
            collector.values.strings.append((parameter, normalize(value)))


def _human_name(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    _parts(collector, parameter, walk, value, _NAME_PARTS)


def _address(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    _parts(collector, parameter, walk, value, _ADDRESS_PARTS)


def _parts(collector: Collector, parameter: str, walk: Walk, value: Any, names: tuple[str, ...]) -> None:
    if isinstance(value, dict):
        for name in names:
            part = value.get(name)
            if isinstance(part, list):
                for text in part:
                    _string(collector, parameter, walk, text)
            elif part is not None:
                _string(collector, parameter, walk, part)


# --- Date ---


def _date(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    span = _span(value, collector.zone)
    if span is not None:
        collector.present.add(parameter)
        collector.values.dates.append((parameter, *span))


def _period(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    if isinstance(value, dict):
        start = _span(value.get("start"), collector.zone)
        end = _span(value.get("end"), collector.zone)
        if start or end:
            collector.present.add(parameter)
            row = (parameter, start[0] if start else EARLIEST, end[1] if end else LATEST)
            collector.values.dates.append(row)


def _timing(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    if isinstance(value, dict):
        for event in many(value.get("event")):
            _date(collector, parameter, walk, event)
        if isinstance(repeat := value.get("repeat"), dict):
            _period(collector, parameter, walk, repeat.get("boundsPeriod"))


def _span(value: Any, zone: tzinfo) -> tuple[datetime, datetime] | None:
    if not isinstance(value, str):
        return None
    try:
        return _known_range(value, zone) if len(value) < LONG else date_range(value, zone)
    except BadDate:
        return None


_known_range = lru_cache(4096)(date_range)  # the times in a message are often the same


# --- Number and quantity ---


def _number(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    if (number := _decimal(value)) is not None:
        collector.present.add(parameter)
        collector.values.numbers.append((parameter, 0, number, number))


def _number_range(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    if (bounds := bounds_of(value)) is not None:
        collector.present.add(parameter)
        collector.values.numbers.append((parameter, 0, *bounds))


def _quantity(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    if (bounds := bounds_of(value)) is not None:
        collector.present.add(parameter)
        for key in _unit_keys(collector, parameter, value):
            collector.values.numbers.append((parameter, key, *bounds))


def _unit_keys(collector: Collector, parameter: str, value: dict[str, Any]) -> list[int]:
    stated = next((end for end in (value.get("low"), value.get("high")) if isinstance(end, dict)), value)
    system, code, unit = stated.get("system"), stated.get("code"), stated.get("unit")
    if "currency" in stated:
        system, code = ISO_4217, stated["currency"]
    keys = []
    if system and code:
        keys.append(collector.key(parameter, Form.SYSTEM_CODE, str(system), str(code)))
    elif code:
        keys.append(collector.key(parameter, Form.CODE, "", str(code)))
    if unit and unit != code:
        keys.append(collector.key(parameter, Form.CODE, "", str(unit)))
    return keys or [0]


def bounds_of(value: Any) -> tuple[Decimal, Decimal] | None:
    """The numbers a Quantity or Range may stand for."""
    if not isinstance(value, dict):
        return None
    if "low" in value or "high" in value:
        low, high = bounds_of(value.get("low")), bounds_of(value.get("high"))
        return (low[0] if low else -INFINITE, high[1] if high else INFINITE) if low or high else None
    number = _decimal(value.get("value"))
    if number is None:
        return None
    comparator = value.get("comparator", "")
    return (
        -INFINITE if comparator in ("<", "<=") else number,
        INFINITE if comparator in (">", ">=") else number,
    )


def _decimal(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    number = value if isinstance(value, Decimal) else Decimal(str(value))
    return number if number.is_finite() and abs(number.adjusted()) <= MAX_EXPONENT else None


def _position(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    if isinstance(value, dict):
        latitude, longitude = _decimal(value.get("latitude")), _decimal(value.get("longitude"))
        if latitude is not None and longitude is not None:
            collector.present.add(parameter)
            collector.values.numbers += [
                (parameter, 1, latitude, latitude),
                (parameter, 2, longitude, longitude),
            ]


ROWS: dict[tuple[str, str], Take] = {
    ("string", "string"): _string,
    ("string", "markdown"): _string,
    ("string", "HumanName"): _human_name,
    ("string", "Address"): _address,
    ("date", "date"): _date,
    ("date", "dateTime"): _date,
    ("date", "instant"): _date,
    ("date", "string"): _date,
    ("date", "Period"): _period,
    ("date", "Timing"): _timing,
    ("number", "integer"): _number,
    ("number", "decimal"): _number,
    ("number", "Range"): _number_range,
    ("quantity", "Quantity"): _quantity,
    ("quantity", "Age"): _quantity,
    ("quantity", "Duration"): _quantity,
    ("quantity", "Money"): _quantity,
    ("quantity", "Range"): _quantity,
    ("special", "Location.position"): _position,
}
