import tracemalloc
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.fhir.json import NotJson, dumps, loads, loads_foreign


@pytest.mark.parametrize(
    "text",
    [
        '{"value":1.10}',
        '{"value":-0.0}',
        '{"value":0.000000000000000000000000000001}',
        '{"value":123456789012345678901234567890.10}',
        '{"value":12345678901234567890123}',
        '{"value":[1,2.50,3]}',
        '{"value":1E+2}',
        '{"text":"at 10:30.5, or [1.50]"}',
    ],
)
def test_numbers_come_out_with_the_digits_they_went_in_with(text: str) -> None:
    assert dumps(loads(text)).decode() == text


def test_a_number_with_a_fraction_is_a_decimal_and_one_without_an_int() -> None:
    assert loads('{"a": 1.10, "b": 2 , "c":[ 3.0 ]}') == {"a": Decimal("1.10"), "b": 2, "c": [Decimal("3.0")]}
    assert type(loads('{"b": 2}')["b"]) is int


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"{", "not JSON: line 1, column"),
        (b"[1]", "not a JSON object"),
        (b'{"a":-Infinity}', "not JSON: -Infinity is not a JSON number"),
        (b'{"a":1.5,"b":NaN}', "not JSON: NaN is not a JSON number"),
        (b'{"a":1.5,"b":"\xff"}', "not UTF-8: byte 14"),
        (b'{"a":"\\ud800"}', "surrogates not allowed"),
        (b'{"a":1e9999999999999999999}', "exponent"),
        (b'{"a":' + b"[" * 100_000 + b"1.5]}", "not JSON"),
        (b'{"a":' + b"[" * 100_000 + b"1]}", "not JSON"),
        (b"", "not JSON"),
    ],
)
def test_what_is_no_json_object_is_refused_without_being_quoted(text: bytes, says: str) -> None:
    with pytest.raises(NotJson, match=says):
        loads(text)


def test_a_foreign_text_says_each_thing_once() -> None:
    twice = b'{"name":[{"family":"A","family":"B"}]}'

    assert loads_foreign(b'{"a":{"b":1.10},"b":1}') == {"a": {"b": Decimal("1.10")}, "b": 1}
    with pytest.raises(NotJson, match="a name stands twice"):
        loads_foreign(twice)


def test_an_escaped_pair_of_surrogates_is_the_character_it_means() -> None:
    assert loads(b'{"a":"\\ud83d\\ude00"}') == {"a": "😀"}


@pytest.mark.parametrize("value", [{"a": Decimal("NaN")}, {"a": object()}, {"a": "\ud800"}])
def test_what_json_has_no_form_for_is_not_written(value: dict[str, Any]) -> None:
    with pytest.raises(NotJson, match="cannot be written"):
        dumps(value)


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.decimals(allow_nan=False, allow_infinity=False).filter(lambda number: number.adjusted() < 1000)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | NUMBERS | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=10,
)


@given(st.dictionaries(TEXT, JSON))
def test_what_is_written_reads_back_equal(value: dict[str, Any]) -> None:
    assert loads(dumps(value)) == value


@given(NUMBERS.filter(bool))
def test_every_decimal_keeps_its_digits(number: Decimal) -> None:
    assert Decimal(loads(dumps({"n": number}))["n"]).as_tuple() == number.as_tuple()


def test_what_is_written_holds_as_much_memory_as_it_is_long() -> None:
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        kept = [dumps({"text": "x" * 1000}) for _ in range(100)]
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()

    assert held < 1.2 * sum(map(len, kept))
