"""DTM, TS, DT, TM, DR -> dateTime, date, instant, time, Period.

The offset of a time: its own, else MSH-7's, else the configured zone's. With none of them, a time keeps the
precision of a date. Partial dates stay partial.
Source: v2-to-FHIR IG 1.0.0, DTM[dateTime], TS[dateTime], DR[Period], DR[dateTime].
"""

import re
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from libs.hl7v2.message import Segment, Value
from libs.hl7v2.timestamp import BadTimestamp, Precision, Timestamp, parse_timestamp
from libs.mapping.inbound.context import Context
from libs.mapping.inbound.element import Element, element

_ISO_DATE = re.compile(r"(\d{4})-(\d\d)(?:-(\d\d))?[T ]?")
_SHORT_OFFSET = re.compile(r"[+-]\d\d$")
_DIGITS = re.compile(r"(\d{4})(\d\d)?(\d\d)?")
_TIME = re.compile(r"(\d\d):?(\d\d)?:?(\d\d)?(\.\d{1,9})?(?:[+-]\d\d:?(?:\d\d)?)?$")


class Moment(NamedTuple):
    """A time as FHIR writes it, in each form that its precision allows."""

    date_time: str | None = None
    instant: str | None = None  # None when seconds or the offset are not known
    problem: str = ""  # what could not be carried
    assumed: bool = False  # whether its offset is that of the configured zone


def date_time(context: Context, segment: Segment, field: int) -> str | None:
    """The field as a FHIR dateTime of its own precision."""
    text = segment.text(field)
    return date_time_of(context, text, segment, field) if text else None


def date_time_of(context: Context, text: str, segment: Segment, field: int) -> str | None:
    """The text (of a component, say) as a FHIR dateTime; the field is where a problem is reported."""
    return _moment(context, text, segment, field).date_time if text else None


def instant(context: Context, segment: Segment, field: int) -> str | None:
    """The field as a FHIR instant; None when it is not exact enough."""
    text = segment.text(field)
    if not text:
        return None
    moment = _moment(context, text, segment, field)
    if moment.instant is None and not moment.problem:
        context.warn(segment, field, "not exact enough for an instant: seconds or the offset are not known")
    return moment.instant


def date(context: Context, segment: Segment, field: int) -> str | None:
    """The field as a FHIR date: a time of day, if given, is left to the caller."""
    found = date_time(context, segment, field)
    return found[:10] if found else None


def time_of_day(text: str) -> str | None:
    """TM as a FHIR time, None when it is none. Seconds that were not given are 00."""
    match = _TIME.match(text.strip())
    if match is None:
        return None
    hour, minute, second = int(match[1]), int(match[2] or 0), int(match[3] or 0)
    if hour > 23 or minute > 59 or second > 59:
        return None
    return f"{hour:02}:{minute:02}:{second:02}{match[4] or ''}"


def period(context: Context, value: Value, segment: Segment, field: int) -> Element:
    """DR as a Period, empty when neither end is valued."""
    return span(context, value.text(1), value.text(2), segment, field)


def between(context: Context, segment: Segment, begins: int, ends: int) -> Element:
    """Two fields as a Period, empty when neither is valued."""
    if not segment.raw(begins) and not segment.raw(ends):
        return {}
    start, end = date_time(context, segment, begins), date_time(context, segment, ends)
    return in_order(context, start, end, segment, ends)


def span(context: Context, begins: str, ends: str, segment: Segment, field: int) -> Element:
    """Two texts as a Period, empty when neither is valued."""
    if not begins and not ends:
        return {}
    start = date_time_of(context, begins, segment, field)
    end = date_time_of(context, ends, segment, field)
    return in_order(context, start, end, segment, field)


def in_order(context: Context, start: str | None, end: str | None, segment: Segment, field: int) -> Element:
    """Two dateTimes as a Period; an end before the start is left out, with a warning."""
    if start and end and _before(end, start):
        context.warn(segment, field, "the end is before the start; the end is left out")
        end = None
    return element(start=start, end=end)


