from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.hl7v2.timestamp import BadTimestamp, Precision, Timestamp, parse_timestamp


@pytest.mark.parametrize(
    ("text", "timestamp"),
    [
        ("2024", Timestamp(2024)),
        ("202402", Timestamp(2024, 2, precision=Precision.MONTH)),
        ("20240229", Timestamp(2024, 2, 29, precision=Precision.DAY)),
        ("2024022923", Timestamp(2024, 2, 29, 23, precision=Precision.HOUR)),
        ("202402292359", Timestamp(2024, 2, 29, 23, 59, precision=Precision.MINUTE)),
        ("20240229235958", Timestamp(2024, 2, 29, 23, 59, 58, precision=Precision.SECOND)),
        ("20240229235958.1200", Timestamp(2024, 2, 29, 23, 59, 58, "1200", precision=Precision.FRACTION)),
        ("202402292359-0330", Timestamp(2024, 2, 29, 23, 59, offset=-210, precision=Precision.MINUTE)),
        ("2024+0000", Timestamp(2024, offset=0)),
    ],
)
def test_a_time_keeps_its_precision_and_offset(text: str, timestamp: Timestamp) -> None:
    assert parse_timestamp(text) == timestamp


@pytest.mark.parametrize(
    "text",
    ["", "24", "202", "20241", "20241301", "20240230", "2024010124", "202401012360", "20240101235960",
     "00000000", 
     "2024-01-02", "20240101.5", "20240101+2500", "20240101+0160", "20240101Z",
     " 2024", "２０２４", "2024\n"],
)  # fmt: skip
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(BadTimestamp):
        parse_timestamp(text)


def test_a_time_starts_at_its_first_moment() -> None:
    assert parse_timestamp("2024").to_datetime() == datetime(2024, 1, 1)
    assert parse_timestamp("20240102030405.5+0100").to_datetime() == datetime(
        2024, 1, 2, 3, 4, 5, 500_000, timezone(timedelta(hours=1))
    )


@given(st.datetimes(timezones=st.just(UTC)))
def test_any_moment_is_read_back(moment: datetime) -> None:
    text = f"{moment:%m%d%H%M%S.%f}+0000"

    assert parse_timestamp(f"{moment.year:04}{text}").to_datetime() == moment


@given(st.text(st.sampled_from("0123456789.+-"), max_size=30))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    try:
        timestamp = parse_timestamp(text)
    except BadTimestamp:
        return
    assert timestamp.to_datetime().year == timestamp.year
