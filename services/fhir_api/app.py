"""The FHIR API's table of contents: its routes, its layers, and what it holds open while it runs."""

from functools import partial

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route, Router

from libs import log
from libs.http.application import application
from libs.http.routes import Endpoint, by_method
from libs.settings import load
from services.fhir_api import health, metadata
from services.fhir_api.authentication import Authenticate
from services.fhir_api.errors import HANDLERS, refusal
from services.fhir_api.interactions import create, history, read, search, update, vread
from services.fhir_api.negotiation import require_acceptable
from services.fhir_api.observation import answered
from services.fhir_api.runtime import open_runtime
from services.fhir_api.settings import Settings

BASE = "/fhir/R4"


def create_app(settings: Settings) -> Starlette:
    """The application; its lifespan opens and closes the database pools."""
    return application(
        [
            _route(f"{BASE}/metadata", GET=metadata.capabilities),
            Mount(BASE, Router(fhir_routes(), redirect_slashes=False), middleware=[Middleware(Authenticate)]),
            Route("/health", health.system),
        ],
        runtime=partial(open_runtime, settings),
        ready=health.ready,
        refusal=refusal,
        handlers=HANDLERS,
        answered=answered,
        middleware=Middleware(GZipMiddleware, minimum_size=1024, compresslevel=1),
    )


def fhir_routes() -> list[Route]:
    """Every path under the base that needs a credential, each with its interactions by method."""
    return [
        _route("/{type}/_search", POST=search.search_by_post),
        _route("/{type}/{id}", GET=read.read, PUT=update.update),
        _route("/{type}", GET=search.search, POST=create.create, PUT=update.update_by_query),
        _route("/{type}/{id}/_history", GET=history.history),
        _route("/{type}/{id}/_history/{version}", GET=vread.vread),
    ]


def from_environment() -> Starlette:
    """The application of one uvicorn worker process."""
    settings = load(Settings)
    log.configure("fhir-api", settings.log_level)
    return create_app(settings)


def _route(path: str, **interactions: Endpoint) -> Route:
    return by_method(path, **{method: _negotiated(act) for method, act in interactions.items()})


def _negotiated(interaction: Endpoint) -> Endpoint:
    name = interaction.__name__

    async def endpoint(request: Request) -> Response:
        request.state.interaction = name
        require_acceptable(request)
        return await interaction(request)

    return endpoint
