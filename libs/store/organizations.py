"""Organizations and the API keys that act for them."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from libs.errors import Permanent
from libs.store.engine import AsyncPool, translated

KEY_PREFIX = "ehr_"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a credential stands for."""

    organization: str
    client_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Organization:
    id: str
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Client:
    id: str
    name: str
    created_at: datetime
    revoked_at: datetime | None


class UnknownClient(Permanent):
    """The organization has no such API client that is still in force."""


def create_organization(connection: Connection[Any], org: str, name: str) -> bool:
    """Whether it is new. `connection` is in a transaction of `org` itself."""
    done = connection.execute(
        "INSERT INTO organization (org_id, name) VALUES (%s, %s) ON CONFLICT DO NOTHING", (org, name)
    )
    return done.rowcount == 1


def organizations(connection: Connection[Any]) -> list[Organization]:
    """Every organization, whichever `connection` is bound to."""
    with connection.cursor(row_factory=class_row(Organization)) as cursor:
        return cursor.execute("SELECT id, name, created_at FROM list_organizations()").fetchall()


def own_organization(connection: Connection[Any], org: str) -> Organization | None:
    """The organization itself; None when it is not there."""
    with connection.cursor(row_factory=class_row(Organization)) as cursor:
        return cursor.execute(
            "SELECT org_id AS id, name, created_at FROM organization WHERE org_id = %s", (org,)
        ).fetchone()


def create_client(connection: Connection[Any], org: str, name: str) -> str:
    """The key of a new API client. It is not kept and cannot be shown again."""
    key = KEY_PREFIX + secrets.token_urlsafe(32)
    connection.execute(
        "INSERT INTO api_client (org_id, name, key_hash) VALUES (%s, %s, %s)", (org, name, _hash(key))
    )
    return key


def clients(connection: Connection[Any], org: str) -> list[Client]:
    """Every API client of the organization, the oldest first."""
    with connection.cursor(row_factory=class_row(Client)) as cursor:
        return cursor.execute(
            "SELECT id::text, name, created_at, revoked_at FROM api_client WHERE org_id = %s"
            " ORDER BY created_at, id",
            (org,),
        ).fetchall()


def revoke_client(connection: Connection[Any], org: str, client_id: str, now: datetime) -> None:
    """End the client's key. Raises UnknownClient."""
    done = connection.execute(
        "UPDATE api_client SET revoked_at = %s WHERE org_id = %s AND id::text = %s AND revoked_at IS NULL",
        (now, org, client_id),
    )
    if done.rowcount == 0:
        raise UnknownClient(f"no API client {client_id} is in force in the organization {org}")


async def authenticate(pool: AsyncPool, key: str) -> Principal | None:
    """Whom the API key stands for; None when it stands for nobody."""
    if not key.startswith(KEY_PREFIX):
        return None
    with translated():
        async with pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT org_id, client_id::text, name FROM authenticate_client(%s)", (_hash(key),)
            )
            row = await cursor.fetchone()
    return Principal(*row) if row else None


def _hash(key: str) -> bytes:
    # A key is 32 random bytes, so that a fast hash is as good as a slow one.
    return sha256(key.encode()).digest()
