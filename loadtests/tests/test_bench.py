"""The benchmarks measure what they say; how fast it is, is nobody's test."""

from loadtests.bench.conversion import measure
from loadtests.bench.result import Result, percentile, table
from loadtests.driver import MESSAGES, PATIENTS


def test_a_percentile_is_a_measured_value() -> None:
    assert [percentile([3, 1, 2, 4], share) for share in (0, 0.5, 0.75, 1)] == [1, 3, 4, 4]
    assert percentile([], 0.95) == 0


def test_a_table_aligns_its_columns() -> None:
    result = Result("x", "Title", [{"name": "a", "per second": 12345}, {"name": "bb", "per second": 1.234}])

    assert table(result) == "Title\nname  per second\n   a      12,345\n  bb        1.23\n"


def test_the_load_has_a_control_id_a_message_and_an_admission_a_patient() -> None:
    messages = [MESSAGES["ADT"]("r", number) for number in (0, 1, PATIENTS)]

    headers = [message.split(b"\r")[0].split(b"|")[8:10] for message in messages]
    patients = [message.split(b"PID|1||")[1].split(b"^")[0] for message in messages]
    assert headers == [
        [b"ADT^A01^ADT_A01", b"r-0"],
        [b"ADT^A01^ADT_A01", b"r-1"],
        [b"ADT^A08^ADT_A01", f"r-{PATIENTS}".encode()],
    ]
    assert patients == [b"100000", b"100001", b"100000"]


def test_every_stage_of_the_conversion_is_measured() -> None:
    rows = measure(0.1).rows

    assert [(row["message"], row["stage"]) for row in rows] == [
        (message, stage)
        for message in ("ADT^A01", "ORU^R01, 20 OBX")
        for stage in (
            "decode, parse, read 15 fields",
            "map",
            "map for US Core, with its profiles claimed",
            "all, to JSON",
        )
    ]
    assert all(float(row["per second"] or 0) > 0 for row in rows)
