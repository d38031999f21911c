"""The console's table of contents: its routes, who may use them, its layers."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount, Route, Router
from starlette.types import Scope

from libs import log
from libs.http.application import application
from libs.http.protocol import BoundedHttpProtocol
from libs.http.routes import by_method
from libs.settings import load
from libs.store.users import ADMIN, OPERATOR, VIEWER, User
from services.console import health
from services.console.api import dead_letters, destinations, lanes, mapping, messages, organizations
from services.console.api.call import JSON, TOML, answered_by
from services.console.api.problem import HANDLERS, refusal
from services.console.headers import SecurityHeaders
from services.console.login import Authenticate
from services.console.runtime import open_runtime
from services.console.settings import Settings

BASE = "/api"


def create_app(settings: Settings) -> Starlette:
    """The application; its lifespan opens and closes its connections."""
    return application(
        [Mount(BASE, Router(api_routes(), redirect_slashes=False), middleware=[Middleware(Authenticate)])],
        runtime=partial(open_runtime, settings),
        ready=health.ready,
        refusal=refusal,
        handlers=HANDLERS,
        answered=_answered,
        middleware=Middleware(SecurityHeaders),
    )


def api_routes() -> list[Route]:
    """Every path of the API, with the role that each of its methods takes."""
    return [
        by_method("/messages", GET=answered_by(messages.listed, VIEWER, messages.LISTED)),
        by_method("/messages/{id}", GET=answered_by(messages.shown, VIEWER)),
        by_method("/messages/{id}/raw", GET=answered_by(messages.raw, OPERATOR)),
        by_method("/dead-letters", GET=answered_by(dead_letters.listed, VIEWER, dead_letters.LISTED)),
        by_method("/dead-letters/{id}", GET=answered_by(dead_letters.shown, VIEWER)),
        by_method("/dead-letters/{id}/replay", POST=answered_by(dead_letters.replayed, OPERATOR)),
        by_method("/dead-letters/{id}/discard", POST=answered_by(dead_letters.discarded, OPERATOR)),
        by_method("/lanes", GET=answered_by(lanes.listed, VIEWER)),
        by_method("/lanes/{lane:path}/pause", POST=answered_by(lanes.paused, OPERATOR)),
        by_method("/lanes/{lane:path}/resume", POST=answered_by(lanes.resumed, OPERATOR)),
        by_method("/destinations", GET=answered_by(destinations.listed, VIEWER)),
        by_method(
            "/destinations/{name}",
            GET=answered_by(destinations.shown, VIEWER),
            PUT=answered_by(destinations.put, ADMIN, takes=JSON),
            DELETE=answered_by(destinations.removed, ADMIN, destinations.REMOVED),
        ),
        by_method("/destinations/{name}/pause", POST=answered_by(destinations.paused, OPERATOR)),
        by_method("/destinations/{name}/resume", POST=answered_by(destinations.resumed, OPERATOR)),
        by_method("/mapping/layers", GET=answered_by(mapping.listed, VIEWER, mapping.LISTED)),
        by_method(
            "/mapping/layers/{layer:path}",
            GET=answered_by(mapping.exported, VIEWER, mapping.EXPORTED),
            PUT=answered_by(mapping.imported, ADMIN, takes=TOML),
        ),
        by_method(
            "/mapping/diff",
            GET=answered_by(mapping.compared_version, VIEWER, mapping.COMPARED_VERSION),
            POST=answered_by(mapping.compared, VIEWER, mapping.COMPARED, takes=TOML),
        ),
        by_method("/mapping/dry-run", POST=answered_by(mapping.tried, OPERATOR, mapping.TRIED, takes=TOML)),
        by_method("/mapping/retransform", POST=answered_by(mapping.applied, ADMIN, mapping.APPLIED)),
        by_method("/organizations", GET=answered_by(organizations.listed, VIEWER)),
    ]


def from_environment() -> Starlette:
    """The application of a uvicorn process."""
    settings = load(Settings)
    log.configure("console", settings.log_level)
    return create_app(settings)


class ConsoleHttpProtocol(BoundedHttpProtocol):
    """One connection."""

    refusal = staticmethod(refusal)


def _answered(scope: Scope, status: int) -> Mapping[str, Any]:
    user: User | None = scope.get("user")
    return {"organization": user.organization if user else None, "user": user.name if user else None}
