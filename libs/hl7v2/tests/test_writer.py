import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.hl7v2.delimiters import STANDARD, Delimiters
from libs.hl7v2.message import State, parse
from libs.hl7v2.writer import Field, Null, encode, write_message, write_segment

MSH = write_segment("MSH", {3: "LAB", 9: ("ADT", "A01"), 10: "1", 12: "2.5.1"})
HASH = Delimiters("#", "*", "%", "!", "?")


def test_a_segment_is_written_from_plain_values() -> None:
    fields: dict[int, Field] = {
        1: "1",
        3: [("42", "", "", ("H|Q", "1.2.3", "ISO"), "MR", ""), ("77", "")],
        4: Null.NULL,
        5: ("Smith & Co", Null.NULL),
        7: "",
    }

    assert write_segment("PID", fields) == 'PID|1||42^^^H\\F\\Q&1.2.3&ISO^MR~77|""|Smith \\T\\ Co^""'
    assert write_segment("PID", {3: ("4#2", ("a", "b*"))}, HASH) == "PID###4!F!2*a?b!S!"
    assert write_segment("EVN", {}) == "EVN"
    assert write_segment("EVN", {1: ""}) == "EVN"


def test_the_first_two_fields_of_a_header_are_the_delimiters() -> None:
    assert MSH == "MSH|^~\\&|LAB||||||ADT^A01|1||2.5.1"
    assert write_segment("BHS", {3: "LAB"}, HASH) == "BHS#*%!?#LAB"
    with pytest.raises(ValueError, match="fields of it count from 3"):
        write_segment("MSH", {2: "^~\\&"})
    with pytest.raises(ValueError, match="fields of it count from 1"):
        write_segment("PID", {0: "PID"})


def test_segments_make_a_message() -> None:
    text = write_message([MSH, write_segment("NTE", {3: "two\nlines"})])

    assert text == f"{MSH}\rNTE|||two\\.br\\lines\r"
    assert parse(text).at("NTE-3") == "two\nlines"


LEAVES = st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]), max_size=8)
VALUED = LEAVES.filter(bool)
REPETITIONS = st.lists(st.tuples(VALUED, LEAVES, st.tuples(LEAVES, VALUED)), min_size=1, max_size=3)


@given(st.dictionaries(st.integers(1, 30), REPETITIONS, max_size=5), st.sampled_from([STANDARD, HASH]))
def test_what_is_written_is_read_back(
    fields: dict[int, list[tuple[str, str, tuple[str, str]]]], d: Delimiters
) -> None:
    header = write_segment("MSH", {10: "1"}, d)
    text = write_message(
        [header, write_segment("ZZZ", {number: [*values] for number, values in fields.items()}, d)]
    )

    message = parse(text)
    segment = message.segments[1]
    assert encode(message) == text
    for number in range(1, 32):
        written = fields.get(number, [])
        assert segment.state(number) is (State.VALUED if written else State.ABSENT)
        assert [
            (v.text(), v.text(2), (v.text(3), v.text(3, 2))) for v in segment.repetitions(number)
        ] == written


PIECES = st.lists(st.sampled_from([*"|^~\\&ab1", '""', "\\T\\", "\\.br\\", "é"]), max_size=30).map("".join)


@given(st.lists(st.tuples(st.sampled_from(["PID", "OBX", "ZZ1"]), PIECES), max_size=6))
def test_a_well_formed_message_is_encoded_as_it_was_read(segments: list[tuple[str, str]]) -> None:
    text = write_message([MSH, *(f"{name}|{rest}" for name, rest in segments)])

    assert encode(parse(text)) == text
