"""The secrets of a local installation: made once, kept beside the data for its owner's eyes only."""

import asyncio
import secrets
from dataclasses import dataclass
from pathlib import Path

from infra.local.folder import write_private
from libs.store.engine import Pool, open_async_pool, open_pool, transaction
from libs.store.organizations import authenticate, create_client, create_organization
from libs.store.users import ADMIN, add_user, remove_user, users
from libs.store.users import authenticate as log_in


@dataclass(frozen=True, slots=True)
class Credentials:
    """What lets other programs in."""

    api_key: str
    console_user: str
    console_password: str


def server_password(home: Path) -> str:
    """What the embedded servers ask for; without it any user of this machine could read patients."""
    return _kept(home / "server-password") or _keep(home / "server-password", secrets.token_hex(16))


def credentials(home: Path, database_url: str, organization: str) -> Credentials:
    """Of the organization, as this database accepts them: the kept ones, or new ones."""
    with open_pool(database_url, 1) as pool:
        with transaction(pool, organization) as connection:
            create_organization(connection, organization, organization)  # unless it is there
        user = f"make-run@{organization}"
        return Credentials(
            _api_key(home, database_url, pool, organization), user, _password(home, pool, organization, user)
        )


def _api_key(home: Path, database_url: str, pool: Pool, organization: str) -> str:
    kept = _kept(home / "api-key")
    if kept and asyncio.run(_accepts(database_url, kept, organization)):
        return kept
    with transaction(pool, organization) as connection:
        return _keep(home / "api-key", create_client(connection, organization, "make run"))


def _password(home: Path, pool: Pool, organization: str, user: str) -> str:
    """Of a user that may do everything for the organization."""
    kept = _kept(home / "console-password")
    if kept and log_in(pool, user, kept) is not None:
        return kept
    password = secrets.token_urlsafe(16)
    with transaction(pool, organization) as connection:
        if user in (known.name for known in users(connection, organization)):
            remove_user(connection, organization, user)  # its password was lost
        add_user(connection, organization, user, ADMIN, password)
    return _keep(home / "console-password", password)


async def _accepts(database_url: str, key: str, organization: str) -> bool:
    async with open_async_pool(database_url, 1) as pool:
        principal = await authenticate(pool, key)
    return principal is not None and principal.organization == organization


def _kept(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        return None


def _keep(path: Path, secret: str) -> str:
    write_private(path, secret + "\n")
    return secret
