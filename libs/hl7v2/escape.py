"""Escape sequences of ER7 text.

They are decoded on leaves only, after all splitting. What cannot be decoded is kept as it was sent.
Source: HL7 v2.5.1 chapter 2, 2.7; v2.7 for `P`.
"""

import re
from collections.abc import Callable
from functools import lru_cache

from libs.hl7v2.delimiters import Delimiters

MOST_REPEATED = 99  # lines or spaces that one sequence may ask for; beyond it is kept as sent

_FORMATTING = re.compile(r"\.(br|sp|ce|sk|fi|nf|in|ti) ?([+-]?\d{0,9})")
_NEW_LINE = re.compile(r"\r\n?")


def decode(raw: str, delimiters: Delimiters) -> str:
    r"""The text that a leaf stands for.

    `\F\ \S\ \T\ \R\ \E\ \P\` are the delimiters, `\.br\ \.sp\ \.ce\` line breaks, `\.sk\` spaces,
    `\Xhh..\` characters in UTF-8 or else cp1252. Highlighting and the other formatting commands are
    dropped: plain text cannot carry them. `\C..\ \M..\ \Z..\` and unknown ones stay as sent, as does
    a NUL, which is no text.
    """
    if delimiters.escape not in raw:
        return raw
    pattern, replace = _decoder(delimiters)
    return pattern.sub(replace, raw)


def encode(text: str, delimiters: Delimiters) -> str:
    """A leaf that stands for `text`; line ends of any kind become line breaks.

    A text that consists of two quotes is written in hexadecimal, since `""` is a null.
    """
    escape = delimiters.escape
    if text == '""':
        return f"{escape}X2222{escape}"
    return _NEW_LINE.sub("\n", text).translate(_encoder(delimiters))


@lru_cache(maxsize=64)
def _encoder(delimiters: Delimiters) -> dict[int, str]:
    escape = delimiters.escape
    table = {code: f"{escape}X{code:02X}{escape}" for code in (*range(9), *range(11, 32), 127)}
    table[ord("\n")] = f"{escape}{'X0A' if '.' in delimiters else '.br'}{escape}"
    table |= {ord(character): f"{escape}{letter}{escape}" for letter, character in _letters(delimiters)}
    return table


def _letters(delimiters: Delimiters) -> list[tuple[str, str]]:
    """The letter by which a sequence names each delimiter."""
    letters = [
        ("F", delimiters.field),
        ("S", delimiters.component),
        ("T", delimiters.subcomponent),
        ("R", delimiters.repetition),
        ("E", delimiters.escape),
    ]
    return [*letters, ("P", delimiters.truncation)] if delimiters.truncation else letters


@lru_cache(maxsize=64)
def _decoder(delimiters: Delimiters) -> tuple[re.Pattern[str], Callable[[re.Match[str]], str]]:
    """A pattern of whatever may be a sequence, and what each is replaced by.

    A lone escape character, as in a file path, opens a sequence only when another follows before
    any white space.
    """
    escape = re.escape(delimiters.escape)
    plain = dict(_letters(delimiters)) | {"H": "", "N": ""}

    def replace(match: re.Match[str]) -> str:
        body = match[1]
        if (text := plain.get(body)) is not None:
            return text
        if body[:1] == "X":
            decoded = _hexadecimal(body[1:])
        elif body[:1] == ".":
            decoded = _formatting(body)
        else:
            decoded = None
        return match[0] if decoded is None else decoded

    return re.compile(rf"{escape}(\.[a-z]{{2}} [+-]?\d{{1,9}}|[^{escape}\s]*){escape}"), replace


def _hexadecimal(digits: str) -> str | None:
    try:
        data = bytes.fromhex(digits)
    except ValueError:
        return None
    if not data or 0 in data:
        return None
    for codec in ("utf-8", "cp1252"):
        try:
            return data.decode(codec)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


def _formatting(body: str) -> str | None:
    match = _FORMATTING.fullmatch(body)
    if match is None:
        return None
    command, number = match.groups()
    if command in ("br", "ce"):
        return "\n"
    if command in ("sp", "sk"):
        times = int(number) if number.lstrip("+-") else 1
        return ("\n" if command == "sp" else " ") * times if 0 <= times <= MOST_REPEATED else None
    return ""
