"""Finding delimiters in bytes whose characters may have a byte that looks like one.

In BIG-5, GB 18030 and Shift-JIS the second byte of a character can be `|`, `^`, `~` or a backslash, and
after an ISO 2022 sequence any byte can. Such a segment is cut where its *cover* has the delimiter: the
same bytes, with COVER for each byte of those characters.
"""

import re
from functools import lru_cache

from libs.hl7v2.character_sets import CharacterSets, UnsupportedCharset, character_sets
from libs.hl7v2.delimiters import Delimiters
from libs.hl7v2.iso2022 import ESC, HIGH, LOW, decode_iso2022, designation, sequences, with_real_escapes

COVER = b"\xff"

_DECLARATION = 18  # MSH-18

_PAIRS = {
    "big5": re.compile(rb"[\x81-\xfe][\x40-\x7e\xa1-\xfe]"),
    "gb18030": re.compile(rb"[\x81-\xfe](?:[0-9][\x81-\xfe][0-9]|[\x40-\x7e\x80-\xfe])"),
    "shift_jis": re.compile(rb"[\x81-\x9f\xe0-\xfc][\x40-\x7e\x80-\xfc]"),
}
_HIDING = [(codec, switches) for switches in (False, True) for codec in (*_PAIRS, "") if codec or switches]
# What is in the names of all these sets, wherever in MSH it stands.
_NAMED = re.compile(rb"(?i)big|cns|gb|ir|jis|ks")


def cut(line: bytes, cover: bytes, separator: str, most: int = -1) -> list[tuple[bytes, bytes]]:
    """The parts of a line and of its cover, split `most` times at the separators of the cover."""
    parts, position = [], 0
    for covered in cover.split(separator.encode(), most):
        parts.append((line[position : position + len(covered)], covered))
        position += len(covered) + 1
    return parts


def cover_header(line: bytes, delimiters: Delimiters) -> bytes:
    """The cover of an MSH; the line itself when it declares no set that hides delimiters.

    Where MSH-18 is depends on what it says: a set is believed when MSH-18 declares it to one who reads
    the line in that set. Not for lines of single bytes only, which `header` reads by itself.
    """
    if ESC in line or line.isascii() or _NAMED.search(line):
        for codec, switches in _HIDING:
            cover = _hide(line, codec, switches, delimiters)
            fields = cut(line, cover, delimiters.field, _DECLARATION)
            if len(fields) >= _DECLARATION:
                sets = _sets(fields[_DECLARATION - 1][0], delimiters, "")
                if (_pairs(sets), sets.switches) == (codec, switches):
                    return cover if _is_readable(line, sets, delimiters) else line
    return line


def cover_segment(line: bytes, delimiters: Delimiters, declared: bytes, default: str = "") -> bytes:
    """The cover of a segment of a message whose MSH-18 is `declared`, from a sender with that default."""
    sets = _sets(declared, delimiters, default)
    if not (_pairs(sets) or sets.switches) or not _is_readable(line, sets, delimiters):
        return line
    return _hide(line, _pairs(sets), sets.switches, delimiters)


@lru_cache(maxsize=256)
def _sets(declared: bytes, delimiters: Delimiters, default: str) -> CharacterSets:
    try:
        return character_sets(declared.decode("latin-1"), delimiters.repetition).or_else(
            character_sets(default)
        )
    except UnsupportedCharset:
        return character_sets("")


def _pairs(sets: CharacterSets) -> str:
    return sets.codec if sets.codec in _PAIRS else ""


def _hide(line: bytes, codec: str, switches: bool, delimiters: Delimiters) -> bytes:
    if not switches:
        return _hide_pairs(line, codec)
    cover: list[bytes] = []
    position, shifted, high = 0, False, codec
    for found in sequences(delimiters.escape).finditer(line):
        cover.append(_hide_run(line[position : found.start()], shifted, high))
        designated = designation(found)
        if designated in LOW:
            shifted = LOW[designated][1] != 0
        else:
            high = HIGH.get(designated, high)
        cover.append(COVER * len(found[0]))
        position = found.end()
    return b"".join([*cover, _hide_run(line[position:], shifted, high)])


def _hide_run(run: bytes, shifted: bool, high: str) -> bytes:
    return COVER * len(run) if shifted else _hide_pairs(run, high)


def _hide_pairs(run: bytes, codec: str) -> bytes:
    pairs = _PAIRS.get(codec)
    return pairs.sub(lambda found: COVER * len(found[0]), run) if pairs else run


def _is_readable(line: bytes, sets: CharacterSets, delimiters: Delimiters) -> bool:
    """Whether the line is what the sets say; the text of one that is not is read otherwise, too."""
    try:
        if sets.switches:
            decode_iso2022(with_real_escapes(line, delimiters.escape), sets.codec or "ascii")
        else:
            line.decode(sets.codec)
    except UnicodeDecodeError:
        return False
    return True
