from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.fhir.dates import LATEST, BadDate, date_range


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2024", utc(2024, 1, 1), utc(2025, 1, 1)),
        ("2024-12", utc(2024, 12, 1), utc(2025, 1, 1)),
        ("2024-02", utc(2024, 2, 1), utc(2024, 3, 1)),
        ("2024-02-29", utc(2024, 2, 29), utc(2024, 3, 1)),
        ("2024-02-29T10:00Z", utc(2024, 2, 29, 10), utc(2024, 2, 29, 10, 1)),
        ("2024-02-29T10:00:30Z", utc(2024, 2, 29, 10, 0, 30), utc(2024, 2, 29, 10, 0, 31)),
        (
            "2024-02-29T10:00:30.25+02:00",
            utc(2024, 2, 29, 8, 0, 30, 250000),
            utc(2024, 2, 29, 8, 0, 30, 260000),
        ),
        (
            "2024-02-29T10:00:30.1234567Z",
            utc(2024, 2, 29, 10, 0, 30, 123456),
            utc(2024, 2, 29, 10, 0, 30, 123457),
        ),
        ("2016-12-31T23:59:60Z", utc(2016, 12, 31, 23, 59, 59), utc(2017, 1, 1)),
        ("9999", utc(9999, 1, 1), LATEST),
        ("9999-12-31", utc(9999, 12, 31), LATEST),
    ],
)
def test_a_date_covers_what_its_precision_leaves_open(text: str, start: datetime, end: datetime) -> None:
    assert date_range(text) == (start, end)


def test_a_date_without_a_zone_is_one_of_the_place_even_where_the_clock_is_put_forward() -> None:
    assert date_range("2024-03-31", ZoneInfo("Europe/Berlin")) == (utc(2024, 3, 30, 23), utc(2024, 3, 31, 22))


@pytest.mark.parametrize(
    "text",
    ["", "24", "2024-13", "2024-02-30", "2024-2-3", "20240203", "2024-02-03T10", "2024-02-03T25:00Z", "0000",
     "2024-02-03T10:00:00+99:00", "２０２４", "2024-02-03 10:00", "0001-01-01T00:00:00+14:00"],
)  # fmt: skip
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(BadDate):
        date_range(text)


@given(st.dates(max_value=date(9999, 12, 30)))
def test_a_day_lies_in_its_month_and_its_month_in_its_year(day: date) -> None:
    days, months, years = (date_range(day.isoformat()[:size]) for size in (10, 7, 4))

    assert days[1] - days[0] == timedelta(days=1)
    assert years[0] <= months[0] <= days[0] < days[1] <= months[1] <= years[1]


@given(st.text(max_size=40))
def test_no_text_raises_anything_but_bad_date(text: str) -> None:
    try:
        start, end = date_range(text)
    except BadDate:
        return
    assert start < end
