"""The people who operate an organization's side of the system, and what each of them may do."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from libs.errors import Permanent
from libs.store import passwords
from libs.store.engine import Pool, translated
from libs.store.organizations import own_organization

VIEWER = "viewer"  # sees what became of messages, not what they say
OPERATOR = "operator"  # reads messages, replays and discards dead letters, pauses lanes
ADMIN = "admin"  # changes the mapping
ROLES = (VIEWER, OPERATOR, ADMIN)  # each may do what those before it may

NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")


@dataclass(frozen=True, slots=True)
class User:
    """Who a name and a password stand for."""

    organization: str
    id: str
    name: str
    role: str

    def may(self, role: str) -> bool:
        """Whether the user has the rights of `role`."""
        return ROLES.index(self.role) >= ROLES.index(role)


@dataclass(frozen=True, slots=True)
class Listed:
    name: str
    role: str
    created_at: datetime


class BadUser(Permanent):
    """A name, a password or an organization that no user can have."""


class UserExists(Permanent):
    """Somebody has that name already, in this organization or in another one."""


class UnknownUser(Permanent):
    """The organization has no such user."""


def add_user(connection: Connection[Any], org: str, name: str, role: str, password: str) -> None:
    """Raises BadUser, UserExists: a name tells the organization, so that it is taken once."""
    if own_organization(connection, org) is None:
        raise BadUser(f"there is no organization {org}")
    if not NAME.fullmatch(name):
        raise BadUser("a user's name has lower-case letters, digits and . _ @ -, at most 64")
    done = connection.execute(
        "INSERT INTO console_user (org_id, name, role, password) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        (org, name, role, _kept(password)),
    )
    if done.rowcount == 0:
        raise UserExists(f"the name {name} is taken; user names differ over all organizations")


def users(connection: Connection[Any], org: str) -> list[Listed]:
    """The organization's users, by name."""
    with connection.cursor(row_factory=class_row(Listed)) as cursor:
        return cursor.execute(
            "SELECT name, role, created_at FROM console_user WHERE org_id = %s ORDER BY name", (org,)
        ).fetchall()


def set_password(connection: Connection[Any], org: str, name: str, password: str) -> None:
    """Raises BadUser, UnknownUser."""
    done = connection.execute(
        "UPDATE console_user SET password = %s WHERE org_id = %s AND name = %s", (_kept(password), org, name)
    )
    if done.rowcount == 0:
        raise _unknown(org, name)


def remove_user(connection: Connection[Any], org: str, name: str) -> None:
    """Raises UnknownUser."""
    done = connection.execute("DELETE FROM console_user WHERE org_id = %s AND name = %s", (org, name))
    if done.rowcount == 0:
        raise _unknown(org, name)


def authenticate(pool: Pool, name: str, password: str) -> User | None:
    """Whom they stand for; None when nobody. It takes as long for a name that nobody has."""
    with translated(), pool.connection() as connection:
        row = connection.execute(
            "SELECT org_id, id::text, name, role, password FROM find_console_user(%s)", (name,)
        ).fetchone()
    kept = row[4] if row else passwords.NOBODY
    return User(*row[:4]) if passwords.matches(password, kept) and row else None


def _kept(password: str) -> str:
    if not passwords.SHORTEST <= len(password) <= passwords.LONGEST:
        raise BadUser(f"a password has {passwords.SHORTEST} to {passwords.LONGEST} characters")
    return passwords.digest(password)


def _unknown(org: str, name: str) -> UnknownUser:
    return UnknownUser(f"the organization {org} has no user {name}")
