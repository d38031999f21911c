"""Which resource a request is about: by its id, or by a business identifier that names one resource only."""

import re
from collections.abc import Collection
from hashlib import blake2b
from typing import Any, NamedTuple
from urllib.parse import unquote

from psycopg import Connection

from libs.errors import Permanent
from libs.fhir.bundle import Entry

Identifier = tuple[str, str, str]  # type, system ("" for none), value

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_URN = re.compile(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_LONGEST = 300  # characters of a system or value in the identifier table; an index entry has 2,704 bytes


class NotWritable(Permanent):
    """An entry that asks for what cannot be done, whoever asks again."""


class Target(NamedTuple):
    """What an entry is to be written to. With neither id nor identifier: a new resource."""

    type: str
    id: str | None = None
    identifier: Identifier | None = None
    otherwise: Identifier | None = None  # where `identifier` names nothing
    only_if_none: bool = False  # a conditional create: what exists stays as it is


def target(entry: Entry) -> Target:
    """Where the entry belongs. Raises NotWritable."""
    kind, slash, resource_id = entry.url.partition("?")[0].partition("/")
    if entry.resource.get("resourceType") != kind:
        raise NotWritable(f"a {entry.resource.get('resourceType')} cannot be written to {kind}")
    if entry.method == "POST":
        condition = entry.if_none_exist
        if condition is None:
            return Target(kind)
        return Target(kind, identifier=condition_of(kind, condition), only_if_none=True)
    if "?" in entry.url:
        otherwise = condition_of(kind, entry.otherwise) if entry.otherwise else None
        return Target(kind, identifier=condition_of(kind, entry.url.partition("?")[2]), otherwise=otherwise)
    if not slash or not _ID.fullmatch(resource_id):
        raise NotWritable(f"{kind}: an id is 1 to 64 of the characters A-Z a-z 0-9 - .")
    return Target(kind, id=resource_id)


def condition_of(kind: str, query: str) -> Identifier:
    """The identifier in a percent-encoded query `identifier=system|value`. Raises NotWritable."""
    name, _, condition = query.partition("=")
    system, bar, value = condition.partition("|")
    if name != "identifier" or not bar or not value or "&" in condition:
        raise NotWritable(f"{kind}: a condition is identifier=system|value and nothing else")
    return key(kind, unquote(system), unquote(value))


def identifiers(resource: dict[str, Any]) -> set[Identifier]:
    """The business identifiers that the resource states."""
    stated = resource.get("identifier", ())
    kind = resource["resourceType"]
    return {
        key(kind, one.get("system", ""), one["value"])
        for one in (stated if isinstance(stated, list) else (stated,))
        if isinstance(one, dict) and isinstance(one.get("value"), str) and one["value"]
    }


def key(kind: str, system: str, value: str) -> Identifier:
    """The identifier as the table keeps it: what is too long for an index is shortened by a digest."""
    return kind, _short(system), _short(value)


def find(connection: Connection[Any], org: str, wanted: Collection[Identifier]) -> dict[Identifier, str]:
    """The ids of the resources that the identifiers name; those that name none are not in it."""
    if not wanted:
        return {}
    kinds, systems, values = zip(*wanted, strict=True)
    found = connection.execute(
        "SELECT w.type, w.system, w.value, i.id"
        " FROM unnest(%b::text[], %b::text[], %b::text[]) AS w (type, system, value)"
        " CROSS JOIN LATERAL (SELECT i.id FROM fhir_identifier i WHERE i.org_id = %b AND i.type = w.type"
        " AND i.system = w.system AND i.value = w.value OFFSET 0) i",
        (list(kinds), list(systems), list(values), org),
    )
    return {(kind, system, value): resource_id for kind, system, value, resource_id in found}


def id_in(full_url: str) -> str | None:
    """The UUID of a `urn:uuid:` URL; None when it is none."""
    return full_url[9:] if _URN.fullmatch(full_url) else None


def _short(text: str) -> str:
    clean = text.replace("\0", "\N{SYMBOL FOR NULL}")
    if len(clean) <= _LONGEST:
        return clean
    return f"{clean[:_LONGEST]}#{blake2b(text.encode(), digest_size=16).hexdigest()}"
