"""The layers of an organization's mapping: every save is a version, and the newest of a name is in force."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from libs.errors import Permanent
from libs.mapping.inbound.layers import Layers, check_name, read_layer


@dataclass(frozen=True, slots=True)
class Saved:
    """A layer as it was saved once."""

    version: int  # of the organization's mapping since then
    name: str
    created_at: datetime
    in_force: bool  # no later version is of the same name


class UnknownLayer(Permanent):
    """The organization has no such layer at that version, or there is no such organization."""


def put(connection: Connection[Any], org: str, name: str, document: str, now: datetime) -> int:
    """Save a layer; the version of the mapping from now on. What is in force already makes no new one.

    An empty document withdraws the layer. Raises BadLayer for a document that is none, UnknownLayer.
    """
    read_layer(name, document)
    # Versions are in the order of their commits: a reader that has seen one has seen those before.
    if connection.execute("SELECT FROM organization WHERE org_id = %s FOR UPDATE", (org,)).rowcount == 0:
        raise UnknownLayer(f"there is no organization {org}")
    newest = _newest(connection, org)
    if documents(connection, org).get(name, "") == document:
        return newest
    connection.execute(
        "INSERT INTO mapping_layer (org_id, version, name, document, created_at) VALUES (%s, %s, %s, %s, %s)",
        (org, newest + 1, name, document, now),
    )
    return newest + 1


def version(connection: Connection[Any], org: str) -> int | None:
    """The version of the organization's mapping, 0 without layers; None without such an organization."""
    row = connection.execute(
        "SELECT coalesce((SELECT max(version) FROM mapping_layer WHERE org_id = %(org)s), 0)"
        " FROM organization WHERE org_id = %(org)s",
        {"org": org},
    ).fetchone()
    return None if row is None else int(row[0])


def load(connection: Connection[Any], org: str, version: int | None = None) -> Layers:
    """The layers as they were at that version (None: now). Raises BadLayer for one it cannot read."""
    at = _newest(connection, org) if version is None else version
    stored = documents(connection, org, at)
    return Layers(at, {name: read_layer(name, text) for name, text in stored.items()})


def documents(connection: Connection[Any], org: str, version: int | None = None) -> dict[str, str]:
    """The TOML document of each layer, as they were at that version (None: now)."""
    found = connection.execute(
        "SELECT DISTINCT ON (name) name, document FROM mapping_layer"
        " WHERE org_id = %s AND version <= coalesce(%s::int, version) ORDER BY name, version DESC",
        (org, version),
    )
    return dict(found.fetchall())


def document(connection: Connection[Any], org: str, name: str, version: int | None = None) -> str:
    """The TOML document of a layer, as it was at that version (None: now). Raises UnknownLayer, BadLayer."""
    check_name(name)
    found = documents(connection, org, version)
    if name not in found:
        at = "" if version is None else f" at version {version}"
        raise UnknownLayer(f"the organization {org} has no layer {name}{at}")
    return found[name]


def history(connection: Connection[Any], org: str) -> list[Saved]:
    """Every save, the newest first."""
    with connection.cursor(row_factory=class_row(Saved)) as cursor:
        return cursor.execute(
            "SELECT version, name, created_at,"
            " version = max(version) OVER (PARTITION BY name) AS in_force"
            " FROM mapping_layer WHERE org_id = %s ORDER BY version DESC",
            (org,),
        ).fetchall()


def _newest(connection: Connection[Any], org: str) -> int:
    found = version(connection, org)
    return found or 0
