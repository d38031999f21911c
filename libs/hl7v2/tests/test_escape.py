import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.hl7v2.delimiters import STANDARD, Delimiters
from libs.hl7v2.escape import decode, encode

TRUNCATING = STANDARD._replace(truncation="#")


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (r"a\F\b\S\c\T\d\R\e\E\f", r"a|b^c&d~e\f"),
        (r"one\.br\two", "one\ntwo"),
        (r"one\.sp\two\.sp2\three\.sp 3\four", "one\ntwo\n\nthree\n\n\nfour"),
        (r"a\.sk3\b\.ce\c", "a   b\nc"),
        (r"\.fi\a\.nf\b\.in+4\c\.ti-2\d", "abcd"),
        (r"\H\bold\N\ plain", "bold plain"),
        (r"\X41\\X0D0A\\XC3A9\\XE9\\X81\ ", "A\r\néé\x81 "),
        (r"\X414\ \XZZ\ \X\ \X00\ ", r"\X414\ \XZZ\ \X\ \X00\ "),
        (r"\C2842\ \M2442\ \Zab\ \Q\ \.zz\ ", r"\C2842\ \M2442\ \Zab\ \Q\ \.zz\ "),
        (r"\.sp9999999\x", r"\.sp9999999\x"),
        (r"C:\temp and \T\ ", r"C:\temp and & "),
        (r"\\server\T\share", r"\\server&share"),
        (r"a\P\b", r"a\P\b"),
        ("\\", "\\"),
        ("\\F", "\\F"),
        (r"\f\ ", r"\f\ "),
        (r"\E\F\E\ ", r"\F\ "),
    ],
)
def test_a_leaf_is_decoded_and_what_is_unknown_kept(raw: str, text: str) -> None:
    assert decode(raw, STANDARD) == text


def test_the_truncation_character_has_a_sequence_where_it_is_declared() -> None:
    assert decode(r"a\P\b", TRUNCATING) == "a#b"
    assert encode("a#b", TRUNCATING) == r"a\P\b"
    assert encode("a#b", STANDARD) == "a#b"


@pytest.mark.parametrize(
    ("text", "raw"),
    [
        ("a|b^c~d\\e&f", r"a\F\b\S\c\R\d\E\e\T\f"),
        ("one\ntwo\r\nthree\rfour", r"one\.br\two\.br\three\.br\four"),
        ("\x0b\x1c\x1b\0", r"\X0B\\X1C\\X1B\\X00" + "\\"),
        ('""', r"\X2222" + "\\"),
        ("Grüße\t日本", "Grüße\t日本"),
        ("", ""),
    ],
)
def test_a_text_is_encoded_so_that_no_character_cuts_it(text: str, raw: str) -> None:
    assert encode(text, STANDARD) == raw


PUNCTUATION = [
    character for character in map(chr, range(33, 127)) if not character.isalnum() and character != '"'
]
DELIMITERS = st.lists(st.sampled_from(PUNCTUATION), min_size=5, max_size=6, unique=True).map(
    lambda d: Delimiters(*d)
)


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), DELIMITERS)
def test_what_is_encoded_decodes_to_itself_whatever_the_delimiters(text: str, delimiters: Delimiters) -> None:
    raw = encode(text, delimiters)

    assert not set(raw) & (set(delimiters) - {"", delimiters.escape})
    assert decode(raw, delimiters) == text.replace("\r\n", "\n").replace("\r", "\n")


@given(st.text(st.sampled_from("\\FSTREPXCMZHN.brspin0123456789ABCDEF \n"), max_size=60))
def test_any_leaf_decodes(raw: str) -> None:
    text = decode(raw, TRUNCATING)

    assert "\0" not in text
    assert len(text) <= 99 * len(raw)
