import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.hl7v2.charset import UnsupportedCharset, decode_message
from libs.hl7v2.header import NotHL7

UNDECODABLE = "the bytes are not in the declared character set ({})"
UNKNOWN = "the character set is unknown; read as Windows-1252"


def message(charset: str, name: bytes) -> bytes:
    return f"MSH|^~\\&|LAB|||||||1|P|2.5||||||{charset}\rPID|1||42||".encode() + name + b"\r"


def name_of(text: str) -> str:
    return text.rpartition("|")[2].removesuffix("\r")


@pytest.mark.parametrize(
    ("charset", "codec", "name"),
    [
        ("ASCII", "ascii", "Smith"),
        ("8859/1", "latin-1", "Müller"),
        ("8859/2", "iso8859-2", "Łódź"),
        ("8859/5", "iso8859-5", "Иванов"),
        ("8859/6", "iso8859-6", "محمد"),
        ("8859/7", "iso8859-7", "Παπαδόπουλος"),
        ("8859/8", "iso8859-8", "כהן"),
        ("8859/9", "iso8859-9", "Yıldız"),
        ("8859/15", "iso8859-15", "Zoë€"),
        ("ISO-8859-1", "latin-1", "Müller"),
        ("UNICODE UTF-8", "utf-8", "Müller 山田 😀"),
        ("UNICODE", "utf-8", "山田"),
        ("utf-8", "utf-8", "山田"),
        ("windows-1252", "cp1252", "O’Neill"),
        ("GB 18030-2000", "gb18030", "张伟"),
        ("BIG-5", "big5", "許功蓋"),  # second bytes that are a backslash
        ("KS X 1001", "euc_kr", "김철수"),
        ("ISO IR13", "shift_jis", "ﾔﾏﾀﾞ"),
        ("~ISO IR87", "iso2022_jp", "山田^太郎"),
        ("ISO IR87", "iso2022_jp", "山田^太郎"),
        ("ASCII~ISO IR87~ISO IR159", "iso2022_jp_1", "山田^丂"),
    ],
)
def test_msh_18_decides(charset: str, codec: str, name: str) -> None:
    text, warnings = decode_message(message(charset, name.encode(codec)))

    assert (name_of(text), warnings) == (name, [])


@pytest.mark.parametrize(
    ("charset", "name", "text"),
    [
        ("ISO IR13~ISO IR87", b"\xd4\xcf\xc0\xde^\x1b$B;3ED\x1b(J", "ﾔﾏﾀﾞ^山田"),
        ("~8859/5", b"Ivanov \x1b-L\xb8\xd2\xd0\xdd", "Ivanov Иван"),
        ("8859/1~8859/7", b"M\xfcller \x1b-F\xc3", "Müller Γ"),
        ("~ISO IR149", b"\x1b$)C\xb1\xe8", "김"),
        ("~ISO IR87", b"\\M2442\\;3ED\\C2842\\^A", "山田^A"),
        ("~ISO IR87", b"\x1b(I42\x1b(B", "ｴｲ"),
    ],
)
def test_repetitions_are_reached_by_escape_sequences(charset: str, name: bytes, text: str) -> None:
    decoded, warnings = decode_message(message(charset, name))

    assert (name_of(decoded), warnings) == (text, [])


def test_a_segment_starts_in_the_default_set_again() -> None:
    text, _ = decode_message(message("~ISO IR87", b"\x1b$B;3ED") + b"NTE|1||plain\r")

    assert text.endswith("山田\rNTE|1||plain\r")


@pytest.mark.parametrize(
    ("charset", "default", "name", "text", "warnings"),
    [
        ("", "", "Müller".encode(), "Müller", []),
        ("", "", b"M\xfcller", "Müller", [UNKNOWN]),
        ("", "", b"O\x92Neill\x81", "O’Neill\x81", [UNKNOWN]),
        ("", "8859/2", b"\xa3", "Ł", []),
        ("8859/1", "8859/2", b"\xa3", "£", []),
        ("UNICODE UTF-8", "", b"M\xfcller", "Müller", [UNDECODABLE.format("utf-8"), UNKNOWN]),
        ("ASCII", "", "é".encode(), "é", [UNDECODABLE.format("ascii")]),
        ("KLINGON", "", b"A", "A", ["MSH-18 is not in table 0211"]),
        ("KLINGON", "8859/2", b"\xa3", "Ł", ["MSH-18 is not in table 0211"]),
        ("", "klingon", b"A", "A", ["the sender's default is not in table 0211"]),
        ("", "", b"a\0b", "ab", ["NUL characters were left out of the text"]),
        ("", "", b"a\x1bE", "a\x1bE", ["the escape sequences of ISO 2022 are not as the standard has them"]),
    ],
)  # fmt: skip
def test_what_is_undeclared_or_wrong_is_read_without_losing_a_character(
    charset: str, default: str, name: bytes, text: str, warnings: list[str]
) -> None:
    decoded, found = decode_message(message(charset, name), default)

    assert (name_of(decoded), found) == (text, warnings)


def test_a_byte_order_mark_is_taken_off_and_means_utf_8() -> None:
    text, warnings = decode_message(b"\xef\xbb\xbf" + message("8859/1", "Müller".encode()))

    assert (text[:3], name_of(text), warnings) == ("MSH", "Müller", [])


@pytest.mark.parametrize("charset", ["UNICODE UTF-16", "UNICODE UTF-32", "UTF-16", "~UTF-16LE", "UCS-2"])
def test_wide_unicode_is_refused(charset: str) -> None:
    with pytest.raises(UnsupportedCharset):
        decode_message(message(charset, b"A"))


CHARSETS = st.sampled_from(
    ["", "ASCII", "8859/1", "UNICODE UTF-8", "~ISO IR87", "ISO IR14", "BIG-5", "GB 18030-2000", "?"]
)


@given(CHARSETS, st.binary(max_size=60))
def test_any_bytes_become_text_without_replacement_characters(charset: str, name: bytes) -> None:
    text, _ = decode_message(message(charset, name))

    assert text.startswith("MSH|^~\\&|LAB|")
    assert "\0" not in text
    assert "\ufffd" not in text or b"\xef\xbf\xbd" in name or charset == "GB 18030-2000"
    text.encode()


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_as_documented(rest: bytes) -> None:
    for body in (rest, b"MSH|^~\\&|" + rest):
        try:
            decode_message(body)
        except (NotHL7, UnsupportedCharset):
            continue
