"""The console over a real database and Redis, with two organizations that must never see each other."""

from collections.abc import Iterator, MutableMapping
from typing import Any

import httpx
import pytest
from redis import Redis
from structlog.testing import capture_logs

from libs.store.engine import Pool, open_pool, transaction
from libs.store.organizations import create_organization
from libs.store.users import ADMIN, OPERATOR, VIEWER, add_user
from libs.testing.http import Client, Served, serving
from services.console.app import create_app
from services.console.settings import Settings

HERE, ELSEWHERE = "default", "elsewhere"
PASSWORD = "correct horse battery"
ROOT = "http://console.test"
BASE = f"{ROOT}/api/"

Logs = list[MutableMapping[str, Any]]


@pytest.fixture(scope="module")
def pool(postgres_url: str) -> Iterator[Pool]:
    """Connections to the console's database, which has its users."""
    with open_pool(postgres_url, 2) as pool:
        for organization, roles in ((HERE, (VIEWER, OPERATOR, ADMIN)), (ELSEWHERE, (ADMIN,))):
            with transaction(pool, organization) as connection:
                create_organization(connection, organization, organization.title())
                for role in roles:
                    add_user(connection, organization, f"{role}@{organization}", role, PASSWORD)
        yield pool


@pytest.fixture(scope="module")
def server(pool: Pool, postgres_url: str, redis_session_url: str) -> Iterator[Served]:
    settings = {"database_url": postgres_url, "database_pool": 4, "redis_url": redis_session_url}
    with serving(create_app(Settings.model_validate(settings))) as served:
        yield served


@pytest.fixture
def anonymous(server: Served, redis: Redis) -> Client:
    """A client without a credential; Redis is empty."""
    return Client(server.portal, server.client(BASE, {}))


@pytest.fixture
def viewer(server: Served, redis: Redis) -> Client:
    return logged_in(server, f"{VIEWER}@{HERE}")


@pytest.fixture
def operator(server: Served, redis: Redis) -> Client:
    return logged_in(server, f"{OPERATOR}@{HERE}")


@pytest.fixture
def admin(server: Served, redis: Redis) -> Client:
    return logged_in(server, f"{ADMIN}@{HERE}")


@pytest.fixture
def stranger(server: Served, redis: Redis) -> Client:
    """An administrator of another organization."""
    return logged_in(server, f"{ADMIN}@{ELSEWHERE}")


@pytest.fixture
def logs() -> Iterator[Logs]:
    """The lines that are logged during the test."""
    with capture_logs() as lines:
        yield lines


def logged_in(server: Served, name: str, password: str = PASSWORD) -> Client:
    """A client with that name and password."""
    http = server.client(BASE, {})
    http.auth = httpx.BasicAuth(name, password)
    return Client(server.portal, http)
