"""Fixtures that every package's tests may ask for; loaded by pytest through `-p libs.testing.plugin`."""

from collections.abc import Iterator
from itertools import count
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import redis as redis_py
from psycopg import sql

from libs.testing.servers import postgres_server, redis_server

_TEMPLATE = "ehrconnect_template"
_numbers = count(1)


@pytest.fixture(scope="session")
def postgres_superuser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a superuser connection to a server that this test session has for itself."""
    with postgres_server(tmp_path_factory.mktemp("postgres")) as url:
        yield url


@pytest.fixture(scope="session")
def migrated_template(postgres_superuser: str) -> str:
    """Name of a database with every migration applied, to be copied."""
    from libs.migrations import upgrade

    with psycopg.connect(postgres_superuser, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(_TEMPLATE)))
    upgrade(_database(postgres_superuser, _TEMPLATE))
    return _TEMPLATE


@pytest.fixture(scope="module")
def postgres_url(postgres_superuser: str, migrated_template: str) -> Iterator[str]:
    """URL of a freshly migrated database of the test module's own."""
    yield from _copy(postgres_superuser, migrated_template)


@pytest.fixture
def fresh_postgres_url(postgres_superuser: str, migrated_template: str) -> Iterator[str]:
    """URL of a freshly migrated database of one test's own."""
    yield from _copy(postgres_superuser, migrated_template)


@pytest.fixture(scope="session")
def redis_session_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture
def redis_url(redis_session_url: str) -> str:
    """URL of an empty Redis database."""
    with redis_py.Redis.from_url(redis_session_url) as client:
        client.flushall()
    return redis_session_url


@pytest.fixture
def redis(redis_url: str) -> Iterator["redis_py.Redis"]:
    """A client of an empty Redis database."""
    with redis_py.Redis.from_url(redis_url) as client:
        yield client


def _copy(superuser: str, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )
        yield _database(superuser, name)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
