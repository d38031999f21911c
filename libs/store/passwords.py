"""Passwords: what is kept of one, and whether one is right.

Source: OWASP Password Storage Cheat Sheet (scrypt: N=2^14, r=8, p=5); NIST SP 800-63B, 3.1.1.2
"""

import hmac
import secrets
import unicodedata
from base64 import b64decode, b64encode
from hashlib import scrypt

SHORTEST = 12  # characters
LONGEST = 1024  # characters

_COST = (2**14, 8, 5)  # N, r, p: 16 MB, a fifth of a second
_MEMORY = 64 * 1024 * 1024  # bytes that scrypt may use at most
_SIZE = 32  # bytes of salt and key


def digest(password: str) -> str:
    """What to keep: the parameters, the salt and the key, as text."""
    salt = secrets.token_bytes(_SIZE)
    return _kept(salt, _key(password, salt, *_COST))


def matches(password: str, kept: str) -> bool:
    """Whether it is the password that `kept` was made of."""
    _, n, r, p, salt, key = kept.split("$")
    return hmac.compare_digest(_key(password, b64decode(salt), int(n), int(r), int(p)), b64decode(key))


def _key(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    # The same password may be typed as other code points on another system.
    typed = unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
    return scrypt(typed, salt=salt, n=n, r=r, p=p, maxmem=_MEMORY, dklen=_SIZE)


def _kept(salt: bytes, key: bytes) -> str:
    return "$".join(("scrypt", *map(str, _COST), b64encode(salt).decode(), b64encode(key).decode()))


NOBODY = _kept(bytes(_SIZE), bytes(_SIZE))  # what nobody's password matches, found out as slowly as any
