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


def read_delimiters(msh: str) -> Delimiters:
    """The delimiters that an MSH (FHS, BHS) segment declares.

    Raises BadHeader: MSH-1 or MSH-2 is missing, has another length, or holds a character that
    cannot separate anything.
    """
    separator = msh[3:4]
    end = msh.find(separator, 4) if separator else -1
    return _checked(separator, msh[4:] if end < 0 else msh[4:end][:6])


@lru_cache(maxsize=256)
def _checked(separator: str, encoding: str) -> Delimiters:
    if not _separates(separator):
        raise BadHeader("MSH-1 is not a field separator; send one punctuation character", "MSH^1^1")
    if len(encoding) not in (4, 5):
        raise BadHeader("MSH-2 must hold four or five encoding characters", "MSH^1^2")
    characters = separator + encoding
    if len(set(characters)) != len(characters) or not all(map(_separates, encoding)):
        raise BadHeader("MSH-2 must hold different punctuation characters, none of them MSH-1", "MSH^1^2")
    return Delimiters(*characters)


def _separates(character: str) -> bool:
    """True of a printable ASCII character that is neither a letter, a digit nor the `"` of a null."""
    return "!" <= character <= "~" and not character.isalnum() and character != '"'
