"""Whom an identifier names when the resource that it named no longer states it: the next that does."""

from collections.abc import Collection
from typing import Any

from psycopg import Connection

from libs.fhir.json import loads
from libs.fhir.search_keys import Form, token_key
from libs.store import rows
from libs.store.identity import Identifier, find, identifiers

_CANDIDATES = 10  # a number that many resources state, such as one of zeros, is not worth reading them all


def name_heirs(connection: Connection[Any], org: str, orphans: Collection[Identifier]) -> None:
    """Let each identifier that names nothing name the oldest resource that states it, if there is one.

    The index rows of the batch have to be written before. An identifier that the table keeps shortened is
    in no index by that name, and has no heir.
    """
    named = find(connection, org, orphans)
    heirs = [
        (orphan, heir)
        for orphan in sorted(orphans)
        if orphan not in named and (heir := _heir(connection, org, orphan))
    ]
    rows.name(connection, org, heirs)


def _heir(connection: Connection[Any], org: str, orphan: Identifier) -> str | None:
    kind, system, value = orphan
    # Locked, so that none of them drops the identifier before this transaction has named it.
    stating = connection.execute(
        "SELECT r.id, r.content FROM fhir_resource r"
        " WHERE r.org_id = %s AND NOT r.deleted AND r.rid = ANY(ARRAY("
        "SELECT i.rid FROM org_index i WHERE i.type = %s AND i.tok @> ARRAY[%s]::bigint[]"
        " ORDER BY i.rid LIMIT %s)) ORDER BY r.rid FOR NO KEY UPDATE",
        (org, kind, token_key(org, kind, "identifier", Form.SYSTEM_CODE, system, value), _CANDIDATES),
    )
    return next((found for found, content in stating if orphan in identifiers(loads(content))), None)
