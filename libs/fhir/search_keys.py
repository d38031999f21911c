"""The keys under which values are indexed and looked up: made alike here for both."""

import re
import unicodedata
from enum import IntEnum
from functools import lru_cache
from hashlib import blake2b


class Form(IntEnum):
    """What a token key says about a value. The numbers are stored, so they never change."""

    SYSTEM_CODE = 1  # system|code; with an empty system it is |code, a code that states none
    CODE = 2  # code, whatever its system; the only form where SearchParameter.system is the one there is
    SYSTEM = 3  # system|, whatever its code
    PRESENT = 4  # the parameter has a value; system and code are empty
    REFERENCE = 5  # system: type, code: id
    URI = 6  # code: the uri; also of a reference or canonical that is no Type/id of ours
    OF_TYPE = 7  # of an identifier; system: type system|type code, code: the identifier's value
    TEXT = 8  # code: one word of the text or a display, see `words`; for `phonetic`, its `sound`
    COMPOSITE = 9  # system: the first part as searched (system|code or code), code: the second


# `:identifier` of a reference parameter is a token parameter of its own in the index.
IDENTIFIER_MODIFIER = ":identifier"


def token_key(  # noqa: PLR0917 - the parts of a key, in their order
    org: str, type: str, parameter: str, form: Form, system: str = "", code: str = ""
) -> int:
    """The signed 64-bit key of a value. The organization is part of it: organizations never share keys."""
    return key_of.__wrapped__(head_of(org, type), parameter, form.value, system, code)


def head_of(org: str, type: str) -> str:
    """How all keys of a type begin."""
    return f"{org}\0{type}\0"


# Most of what a resource says has been said before, and a key that is remembered costs a fifth of a new one.
# The memory is bounded by REMEMBERED and, in the hands of the callers, by LONG: beyond it use `__wrapped__`.
REMEMBERED = 4096
LONG = 200  # characters


@lru_cache(REMEMBERED)
def key_of(head: str, parameter: str, form: int, system: str, code: str) -> int:
    text = f"{head}{parameter}\0{form}\0{system}\0{code}"
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


@lru_cache(REMEMBERED)
def keys_of_code(head: str, parameter: str, system: str, code: str) -> tuple[int, ...]:
    """The ways a token is asked for; `system` is empty for none."""
    keys = (
        key_of.__wrapped__(head, parameter, Form.SYSTEM_CODE.value, system, code),
        key_of.__wrapped__(head, parameter, Form.CODE.value, "", code),
    )
    return (*keys, key_of(head, parameter, Form.SYSTEM.value, system, "")) if system else keys


@lru_cache(REMEMBERED)
def keys_of_words(head: str, parameter: str, text: str) -> tuple[int, ...]:
    """One for each word of a text."""
    return tuple(
        key_of(head, parameter, Form.TEXT.value, "", word) for word in searched_words(parameter, text)
    )


@lru_cache(REMEMBERED)
def keys_of_presence(head: str, parameters: frozenset[str]) -> tuple[int, ...]:
    """That each of the parameters has a value."""
    return tuple(key_of(head, parameter, Form.PRESENT.value, "", "") for parameter in parameters)


def normalize(text: str) -> str:
    """`text` as strings are compared: without accents and case, runs of blanks as one.

    Source: FHIR R4, "Search", string.
    """
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text)
        text = "".join(c for c in decomposed if not unicodedata.combining(c))
    return " ".join(text.lower().split())


def words(text: str) -> set[str]:
    """The normalized words of `text`."""
    return set(_WORD.findall(normalize(text)))


def searched_words(parameter: str, text: str) -> set[str]:
    """The words of `text` as the parameter is searched by them: for `phonetic` how they sound."""
    found = words(text)
    return {sound(word) for word in found} - {""} if parameter == "phonetic" else found


def sound(word: str) -> str:
    """How a name sounds to an English ear (American Soundex); empty for what has no Latin letter."""
    letters = [c for c in normalize(word) if "a" <= c <= "z"]
    if not letters:
        return ""
    digits = []
    last = _SOUNDEX.get(letters[0], "")
    for letter in letters[1:]:
        digit = _SOUNDEX.get(letter, "")
        if digit and digit != last:
            digits.append(digit)
        if letter not in "hw":  # these do not part letters of one sound
            last = digit
    return (letters[0] + "".join(digits) + "000")[:4]


_WORD = re.compile(r"\w+")
_SOUNDEX = {
    letter: str(digit)
    for digit, group in enumerate(("bfpv", "cgjkqsxz", "dt", "l", "mn", "r"), start=1)
    for letter in group
}
