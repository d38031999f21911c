"""FHIR dates: a date of any precision is the span of time it covers.

Source: FHIR R4, "Data types" (date, dateTime, instant) and "Search", date.
"""

import re
from datetime import UTC, datetime, timedelta, tzinfo

from libs.errors import Permanent

EARLIEST = datetime(1, 1, 1, tzinfo=UTC)  # where a period without a start begins
LATEST = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)  # where a period without an end ends

_FORM = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)"
    r"(?:T(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d+))?)?"
    r"(?P<zone>Z|[+-]\d\d:\d\d)?)?)?)?",
    re.ASCII,
)


class BadDate(Permanent):
    """The text is no date in FHIR's sense."""


def date_range(text: str, zone: tzinfo = UTC) -> tuple[datetime, datetime]:
    """[from, to) that `text` covers, in UTC; `zone` is that of a text which names none.

    Raises BadDate. Seconds may be missing, as search allows.
    """
    form = _FORM.fullmatch(text)
    if form is None:
        raise BadDate("not a date: YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm[:ss[.fff]] with a time zone")
    try:
        start = _start(form, zone)
        return start.astimezone(UTC), _end(form, start)
    except ValueError:
        raise BadDate("not a date: there is no such day or time") from None
    except OverflowError:
        raise BadDate("not a date: outside the years 1 to 9999") from None


def _start(form: re.Match[str], zone: tzinfo) -> datetime:
    second = int(form["second"] or 0)
    fraction = (form["fraction"] or "")[:6].ljust(6, "0")
    start = datetime(
        int(form["year"]),
        int(form["month"] or 1),
        int(form["day"] or 1),
        int(form["hour"] or 0),
        int(form["minute"] or 0),
        59 if second == 60 else second,  # a leap second; Python's clock has none
        int(fraction),
        tzinfo=zone,
    )
    stated = form["zone"]
    if stated is None:
        return start
    return datetime.fromisoformat(start.replace(tzinfo=None).isoformat() + stated)


def _end(form: re.Match[str], start: datetime) -> datetime:
    try:
        if form["month"] is None:
            return start.replace(year=start.year + 1).astimezone(UTC)
        if form["day"] is None:
            year, month = divmod(start.year * 12 + start.month, 12)
            return start.replace(year=year, month=month + 1).astimezone(UTC)
        return (start + _length(form)).astimezone(UTC)
    except (ValueError, OverflowError):
        return LATEST


def _length(form: re.Match[str]) -> timedelta:
    if form["hour"] is None:
        return timedelta(days=1)
    if form["second"] is None:
        return timedelta(minutes=1)
    if form["fraction"] is None:
        return timedelta(seconds=1)
    return timedelta(microseconds=10 ** max(0, 6 - len(form["fraction"])))