def _before(one: str, other: str) -> bool:
    if len(one) > 10 and len(other) > 10:
        return datetime.fromisoformat(one) < datetime.fromisoformat(other)
    known = min(len(one), len(other))
    return one[:known] < other[:known]


def add_minutes(start: str, minutes: float) -> str | None:
    """A dateTime that many minutes after a dateTime with an offset; None without one."""
    try:
        moment = datetime.fromisoformat(start)
        return (moment + timedelta(minutes=minutes)).isoformat() if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _moment(context: Context, text: str, segment: Segment, field: int) -> Moment:
    moment = _convert(text, context.sent, context.config.default_timezone)
    if moment.problem:
        context.warn(segment, field, moment.problem)
    if moment.assumed:  # once a message, at the field that could have said it
        zone = context.config.default_timezone
        context.warn(context.message.header, 7, f"no offset: times without one are taken as of {zone}")
    return moment


@lru_cache(8192)
def _convert(text: str, sent: str, zone: str | None) -> Moment:
    text = _tolerated(text.strip())
    try:
        return _format(parse_timestamp(text), sent, zone)
    except BadTimestamp as error:
        whole_days = _degraded(text)
        if whole_days is None:
            return Moment(problem=f"{error}; the field is left out")
        return Moment(
            _written(whole_days), problem=f"{error}; only its {_CARRIED[whole_days.precision]} is carried"
        )


_CARRIED = {Precision.YEAR: "year", Precision.MONTH: "year and month", Precision.DAY: "date"}


def _tolerated(text: str) -> str:
    """Spellings outside the standard that say clearly what they mean: ISO 8601 and offsets `+hh`."""
    if _ISO_DATE.match(text):
        day, rest = text[:10], text[10:].lstrip("T ")
        text = day.replace("-", "") + rest.replace(":", "")
        if text.endswith("Z"):
            text = text[:-1] + "+0000"
    if len(text) > 8 and _SHORT_OFFSET.search(text[8:]):
        text += "00"
    return text


def _degraded(text: str) -> Timestamp | None:
    """The part of a bad time that is a date of the calendar."""
    match = _DIGITS.match(text)
    for length in (8, 6, 4) if match else ():
        try:
            found = parse_timestamp(text[:length])
        except BadTimestamp:
            continue
        return found if found.year else None
    return None


def _format(time: Timestamp, sent: str, zone: str | None) -> Moment:
    if time.precision < Precision.HOUR:
        return Moment(_written(time))
    stated = time.offset if time.offset is not None else _offset_of(sent)
    offset = _offset_in(zone, time) if stated is None and zone else stated
    if offset is None:
        return Moment(_written(time)[:10], problem="no time zone is known; only the date is carried")
    sign, minutes = "-" if offset < 0 else "+", abs(offset)
    fraction = f".{time.fraction}" if time.fraction else ""
    written = (
        f"{time.year:04}-{time.month:02}-{time.day:02}T{time.hour:02}:{time.minute:02}:{time.second:02}"
        f"{fraction}{sign}{minutes // 60:02}:{minutes % 60:02}"
    )
    return Moment(written, written, assumed=stated is None)


def _written(time: Timestamp) -> str:
    if time.precision == Precision.YEAR:
        return f"{time.year:04}"
    if time.precision == Precision.MONTH:
        return f"{time.year:04}-{time.month:02}"
    return f"{time.year:04}-{time.month:02}-{time.day:02}"


def _offset_in(zone: str, time: Timestamp) -> int | None:
    """The offset of the zone at that time; minutes east of UTC."""
    moment = datetime(time.year, time.month, time.day, time.hour, time.minute, tzinfo=ZoneInfo(zone))
    shift = moment.utcoffset()
    return None if shift is None else round(shift.total_seconds() / 60)


@lru_cache(1024)
def _offset_of(sent: str) -> int | None:
    try:
        return parse_timestamp(_tolerated(sent.strip())).offset
    except BadTimestamp:
        return None
