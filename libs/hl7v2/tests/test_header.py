import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.hl7v2.charset import decode_part
from libs.hl7v2.delimiters import STANDARD
from libs.hl7v2.header import BadHeader, Header, NotHL7, read_header, read_patient

MSH = (
    b"MSH|^~\\&|LAB^1.2^ISO|NORTH|EHR|SOUTH|20240102||"
    b"ADT^A01^ADT_A01|id-7|P^T|2.5.1^DEU||77|AL|NE|DEU|8859/1~8859/2|x|y"
)


def test_the_header_is_what_the_sender_wrote() -> None:
    assert read_header(MSH + b"\rPID|1\r") == Header(
        delimiters=STANDARD,
        application=b"LAB^1.2^ISO",
        facility=b"NORTH",
        receiving_application=b"EHR",
        receiving_facility=b"SOUTH",
        time=b"20240102",
        type=b"ADT",
        event=b"A01",
        structure=b"ADT_A01",
        control_id=b"id-7",
        processing_id=b"P",
        version=b"2.5.1",
        accept_ack=b"AL",
        application_ack=b"NE",
        charset=b"8859/1~8859/2",
        fields=[b"MSH", b"|", *MSH.split(b"|")[1:18]],
        quirks=(),
    )


def test_a_short_header_has_empty_fields() -> None:
    header = read_header(b"MSH|^~\\&|LAB\r")

    assert header.application == b"LAB"
    assert header.fields == [b"MSH", b"|", b"^~\\&", b"LAB"] + [b""] * 15
    assert (header.type, header.event, header.control_id, header.charset) == (b"", b"", b"", b"")


@pytest.mark.parametrize(
    ("body", "quirks"),
    [
        (MSH + b"\r", ()),
        (b"\xef\xbb\xbf" + MSH + b"\r", ("byte order mark",)),
        (b"\r\n" + MSH + b"\r", ("blank before MSH", "line feeds")),
        (MSH + b"\r\nPID|1\r\n", ("line feeds",)),
        (MSH + b"\nPID|1\n", ("line feeds",)),
        (MSH + b"\rPID|1", ("no last segment end",)),
        (MSH.replace(b"\\&", b"\\&#!") + b"\r", ("long MSH-2",)),
    ],
)
def test_what_is_accepted_against_the_standard_is_named(body: bytes, quirks: tuple[str, ...]) -> None:
    header = read_header(body)

    assert (header.control_id, header.quirks) == (b"id-7", quirks)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "does not start with an MSH"),
        (b"PID|1", "does not start with an MSH"),
        (b"hello MSH|^~\\&|", "does not start with an MSH"),
        (b"<?xml version='1.0'?><ADT_A01/>", "XML"),
        (b"\xef\xbb\xbf<ADT_A01/>", "XML"),
        ("MSH|^~\\&|".encode("utf-16"), "UTF-16"),
        ("MSH|^~\\&|".encode("utf-16-be"), "UTF-16"),
        ("MSH|^~\\&|".encode("utf-16-le"), "UTF-16"),
        ("MSH|^~\\&|".encode("utf-32-be"), "UTF-16"),
    ],
)
def test_what_is_not_hl7_is_refused_by_name(body: bytes, text: str) -> None:
    with pytest.raises(NotHL7, match=text):
        read_header(body)


@pytest.mark.parametrize(
    ("body", "location"),
    [(b"MSH", "MSH^1^1"), (b"MSH\r", "MSH^1^1"), (b"MSH|^~|", "MSH^1^2"), (b"MSH|^~\\\xff|", "MSH^1^2")],
)
def test_bad_delimiters_have_a_place(body: bytes, location: str) -> None:
    with pytest.raises(BadHeader) as refused:
        read_header(body)

    assert refused.value.location == location


@pytest.mark.parametrize(
    ("rest", "patient"),
    [
        (b"\rPID|1||42^^^H~77||x\r", b"42"),
        (b"\r\nEVN||2024\r\nPID|1||42&x^^^H\r\n", b"42"),
        (b"\nPID|1||42\nPID|2||43\n", b"42"),
        (b"\rPID|1||42", b"42"),
        (b"\rPID|1||~42", b""),
        (b"\rPID|1|42", b""),
        (b"\rNTE|1||PID|7|8|9\r", b""),
        (b"\rPIDX|1||42\r", b""),
        (b"", b""),
    ],
)
def test_the_patient_is_pid_3_1_of_the_first_repetition(rest: bytes, patient: bytes) -> None:
    body = MSH + rest

    assert read_patient(body, read_header(body)) == patient


@given(st.binary(max_size=100))
def test_any_bytes_give_a_header_or_a_documented_refusal(rest: bytes) -> None:
    for body in (rest, b"MSH" + rest, MSH + rest):
        try:
            header = read_header(body)
        except NotHL7:
            continue
        assert len(header.fields) == 19
        assert isinstance(read_patient(body, header), bytes)


# In each set, characters whose second byte is a field, component, repetition and escape character.
LOOKALIKES = [
    ("BIG-5", "big5", "唰乞吘功"),
    ("GB 18030-2000", "gb18030", "亅乛亊乗"),
    ("SHIFT JIS", "shift_jis", "倒与円十"),
    ("ISO IR13", "shift_jis", "倒与円十"),
    ("~ISO IR87", "iso2022_jp", "処縲襖"),
]


@pytest.mark.parametrize(("charset", "codec", "name"), LOOKALIKES)
def test_characters_that_hold_a_delimiter_are_not_cut(charset: str, codec: str, name: str) -> None:
    sent = name.encode(codec)
    body = b"MSH|^~\\&|LAB|%s^X|EHR|%s|2026||ADT^A01|17|P|2.5.1||||||%s\rPID|1|%s|4%s&x^^^H~9|\r" % (
        sent, sent, charset.encode(), sent, sent,
    )  # fmt: skip

    header = read_header(body)

    assert (header.facility, header.receiving_facility) == (sent + b"^X", sent)
    assert (header.control_id, header.charset) == (b"17", charset.encode())
    assert read_patient(body, header) == b"4" + sent
    assert decode_part(header.facility, header) == name + "^X"


def test_a_sender_whose_character_set_was_agreed_need_not_declare_it_for_its_patients() -> None:
    body = b"MSH|^~\\&|LAB|" + "\rPID|1|唰|功4^^^H\r".encode("big5")

    assert read_patient(body, read_header(body), "BIG-5") == "功4".encode("big5")


def test_what_is_not_in_the_declared_set_is_cut_at_its_bytes() -> None:
    body = b"MSH|^~\\&|LAB|Gen\xe8ve\x81|EHR||2026||ADT^A01|17|P|2.5.1||||||BIG-5\rPID|1||4\x81^^^H\r"

    header = read_header(body)

    assert (header.facility, header.control_id) == (b"Gen\xe8ve\x81", b"17")
    assert read_patient(body, header) == b"4\x81"
