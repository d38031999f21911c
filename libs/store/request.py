"""An entry as the writer reads it: once, with the references in it that are open."""

import re
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import NamedTuple

from libs.fhir.bundle import Entry
from libs.fhir.json import dumps
from libs.store.identity import Identifier, NotWritable, Target, condition_of, identifiers

# The references that are to be resolved: to another entry of the transaction, or by a condition. Two
# expressions, because each begins with a text to look for, and an alternative does not.
_REFERENCE = re.compile(rb'"reference":"(urn:uuid:[^"\\]+|[A-Z][A-Za-z]+\?[^"\\]+)"')
_URL = re.compile(rb'"url":"(urn:uuid:[^"\\]+)"')


class Request(NamedTuple):
    """An entry, read once."""

    entry: Entry
    target: Target
    text: bytes  # the resource as JSON
    linked: bool  # whether it has links to be resolved
    conditions: tuple[Identifier, ...]  # of its conditional references

    @property
    def wanted(self) -> set[Identifier]:
        """The identifiers whose owners have to be known."""
        wanted = identifiers(self.entry.resource) | set(self.conditions)
        if self.target.identifier:
            wanted.add(self.target.identifier)
        if self.target.otherwise:
            wanted.add(self.target.otherwise)
        return wanted


def read(entry: Entry, target: Target) -> Request:
    """The entry with its open references found. Raises NotWritable."""
    text = dumps(entry.resource)
    conditions: tuple[Identifier, ...] = ()
    if b"?" in text:
        links = (found.decode() for found in _REFERENCE.findall(text))
        conditions = tuple(_condition(link) for link in links if not link.startswith("urn:"))
    return Request(entry, target, text, bool(conditions) or b'"urn:uuid:' in text, conditions)


def resolved(
    request: Request, places: Mapping[str, str], place_of: Callable[[Identifier], str | None]
) -> bytes:
    """The resource's JSON with every link in its final form.

    `places` are those of the transaction's entries by fullUrl, `place_of` gives what a condition finds.
    Raises NotWritable.
    """
    if not request.linked:
        return request.text

    def reference(found: re.Match[bytes]) -> bytes:
        link = found[1].decode()
        place = places.get(link)
        if place is None and not link.startswith("urn:"):
            place = place_of(_condition(link))
        if place is None:
            raise NotWritable(f"a reference in {request.target.type} names nothing that is known")
        return b'"reference":"%s"' % place.encode()

    def url(found: re.Match[bytes]) -> bytes:
        place = places.get(found[1].decode())
        return b'"url":"%s"' % place.encode() if place else found[0]

    text = _REFERENCE.sub(reference, request.text)
    return _URL.sub(url, text) if b'"url":"urn:uuid:' in text else text


def fingerprint(entry: Entry, text: bytes) -> int:
    """What the entry asks for, as a number that fits a column."""
    asked = repr((entry.merge, entry.remove, entry.keep, *entry.claim)).encode()
    digest = blake2b(text + asked, digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _condition(reference: str) -> Identifier:
    kind, _, query = reference.partition("?")
    return condition_of(kind, query)
