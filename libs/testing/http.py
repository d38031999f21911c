"""A Starlette application and a client of it, for tests, in one event loop and without a socket."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal
from starlette.applications import Starlette


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

    def delete(self, url: str, **options: Any) -> httpx.Response:
        return self.request("DELETE", url, **options)


@dataclass(frozen=True)
class Served:
    """An application that is up."""

    portal: BlockingPortal
    transport: httpx.ASGITransport

    def client(self, base_url: str, headers: Mapping[str, str]) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=self.transport, base_url=base_url, headers=headers)


@contextmanager
def serving(app: Starlette) -> Iterator[Served]:
    """The application with its lifespan, up until the block ends."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(app.router.lifespan_context(app)),
    ):
        yield Served(portal, httpx.ASGITransport(app))
