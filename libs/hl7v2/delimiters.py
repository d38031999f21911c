"""The characters a message is cut with, and the two ways in which its first bytes can be wrong."""

from functools import lru_cache
from typing import NamedTuple

from libs.errors import Permanent


class NotHL7(Permanent):
    """The content is not an ER7 encoded HL7 v2 message; without an MSH there is no one to answer to."""


class BadHeader(NotHL7):
    """There is an MSH, and its delimiters cannot be used."""

    def __init__(self, text: str, location: str) -> None:
        super().__init__(text)
        self.location = location  # as ERR-2 wants it: segment^sequence^field


class Delimiters(NamedTuple):
    """MSH-1 and MSH-2. Source: HL7 v2.5.1 chapter 2, 2.5.4; v2.7 for the truncation character."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"
    truncation: str = ""  # "" when MSH-2 has four characters

    @property
    def encoding_characters(self) -> str:
        """MSH-2."""
        return "".join(self[1:])


STANDARD = Delimiters()
LONGEST = 5  # characters of MSH-2


def read_delimiters(msh: str) -> Delimiters:
    """The delimiters that an MSH (FHS, BHS) segment declares.

    What follows the fifth character of MSH-2 has no meaning in any version, and is passed over.
    Raises BadHeader: MSH-1 or MSH-2 is missing, has fewer characters, or holds a character that
    cannot separate anything.
    """
    separator = msh[3:4]
    return _checked(separator, _stated(msh)[:LONGEST])


def has_more_characters(msh: str) -> bool:
    """Whether MSH-2 has more characters than any version gives a meaning to."""
    return len(_stated(msh)) > LONGEST


def _stated(msh: str) -> str:
    end = msh.find(msh[3:4], 4) if len(msh) > 3 else -1
    return msh[4:] if end < 0 else msh[4:end]


@lru_cache(maxsize=256)
def _checked(separator: str, encoding: str) -> Delimiters:
    if not _separates(separator):
        raise BadHeader("MSH-1 is not a field separator; send one punctuation character", "MSH^1^1")
    if len(encoding) < 4:
        raise BadHeader("MSH-2 must hold four or five encoding characters", "MSH^1^2")
    characters = separator + encoding
    if len(set(characters)) != len(characters) or not all(map(_separates, encoding)):
        raise BadHeader("MSH-2 must hold different punctuation characters, none of them MSH-1", "MSH^1^2")
    return Delimiters(*characters)


def _separates(character: str) -> bool:
    """True of a printable ASCII character that is neither a letter, a digit nor the `"` of a null."""
    return "!" <= character <= "~" and not character.isalnum() and character != '"'
