"""The names of character sets in MSH-18, and what each stands for.

Source: HL7 v2.5.1 table 0211; 2.15.9.18 for what repetitions of MSH-18 mean.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from libs.errors import Permanent

# By the name without spaces, dashes and a leading ISO, which senders write in many ways.
_CODECS = {
    **{f"8859{part}": f"iso8859-{part}" for part in range(1, 17) if part != 12},
    "ASCII": "ascii",
    "USASCII": "ascii",
    "IR6": "ascii",
    "IR13": "shift_jis",  # its single bytes are JIS X 0201
    "IR14": "shift_jis",
    "IR87": "iso2022_jp",
    "IR159": "iso2022_jp_1",
    "IR149": "euc_kr",
    "KSX1001": "euc_kr",
    "GB18030": "gb18030",
    "GB180302000": "gb18030",
    "GB2312": "gb2312",
    "BIG5": "big5",
    "CNS116431992": "big5",
    "SHIFTJIS": "shift_jis",
    "EUCJP": "euc_jp",
    "UNICODE": "utf-8",  # the other forms of Unicode cannot travel over MLLP
    "UNICODEUTF8": "utf-8",
    "UTF8": "utf-8",
    "LATIN1": "iso8859-1",
    "CP1252": "cp1252",
    "WINDOWS1252": "cp1252",
}
_SWITCHING = ("IR13", "IR14", "IR87", "IR159", "IR149")  # they reach other sets by escapes
_WIDE = ("UTF16", "UTF32", "UCS2", "UCS4")
_PUNCTUATION = re.compile(r"[\s_/-]+")


class UnsupportedCharset(Permanent):
    """MSH-18 declares UTF-16 or UTF-32, which cannot travel over MLLP; the sender must use UTF-8."""


class CharacterSets(NamedTuple):
    codec: str  # of the first set; "" when none is declared, or one that is not known
    switches: bool  # ISO 2022 escape sequences lead to the others
    is_declared: bool
    is_known: bool

    def or_else(self, agreed: "CharacterSets") -> "CharacterSets":
        """These where they say something, else those that were agreed with the sender."""
        return self._replace(
            codec=self.codec or agreed.codec, switches=(self if self.is_declared else agreed).switches
        )


@lru_cache(maxsize=256)
def character_sets(declared: str, repetition: str = "~") -> CharacterSets:
    """What the names stand for. Raises UnsupportedCharset."""
    names = [_PUNCTUATION.sub("", name).upper().removeprefix("ISO") for name in declared.split(repetition)]
    if any(name.removeprefix("UNICODE").startswith(_WIDE) for name in names):
        raise UnsupportedCharset("UTF-16 and UTF-32 cannot travel over MLLP; send UNICODE UTF-8")
    first = names[0] or ("ASCII" if len(names) > 1 else "")
    return CharacterSets(
        codec=_CODECS.get(first, ""),
        switches=len(names) > 1 or first in _SWITCHING,
        is_declared=any(names),
        is_known=not first or first in _CODECS,
    )
