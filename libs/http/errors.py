"""What can be wrong with a request, and how every error becomes an answer.

Texts name the fault and the way out, never what a request or a row holds.

Source: RFC 9110, 15
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from libs.errors import Permanent, Transient, Unavailable
from libs.log import get_logger
from libs.store.engine import Conflict

log = get_logger(__name__)

RETRY_AFTER = "2"  # seconds that a client should wait when a dependency is away


class Refusal(Protocol):
    """The answer that says no, in the form that the service's clients expect."""

    def __call__(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> Response: ...


class RequestError(Exception):
    """The request gets `status` and the text instead of what it asked for."""

    status = 400

    def __init__(self, text: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.headers = headers


class BadRequest(RequestError):
    """The request breaks the rules for requests."""


class Unauthorized(RequestError):
    """No credential, or one that is not known."""

    status = 401


class NotFound(RequestError):
    """The caller's organization has no such thing."""

    status = 404


class TooLarge(RequestError):
    """The body exceeds the limit."""

    status = 413


class UnsupportedMediaType(RequestError):
    """The body is in a format that we do not read."""

    status = 415


Handler = Callable[[Request, Exception], Awaitable[Response]]


def handlers(refusal: Refusal) -> dict[Any, Handler]:
    """The answer to each kind of exception, for Starlette's `exception_handlers`."""

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestError)  # noqa: S101  # as registered below
        return refusal(error.status, str(error), error.headers)

    async def not_routed(request: Request, error: Exception) -> Response:
        """What the router itself refuses: a path or a method that no route has."""
        assert isinstance(error, HTTPException)  # noqa: S101
        texts = {404: "no such path", 405: f"{request.method} is not supported here"}
        return refusal(error.status_code, texts.get(error.status_code, error.detail), error.headers)

    async def unavailable(request: Request, error: Exception) -> Response:
        log.error("dependency away", cause=type(error).__name__)
        text = "a dependency of the server is away; try again"
        return refusal(503, text, {"Retry-After": RETRY_AFTER})

    async def too_slow(request: Request, error: Exception) -> Response:
        log.error("not finished in time", cause=str(error))
        text = "it could not be finished in time; try again, or ask for less"
        return refusal(503, text, {"Retry-After": RETRY_AFTER})

    async def conflict(request: Request, error: Exception) -> Response:
        return refusal(409, "another request changed the same at the same time; try again")

    async def refused_by_the_store(request: Request, error: Exception) -> Response:
        return refusal(400, str(error))

    return {
        RequestError: refused,
        HTTPException: not_routed,
        Unavailable: unavailable,
        Conflict: conflict,
        Transient: too_slow,
        Permanent: refused_by_the_store,
    }
