"""A Starlette application as every service of ours has it: what it holds open, how it fails and tells."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route

from libs.http.errors import Handler, Refusal
from libs.http.health import live, metrics
from libs.http.observation import Answered, Observe
from libs.http.routes import Endpoint


def application(
    routes: Sequence[BaseRoute],
    *,
    runtime: Callable[[], AbstractAsyncContextManager[object]],
    ready: Endpoint,
    refusal: Refusal,
    handlers: Mapping[Any, Handler],
    answered: Answered,
    middleware: Middleware,
) -> Starlette:
    """The routes, and beside them /health/live, /health/ready (`ready`) and /metrics.

    `runtime` gives what is open while the application is up: `app.state.runtime`. `middleware` stands inside
    the observation of requests, so that what it does is seen.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with runtime() as opened:
            app.state.runtime = opened
            yield

    app = Starlette(
        routes=[
            *routes,
            Route("/health/live", live),
            Route("/health/ready", ready),
            Route("/metrics", metrics),
        ],
        middleware=[Middleware(Observe, refusal, answered), middleware],
        exception_handlers=dict(handlers),
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app
