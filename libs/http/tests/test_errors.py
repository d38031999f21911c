"""What went wrong becomes an answer that says no more than a client may know."""

from collections.abc import Mapping
from contextlib import nullcontext

import httpx
import pytest
from anyio.from_thread import start_blocking_portal
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from libs.errors import Permanent, Transient, Unavailable
from libs.http.application import application
from libs.http.errors import NotFound, handlers
from libs.store.engine import Conflict


def refusal(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    return PlainTextResponse(text, status, headers)


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (NotFound("no message 1"), 404, "no message 1"),
        (Permanent("the document is no TOML"), 400, "the document is no TOML"),
        (Unavailable("PostgreSQL at 10.0.0.1 is away"), 503, "a dependency of the server is away; try again"),
        (Transient("a statement took too long"), 503,
         "it could not be finished in time; try again, or ask for less"),
        (Conflict("another transaction was first: message_pkey"), 409,
         "another request changed the same at the same time; try again"),
        (RuntimeError("SELECT secret"), 500,
         "the server failed; its log has the cause under this X-Request-Id"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)  # fmt: skip
def test_each_kind_of_error_has_its_answer(error: Exception, status: int, text: str) -> None:
    async def fail(request: Request) -> Response:
        raise error

    app = application(
        [Route("/", fail)],
        runtime=nullcontext,
        ready=fail,
        refusal=refusal,
        handlers=handlers(refusal),
        answered=lambda *_: {},
        middleware=Middleware(GZipMiddleware),
    )
    with start_blocking_portal() as portal:
        http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")
        answer = portal.call(http.get, "/")

    assert (answer.status_code, answer.text) == (status, text)
    assert ("retry-after" in answer.headers) == (status == 503)
