"""One Route a path, with what each method does."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Endpoint = Callable[[Request], Awaitable[Response]]


def by_method(path: str, **endpoints: Endpoint) -> Route:
    """The route of `path`; HEAD is answered as GET is.

    One Route a path: of several, Starlette would name only the first one's methods in a 405's Allow.
    """
    endpoints |= {"HEAD": endpoints["GET"]} if "GET" in endpoints else {}

    async def endpoint(request: Request) -> Response:
        return await endpoints[request.method](request)

    return Route(path, endpoint, methods=list(endpoints))
