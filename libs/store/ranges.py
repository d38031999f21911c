"""How the prefixes eq ne gt lt ge le sa eb ap compare ranges, in SQL.

A stored date is [lo, hi), a stored number [lo, hi] with lo = hi unless it was a range. The search value is
a range as well, by its precision.

Source: FHIR R4, "Search", prefixes: https://hl7.org/fhir/R4/search.html#prefix
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from libs.fhir.dates import EARLIEST, LATEST


@dataclass(frozen=True, slots=True)
class Condition:
    """SQL with `%s` for each of its values."""

    text: str
    values: list[Any]


_DATE = {
    "eq": "{lo} >= %(low)s AND {lo} < %(high)s AND {hi} <= %(high)s",
    "ne": "({lo} < %(low)s OR {hi} > %(high)s)",
    "gt": "{hi} > %(high)s",
    "lt": "{lo} < %(low)s",
    "ge": "({hi} > %(high)s OR {lo} >= %(low)s)",
    "le": "({lo} < %(low)s OR {hi} <= %(high)s)",
    "sa": "{lo} >= %(high)s",
    "eb": "{hi} <= %(low)s",
    "ap": "{lo} < %(high)s AND {hi} > %(low)s",
}
_MOMENT = {
    "eq": "{lo} >= %(low)s AND {lo} < %(high)s",
    "ne": "({lo} < %(low)s OR {lo} >= %(high)s)",
    "gt": "{lo} >= %(high)s",
    "lt": "{lo} < %(low)s",
    "ge": "{lo} >= %(low)s",
    "le": "{lo} < %(high)s",
    "sa": "{lo} >= %(high)s",
    "eb": "{lo} < %(low)s",
    "ap": "{lo} >= %(low)s AND {lo} < %(high)s",
}
_NUMBER = {
    "eq": "n.lo >= %(low)s AND n.hi < %(high)s",
    "ne": "(n.lo < %(low)s OR n.hi >= %(high)s)",
    "gt": "n.hi > %(low)s",
    "lt": "n.lo < %(low)s",
    "ge": "n.hi >= %(low)s",
    "le": "n.lo <= %(low)s",
    "sa": "n.lo > %(low)s",
    "eb": "n.hi < %(low)s",
    "ap": "n.lo <= %(high)s AND n.hi >= %(low)s",
}


def date_condition(lo: str, hi: str, prefix: str, low: datetime, high: datetime) -> Condition:
    """The range in the columns `lo` and `hi` against [low, high)."""
    if prefix == "ap":
        low, high = approximately(low, high, datetime.now(UTC))
    return _filled(_DATE[prefix].format(lo=lo, hi=hi), low, high)


def moment_condition(column: str, prefix: str, low: datetime, high: datetime) -> Condition:
    """The moment in the column against [low, high)."""
    if prefix == "ap":
        low, high = approximately(low, high, datetime.now(UTC))
    return _filled(_MOMENT[prefix].format(lo=column), low, high)


def number_condition(prefix: str, low: Decimal, high: Decimal) -> Condition:
    """The number `n.lo` to `n.hi` against the range, or with low = high against the number itself."""
    return _filled(_NUMBER[prefix], low, high)


def approximately(low: datetime, high: datetime, now: datetime) -> tuple[datetime, datetime]:
    """The range widened by a tenth of its distance from now, as the standard proposes."""
    away = max(abs(now - low), abs(now - high)) / 10
    return _moved(low, -away), _moved(high, away)


def _moved(moment: datetime, by: timedelta) -> datetime:
    try:
        return moment + by
    except OverflowError:
        return EARLIEST if by < timedelta(0) else LATEST


def _filled(template: str, low: Any, high: Any) -> Condition:
    """The template with its named places as `%s`, and what goes there in their order."""
    parts = template.replace("%(high)s", "\0high\0").replace("%(low)s", "\0low\0").split("\0")
    values = [low if part == "low" else high for part in parts if part in ("low", "high")]
    return Condition("(" + "".join("%s" if p in ("low", "high") else p for p in parts) + ")", values)
