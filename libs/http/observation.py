"""What an operator sees of a request: its id, a line in the log, two metrics. Never its content.

Pure ASGI: Starlette's BaseHTTPMiddleware costs four times as much.
"""

import re
import traceback
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any
from uuid import uuid4

import structlog
from starlette.requests import ClientDisconnect
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.http.errors import Refusal
from libs.log import get_logger
from libs.metrics import HTTP_REQUESTS, HTTP_SECONDS

log = get_logger(__name__)

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,64}")  # what may enter the log as it came
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_CLIENT_GONE = 499  # as nginx counts them


# Counts what only one service counts of a request with that status, and gives what its log line says besides.
Answered = Callable[[Scope, int], Mapping[str, Any]]


class Observe:
    """Gives each request an id, logs and counts it, and turns a failure of ours into a bare 500."""

    def __init__(self, app: ASGIApp, refusal: Refusal, answered: Answered) -> None:
        self._app = app
        self._refusal = refusal
        self._answered = answered

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        started = perf_counter()
        request_id = _request_id(scope)
        structlog.contextvars.bind_contextvars(request_id=request_id.decode())
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id)]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except ClientDisconnect:
            pass  # nobody is there to be answered
        except Exception as error:
            # Not log.exception: a traceback ends with the exception's text, which may quote a row.
            log.error("request failed", cause=type(error).__name__, at=_places(error))  # noqa: TRY400
            if not status:
                # It says nothing of what went wrong inside.
                text = "the server failed; its log has the cause under this X-Request-Id"
                await self._refusal(500, text)(scope, receive, send_with_id)
        finally:
            self._record(scope, status or _CLIENT_GONE, perf_counter() - started)
            structlog.contextvars.unbind_contextvars("request_id")
        return None

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route = route_of(scope)
        HTTP_REQUESTS.labels(method, route, str(status)).inc()
        HTTP_SECONDS.labels(method, route, str(status)).observe(seconds)
        log.info(
            "request answered",
            method=method,
            route=route,
            status=status,
            ms=round(seconds * 1000, 1),
            **self._answered(scope, status),
        )


def route_of(scope: Scope) -> str:
    """The pattern of the route that took the request: few values, and none names a patient."""
    route = scope.get("route")
    return f"{scope.get('root_path', '')}{route.path}" if isinstance(route, Route) else "unknown"


def _request_id(scope: Scope) -> bytes:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return bytes(value)
    return uuid4().hex.encode()


def _places(error: BaseException) -> list[str]:
    """Where it happened, innermost last."""
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-8:]]
