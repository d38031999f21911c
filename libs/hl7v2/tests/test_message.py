import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.hl7v2.message import BadHeader, NotHL7, State, parse
from libs.hl7v2.path import BadPath
from libs.hl7v2.writer import encode

MSH = "MSH|^~\\&|LAB|NORTH|EHR|NORTH|20240102||ADT^A01^ADT_A01|1|P|2.5.1"
A01 = (
    f'{MSH}\rPID|1||42^^^HOSP&1.2.3&ISO^MR~77^^^SSA|""|Smith\\T\\Co^Ann~Jones|||\r'
    + "OBX|1\rOBX|2||x\rZZZ|a\r"
)


def test_segments_are_named_and_counted_as_they_stand() -> None:
    message = parse(A01)

    assert [(segment.name, segment.position) for segment in message.segments] == [
        ("MSH", 0), ("PID", 1), ("OBX", 2), ("OBX", 3), ("ZZZ", 4),
    ]  # fmt: skip
    assert message.header is message.segments[0]
    assert message.first("OBX") is message.segments[2]
    assert message.all("OBX") == list(message.segments[2:4])
    assert (message.first("NK1"), message.all("NK1")) == (None, [])


def test_msh_is_numbered_as_the_standard_does() -> None:
    header = parse(A01).header

    assert [header.text(field) for field in (1, 2, 3, 12)] == ["|", "^~\\&", "LAB", "2.5.1"]
    assert [header.text(9, component) for component in (1, 2, 3, 4)] == ["ADT", "A01", "ADT_A01", ""]
    assert header.field_count == 12
    assert header.first(2).text() == "^~\\&"
    assert [value.raw for value in header.repetitions(2)] == ["^~\\&"]
    assert (header.state(1), header.state(2)) == (State.VALUED, State.VALUED)


@pytest.mark.parametrize(
    ("field", "state"),
    [
        ("", State.ABSENT),
        ("^^&~", State.ABSENT),
        ('""', State.NULL),
        ('""^^', State.NULL),
        ('""~', State.NULL),
        ('^""', State.VALUED),
        ("0", State.VALUED),
        ('""~x', State.VALUED),
    ],
)
def test_a_field_is_absent_null_or_valued(field: str, state: State) -> None:
    segment = parse(f"{MSH}\rPID|{field}").segments[1]

    assert segment.state(1) is state
    assert bool(segment.first(1)) is (state is State.VALUED and not field.startswith('""'))
    assert segment.first(1).is_null is (field.startswith('""'))
    assert segment.state(9) is State.ABSENT


def test_a_value_gives_its_parts() -> None:
    identifiers = parse(A01).segments[1].repetitions(3)

    first = identifiers[0]
    assert [value.raw for value in identifiers] == ["42^^^HOSP&1.2.3&ISO^MR", "77^^^SSA"]
    assert [first.text(1), first.text(4), first.text(4, 2), first.text(5), first.text(6)] == [
        "42", "HOSP", "1.2.3", "MR", "",
    ]  # fmt: skip
    assert first.component_count == 5
    authority = first.part(4)
    assert [authority.raw, authority.text(), authority.text(2), authority.text(3), authority.text(4)] == [
        "HOSP&1.2.3&ISO", "HOSP", "1.2.3", "ISO", "",
    ]  # fmt: skip
    assert authority.component_count == 3
    assert authority.part(2).raw == "1.2.3"
    assert [authority.part(2).text(), authority.part(2).text(2)] == ["1.2.3", ""]
    assert not first.part(2)
    assert authority.text(1, 2) == ""


def test_a_null_component_is_no_text() -> None:
    value = parse(f'{MSH}\rPID|||a^""^b').segments[1].first(3)

    assert [value.text(2), value.part(2).is_null, bool(value.part(2)), bool(value)] == ["", True, False, True]


def test_leaves_are_decoded_after_splitting() -> None:
    pid = parse(A01).first("PID")

    assert pid is not None
    assert [pid.text(5), pid.text(5, 2), pid.raw(5)] == ["Smith&Co", "Ann", "Smith\\T\\Co^Ann~Jones"]
    assert [value.text() for value in pid.repetitions(5)] == ["Smith&Co", "Jones"]


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n", "\r\r", "\n\n"])
def test_segments_end_with_cr_lf_or_both(end: str) -> None:
    assert encode(parse(A01.replace("\r", end))) == A01
    assert encode(parse(A01.replace("\r", end).removesuffix(end))) == A01


@pytest.mark.parametrize("separator", ["\x0b", "\x0c", "\x1c", "\x1d", "\x85", "\u2028"])
def test_nothing_else_ends_a_segment(separator: str) -> None:
    message = parse(f"{MSH}\rNTE|1||a{separator}b\r")

    assert [segment.text(3) for segment in message.all("NTE")] == [f"a{separator}b"]


