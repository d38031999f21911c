"""The API over a real database, with two organizations that must never see each other."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

import libs.testing.http
from libs.store.engine import open_pool, transaction
from libs.store.organizations import create_client, create_organization
from libs.testing.http import Served, serving
from services.fhir_api.app import create_app
from services.fhir_api.settings import Settings

FHIR_JSON = "application/fhir+json"
BASE = "http://fhir.test/fhir/R4"


class Client(libs.testing.http.Client):
    """A client with a word for FHIR."""

    def send(self, method: str, url: str, resource: Any, **headers: str) -> httpx.Response:
        """A request with `resource` as FHIR JSON; `headers` are named with _ for -."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = resource if isinstance(resource, bytes) else json.dumps(resource).encode()
        return self.request(method, url, content=content, headers={"Content-Type": FHIR_JSON} | named)

    def store(self, resource: dict[str, Any]) -> dict[str, Any]:
        """The resource as it is stored, under its own id."""
        answer = self.send("PUT", f"{resource['resourceType']}/{resource['id']}", resource)
        assert answer.status_code in (200, 201), answer.text
        stored: dict[str, Any] = answer.json()
        return stored


@pytest.fixture(scope="module")
def api_keys(postgres_url: str) -> dict[str, str]:
    """An API key for each of two organizations: `here` and `elsewhere`."""
    keys = {}
    with open_pool(postgres_url, 1) as pool:
        for organization in ("here", "elsewhere"):
            with transaction(pool, organization) as connection:
                create_organization(connection, organization, organization)
                keys[organization] = create_client(connection, organization, "tests")
    return keys


@pytest.fixture(scope="module")
def settings(postgres_url: str) -> Settings:
    return Settings.model_validate(
        {"database_url": postgres_url, "database_pool": 4, "fhir_max_body": 200_000, "mllp_host": ""}
    )


@pytest.fixture(scope="module")
def server(settings: Settings) -> Iterator[Served]:
    with serving(create_app(settings)) as served:
        yield served


@pytest.fixture(scope="module")
def client(server: Served, api_keys: dict[str, str]) -> Client:
    """A client of the organization `here`."""
    return _client(server, api_keys["here"])


@pytest.fixture(scope="module")
def stranger(server: Served, api_keys: dict[str, str]) -> Client:
    """A client of the organization `elsewhere`."""
    return _client(server, api_keys["elsewhere"])


@pytest.fixture(scope="module")
def anonymous(server: Served) -> Client:
    """A client without a credential."""
    return _client(server, None)


def _client(server: Served, key: str | None) -> Client:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return Client(server.portal, server.client(BASE + "/", headers))


@contextmanager
def opened(**settings: Any) -> Iterator[Client]:
    """A client without a credential of an application with these settings, at the server's root."""
    with serving(create_app(Settings.model_validate(settings))) as served:
        yield Client(served.portal, served.client("http://fhir.test/", {}))
