"""The secrets of a local installation: made once, kept beside the data for its owner's eyes only."""

import secrets
from pathlib import Path

from infra.local.folder import write_private
from libs.store.engine import open_pool, transaction
from libs.store.organizations import authenticate, create_client

ORGANIZATION = "default"


def server_password(home: Path) -> str:
    """What the embedded servers ask for; without it any user of this machine could read patients."""
    return _kept(home / "server-password") or _keep(home / "server-password", secrets.token_hex(16))


def api_key(home: Path, database_url: str) -> str:
    """A key of the default organization that this database accepts: the kept one, or a new one."""
    kept = _kept(home / "api-key")
    with open_pool(database_url, 1) as pool, transaction(pool, ORGANIZATION) as connection:
        if kept and authenticate(connection, kept):
            return kept
        return _keep(home / "api-key", create_client(connection, ORGANIZATION, "make run"))


def _kept(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        return None


def _keep(path: Path, secret: str) -> str:
    write_private(path, secret + "\n")
    return secret
