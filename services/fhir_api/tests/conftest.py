"""The API over a real database, with two organizations that must never see each other."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

from libs.store.engine import open_pool, transaction
from libs.store.organizations import create_client, create_organization
from services.fhir_api.app import create_app
from services.fhir_api.settings import Settings

FHIR_JSON = "application/fhir+json"
BASE = "http://fhir.test/fhir/R4"


Server = tuple[BlockingPortal, httpx.ASGITransport]


@dataclass(frozen=True)
class Client:
    """Speaks HTTP to the application, in the event loop that its pools live in."""

    portal: BlockingPortal
    http: httpx.AsyncClient

    def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            return await self.http.request(method, url, **options)

        return self.portal.call(send)

    def get(self, url: str, **options: Any) -> httpx.Response:
        return self.request("GET", url, **options)

    def post(self, url: str, **options: Any) -> httpx.Response:
        return self.request("POST", url, **options)

    def put(self, url: str, **options: Any) -> httpx.Response:
        return self.request("PUT", url, **options)

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
def server(settings: Settings) -> Iterator[Server]:
    app = create_app(settings)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(app.router.lifespan_context(app)),
    ):
        yield portal, httpx.ASGITransport(app)


@pytest.fixture(scope="module")
def client(server: Server, api_keys: dict[str, str]) -> Iterator[Client]:
    """A client of the organization `here`."""
    with _client(server, api_keys["here"]) as opened:
        yield opened


@pytest.fixture(scope="module")
def stranger(server: Server, api_keys: dict[str, str]) -> Iterator[Client]:
    """A client of the organization `elsewhere`."""
    with _client(server, api_keys["elsewhere"]) as opened:
        yield opened


@pytest.fixture(scope="module")
def anonymous(server: Server) -> Iterator[Client]:
    """A client without a credential."""
    with _client(server, None) as opened:
        yield opened


@contextmanager
def _client(server: Server, key: str | None) -> Iterator[Client]:
    portal, transport = server
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    yield Client(portal, httpx.AsyncClient(transport=transport, base_url=BASE + "/", headers=headers))


@contextmanager
def opened(**settings: Any) -> Iterator[Client]:
    """A client without a credential of an application with these settings, at the server's root."""
    app = create_app(Settings.model_validate(settings))
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(app.router.lifespan_context(app)),
    ):
        yield Client(
            portal, httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://fhir.test/")
        )
