"""What lets other programs into a local installation stays the same between runs, and always works."""

from pathlib import Path

from infra.local.credentials import credentials
from libs.store.engine import open_pool, transaction
from libs.store.users import ADMIN, authenticate, set_password


def test_credentials_are_kept_for_their_owner_only(fresh_postgres_url: str, tmp_path: Path) -> None:
    first = credentials(tmp_path, fresh_postgres_url, "default")

    assert credentials(tmp_path, fresh_postgres_url, "default") == first
    for name in ("api-key", "console-password"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600


def test_what_the_database_no_longer_accepts_is_made_anew(fresh_postgres_url: str, tmp_path: Path) -> None:
    first = credentials(tmp_path, fresh_postgres_url, "default")
    with open_pool(fresh_postgres_url, 1) as pool:
        with transaction(pool, "default") as connection:
            set_password(connection, "default", first.console_user, "somebody else's password")

        second = credentials(tmp_path, fresh_postgres_url, "default")
        user = authenticate(pool, second.console_user, second.console_password)

    assert user is not None
    assert (user.organization, user.role, second.api_key) == ("default", ADMIN, first.api_key)
    assert second.console_password not in (first.console_password, "somebody else's password")


def test_another_organization_has_its_own(fresh_postgres_url: str, tmp_path: Path) -> None:
    first = credentials(tmp_path, fresh_postgres_url, "default")
    other = credentials(tmp_path, fresh_postgres_url, "north")

    with open_pool(fresh_postgres_url, 1) as pool:
        users = [authenticate(pool, one.console_user, one.console_password) for one in (first, other)]

    assert [user and user.organization for user in users] == ["default", "north"]
    assert first.api_key != other.api_key