def test_what_precedes_msh_may_be_a_byte_order_mark_or_blank() -> None:
    assert encode(parse("\ufeff" + A01)) == encode(parse("\r\n" + A01)) == A01


def test_delimiters_are_those_of_the_message() -> None:
    message = parse("MSH#*%!?#LAB\rPID###1*2*A?B%9#a!F!b!S!c\\d")

    assert [message.at(path) for path in ("PID-3", "PID-3.3.2", "PID-3[2]", "PID-4", "MSH-2")] == [
        "1", "B", "9", "a#b*c\\d", "*%!?",
    ]  # fmt: skip
    assert parse("MSH|^~\\&#|LAB").delimiters.truncation == "#"


def test_what_follows_the_fifth_encoding_character_has_no_meaning() -> None:
    message = parse("MSH|^~\\&#!x|LAB\rPID|||1!2^3#4")

    assert message.delimiters == parse("MSH|^~\\&#|LAB").delimiters
    assert [message.at(path) for path in ("MSH-3", "PID-3", "PID-3.2")] == ["LAB", "1!2", "3#4"]


@pytest.mark.parametrize("text", ["", " ", "PID|1", "msh|^~\\&|", "MS", "FHS|^~\\&|", "{}", "<ADT_A01/>"])
def test_what_has_no_msh_is_not_hl7(text: str) -> None:
    with pytest.raises(NotHL7):
        parse(text)


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("MSH", "MSH^1^1"),
        ("MSHA^~\\&A", "MSH^1^1"),
        ("MSH ^~\\& ", "MSH^1^1"),
        ("MSH\r|^~\\&|", "MSH^1^1"),
        ("MSH||LAB", "MSH^1^2"),
        ("MSH|^~\\|LAB", "MSH^1^2"),
        ("MSH|^^\\&|LAB", "MSH^1^2"),
        ("MSH|a~\\&|LAB", "MSH^1^2"),
        ("MSH|^~\\é|LAB", "MSH^1^2"),
        ('MSH|^~\\"|LAB', "MSH^1^2"),
    ],
)
def test_delimiters_that_cannot_be_used_are_refused_with_their_place(text: str, location: str) -> None:
    with pytest.raises(BadHeader) as refused:
        parse(text)

    assert refused.value.location == location


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("PID-3", "42"),
        ("PID-3.4.2", "1.2.3"),
        ("PID-3[2]", "77"),
        ("PID-3[2].4", "SSA"),
        ("PID-3[3]", ""),
        ("PID-5[2].1", "Jones"),
        ("OBX[2]-3", "x"),
        ("OBX[3]-3", ""),
        ("NK1-2", ""),
        ("PID-99", ""),
        ("MSH-9.2", "A01"),
        ("MSH-2", "^~\\&"),
        ("MSH-2[2]", ""),
    ],
)
def test_a_path_reads_one_leaf(path: str, text: str) -> None:
    assert parse(A01).at(path) == text


def test_a_segment_takes_the_rest_of_a_path() -> None:
    assert parse(A01).segments[1].at("3[2].4") == "SSA"


@pytest.mark.parametrize(
    "path", ["", "PID", "PID-", "PID-0", "PID-3[0]", "PID-3.x", "pid-3", "PID-3.1.1.1", "PID-٣"]
)
def test_what_is_no_path_is_said_so(path: str) -> None:
    with pytest.raises(BadPath):
        parse(A01).at(path)


def test_a_line_that_is_no_segment_has_no_name_and_is_kept() -> None:
    message = parse(f"{MSH}\rNTE|1||first\rsecond line of a note\r")

    assert [segment.name for segment in message.segments] == ["MSH", "NTE", ""]
    assert encode(message) == f"{MSH}\rNTE|1||first\rsecond line of a note\r"


@given(st.text(alphabet=st.sampled_from('|^~\\&#"AF\r\nPIDMSH \x1cé'), max_size=80))
def test_any_text_after_msh_reads_and_encodes_as_it_is(text: str) -> None:
    message = parse(MSH + "\r" + text)

    lines = [line for line in text.replace("\n", "\r").split("\r") if line.strip()]
    assert encode(message) == "".join(f"{line}\r" for line in [MSH, *lines])
    for segment in message.segments:
        for field in range(segment.field_count + 2):
            values = segment.repetitions(field)
            assert all(value and not value.is_null for value in values)
            assert (segment.state(field) is State.VALUED) or not values
            assert isinstance(segment.text(field, 2, 2) + segment.first(field).part(2).text(2), str)
            assert segment.text(field) == segment.first(field).text()


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_as_documented(text: str) -> None:
    for candidate in (text, "MSH" + text):
        try:
            message = parse(candidate)
        except NotHL7:
            continue
        assert message.segments
