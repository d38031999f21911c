"""The secrets of a local installation: made once, kept beside the data for its owner's eyes only."""

import asyncio
import secrets
from pathlib import Path

from infra.local.folder import write_private
from libs.store.engine import open_async_pool, open_pool, transaction
from libs.store.organizations import authenticate, create_client, create_organization


def server_password(home: Path) -> str:
    """What the embedded servers ask for; without it any user of this machine could read patients."""
    return _kept(home / "server-password") or _keep(home / "server-password", secrets.token_hex(16))


def api_key(home: Path, database_url: str, organization: str) -> str:
    """A key of the organization that this database accepts: the kept one, or a new one."""
    kept = _kept(home / "api-key")
    if kept and asyncio.run(_accepts(database_url, kept, organization)):
        return kept
    with open_pool(database_url, 1) as pool, transaction(pool, organization) as connection:
        create_organization(connection, organization, organization)  # unless it is there
        return _keep(home / "api-key", create_client(connection, organization, "make run"))


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
