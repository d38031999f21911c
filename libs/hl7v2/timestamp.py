"""Dates and times: YYYY[MM[DD[HH[MM[SS[.S[S[S[S]]]]]]]]][+/-ZZZZ].

Source: HL7 v2.5.1 chapter 2A, 2.A.21 (DT), 2.A.22 (DTM), 2.A.77 (TS).
"""

import re
from datetime import datetime, timedelta, timezone
from enum import IntEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

_TIMESTAMP = re.compile(
    r"(\d{4})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:\.(\d{1,9}))?)?)?)?)?)?(?:([+-])(\d{2})(\d{2}))?",
    re.ASCII,
)
_WIDEST_OFFSET = 14 * 60  # minutes


class BadTimestamp(ValueError):
    """The text is no date or time of HL7 v2, or one that the calendar does not have."""


class UnknownZone(ValueError):
    """The name is none of a time zone."""


class Precision(IntEnum):
    """The finest unit that was given."""

    YEAR = 1
    MONTH = 2
    DAY = 3
    HOUR = 4
    MINUTE = 5
    SECOND = 6
    FRACTION = 7


class Timestamp(NamedTuple):
    year: int
    month: int = 1
    day: int = 1
    hour: int = 0
    minute: int = 0
    second: int = 0
    fraction: str = ""  # digits of a second, as sent
    offset: int | None = None  # minutes east of UTC; None when not given
    precision: Precision = Precision.YEAR

    def to_datetime(self) -> datetime:
        """The start of the moment it names, to the microsecond; without a zone when no offset was given."""
        zone = None if self.offset is None else timezone(timedelta(minutes=self.offset))
        microsecond = int(self.fraction[:6].ljust(6, "0"))
        return datetime(
            self.year, self.month, self.day, self.hour, self.minute, self.second, microsecond, zone
        )


def parse_timestamp(text: str) -> Timestamp:
    """Raises BadTimestamp."""
    match = _TIMESTAMP.fullmatch(text) if len(text) <= 32 else None
    if match is None:
        raise BadTimestamp("not a time of the form YYYY[MM[DD[HH[MM[SS[.SSSS]]]]]][+/-ZZZZ]")
    *given, fraction, sign, hours, minutes = match.groups()
    units = [int(unit) for unit in given if unit is not None]
    year, month, day, hour, minute, second = units + [0, 1, 1, 0, 0, 0][len(units) :]
    timestamp = Timestamp(
        year,
        month,
        day,
        hour,
        minute,
        second,
        fraction=fraction or "",
        offset=_offset(sign, hours, minutes) if sign else None,
        precision=Precision(len(units) + bool(fraction)),
    )
    try:
        timestamp.to_datetime()
    except ValueError:
        raise BadTimestamp("a month, day, hour, minute or second that the calendar does not have") from None
    return timestamp


def zone_name(name: str) -> str:
    """The name of a time zone of the IANA database, as it is. Raises UnknownZone."""
    try:
        return ZoneInfo(name).key
    except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        raise UnknownZone("not a time zone of the IANA database, such as Europe/Berlin") from None


def _offset(sign: str, hours: str, minutes: str) -> int:
    """Raises BadTimestamp."""
    offset = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or offset > _WIDEST_OFFSET:
        raise BadTimestamp("an offset from UTC beyond 14 hours, or with more than 59 minutes")
    return -offset if sign == "-" else offset
