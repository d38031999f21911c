import asyncio
from datetime import UTC, datetime

import psycopg
import pytest

from libs.errors import Unavailable
from libs.store import organizations
from libs.store.engine import NotStorable, Pool, open_async_pool, open_pool, transaction
from libs.store.organizations import Principal, UnknownClient

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


def authenticate(url: str, *keys: str) -> list[Principal | None]:
    async def ask() -> list[Principal | None]:
        async with open_async_pool(url, 1) as pool:
            return [await organizations.authenticate(pool, key) for key in keys]

    return asyncio.run(ask())


def test_a_key_stands_for_its_client_until_it_is_revoked(pool: Pool, fresh_postgres_url: str) -> None:
    with transaction(pool, "default") as connection:
        key = organizations.create_client(connection, "default", "portal")
        [client] = organizations.clients(connection, "default")

    assert key.startswith("ehr_")
    assert authenticate(fresh_postgres_url, key, key + "x", "ehr_", "", "Bearer") == [
        Principal("default", client.id, "portal"), None, None, None, None,
    ]  # fmt: skip

    with transaction(pool, "default") as connection:
        organizations.revoke_client(connection, "default", client.id, NOW)
    assert authenticate(fresh_postgres_url, key) == [None]
    with transaction(pool, "default") as connection, pytest.raises(UnknownClient):
        organizations.revoke_client(connection, "default", client.id, NOW)


def test_the_key_itself_is_not_stored(pool: Pool) -> None:
    with transaction(pool, "default") as connection:
        key = organizations.create_client(connection, "default", "portal")

        row = connection.execute("SELECT api_client::text FROM api_client").fetchone()

    assert row is not None
    assert key not in row[0]
    assert key.removeprefix("ehr_").encode().hex() not in row[0]


def test_an_organization_sees_neither_the_others_nor_their_clients(pool: Pool) -> None:
    with transaction(pool, "north") as connection:
        assert organizations.create_organization(connection, "north", "North Hospital")
        assert not organizations.create_organization(connection, "north", "again")
        organizations.create_client(connection, "north", "portal")

    with transaction(pool, "default") as connection:
        assert connection.execute("SELECT org_id FROM organization").fetchall() == [("default",)]
        assert connection.execute("SELECT name FROM api_client").fetchall() == []
        assert [one.name for one in organizations.organizations(connection)] == [
            "Default organization",
            "North Hospital",
        ]


def test_a_value_that_postgresql_cannot_hold_is_the_messages_fault(pool: Pool) -> None:
    with pytest.raises(NotStorable), transaction(pool, "default") as connection:
        connection.execute("SELECT %s", ("\0",))


def test_a_server_that_is_away_is_nobodys_fault() -> None:
    with (
        open_pool("postgresql://127.0.0.1:1/none?connect_timeout=1", 1) as pool,
        pytest.raises(Unavailable),
        transaction(pool, "default"),
    ):
        pass


def test_connections_that_broke_are_replaced(
    pool: Pool, fresh_postgres_url: str, postgres_superuser: str
) -> None:
    def answers() -> bool:
        try:
            with transaction(pool, "default") as connection:
                return connection.execute("SELECT 1").fetchone() == (1,)
        except Unavailable:
            return False

    assert answers()
    with psycopg.connect(postgres_superuser, autocommit=True) as superuser:
        superuser.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
            (fresh_postgres_url.rsplit("/", 1)[1],),
        )

    assert [answers(), answers()] == [False, True]
