"""Who is who: the key under which a resource is found again on a resend, an update or a correction.

A resource with a business identifier is written by a conditional update on it, so that what came over HL7
and what came over the API meet in one resource. One without has an id derived from the facts that make it
the same thing again, never from the text of its segment: a correction must find what it corrects.
"""

from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha1
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

from libs.mapping.inbound.element import Element

# Identifier types (table 0203) of something else than the person; only taken when there is nothing better.
_NOT_THE_PERSON = frozenset({"AN", "VN", "ANON", "BC", "CC", "DN", "FI", "ACSN", "XX"})


@lru_cache(32768)
def resource_id(organization: str, *key: str) -> str:
    """The id (a UUID of version 5) of the resource that `key` names within an organization."""
    digest = sha1(_namespace(organization) + "\x1f".join(key).encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digest[16], 16) & 3]
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"


def by_identifier(resource_type: str, system: str, value: str) -> str:
    """The request URL of a conditional update: `Patient?identifier=system|value`."""
    return f"{resource_type}?identifier={_quoted_system(system)}|{_quoted(value)}"


def _quoted(value: str) -> str:
    return value if value.isalnum() and value.isascii() else quote(value, safe=_PLAIN)


@lru_cache(4096)
def _quoted_system(system: str) -> str:
    return quote(system, safe=_PLAIN)


def preferred(
    identifiers: Iterable[Element], systems: tuple[str, ...], types: tuple[str, ...]
) -> Element | None:
    """The identifier that says who the patient is; None when none has a value.

    By authority first (`systems`), then by type (table 0203), then the first that is about the person.
    Raises nothing; equal ranks go to the one stated first.
    """
    best, best_rank = None, (len(systems) + 1, len(types) + 3)
    for identifier in identifiers:
        rank = _rank(identifier, systems, types)
        if best is None or rank < best_rank:
            best, best_rank = identifier, rank
    return best


def _rank(identifier: Element, systems: tuple[str, ...], types: tuple[str, ...]) -> tuple[int, int]:
    system = identifier.get("system", "")
    kind = identifier_type(identifier)
    by_system = systems.index(system) if system in systems else len(systems)
    if kind in types:
        return by_system, types.index(kind)
    return by_system, len(types) + (kind in _NOT_THE_PERSON)


def identifier_type(identifier: Element) -> str:
    """The code of table 0203 an Identifier carries; "" without one."""
    codings = identifier.get("type", {}).get("coding", ())
    return str(codings[0].get("code", "")) if codings else ""


@lru_cache(1024)
def _namespace(organization: str) -> bytes:
    return uuid5(NAMESPACE_URL, f"urn:ehrconnect:{organization}").bytes


_PLAIN = ":/@!$'()*,;~.-_"  # what a query value can hold as it is
