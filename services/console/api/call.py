"""One request of a user, on its way to the function that answers it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson
from psycopg import Connection
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from libs.http.body import media_type, read_body
from libs.http.errors import BadRequest, UnsupportedMediaType
from libs.http.routes import Endpoint
from libs.log import get_logger
from libs.store.engine import transaction
from libs.store.users import User
from services.console.api import parameters
from services.console.api.problem import Forbidden
from services.console.runtime import Runtime, runtime

MAX_BODY = 1_000_000  # bytes; the largest thing that is sent here is a layer's document

TOML = ("application/toml", "text/plain")
JSON = ("application/json",)

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Call:
    user: User
    runtime: Runtime
    path: str
    named: Mapping[str, str]  # what the path names: the id of a message ...
    asked: Mapping[str, Any]  # the parameters that were sent
    document: str = ""  # the body, where one is taken

    @property
    def organization(self) -> str:
        """Whose rows this is about: the user's, never one that the request names."""
        return self.user.organization

    @contextmanager
    def transaction(self) -> Iterator[Connection[Any]]:
        with transaction(self.runtime.pool, self.organization) as connection:
            yield connection

    def following(self, **position: object) -> str:
        """The same list, from a position on."""
        sent = {name: _as_sent(value) for name, value in {**self.asked, **position}.items()}
        return f"{self.path}?{urlencode(sent)}"

    def did(self, what: str, **ids: object) -> None:
        """Put on record who did what: ids, never content."""
        log.info(what, user=self.user.name, role=self.user.role, organization=self.organization, **ids)


Answerer = Callable[[Call], Any]  # the answer's JSON-ready data, or a Response


def answered_by(
    answerer: Answerer, role: str, known: parameters.Known = parameters.NONE, *, takes: Sequence[str] = ()
) -> Endpoint:
    """The endpoint that lets users of at least that role call the function, which runs in a thread.

    `takes`: the media types of the document that is sent to it, the first the usual one; none without one.
    """

    async def endpoint(request: Request) -> Response:
        user: User = request.scope["user"]
        if not user.may(role):
            raise Forbidden(f"this takes the role {role}, and yours is {user.role}")
        asked = parameters.read(request.url.query, known)
        document = await _document(request, takes) if takes else ""
        call = Call(user, runtime(request), request.url.path, request.path_params, asked, document)
        found = await run_in_threadpool(answerer, call)
        return found if isinstance(found, Response) else json(found)

    return endpoint


def json(data: Any) -> Response:
    return Response(orjson.dumps(data), media_type="application/json")


async def _document(request: Request, takes: Sequence[str]) -> str:
    """Raises UnsupportedMediaType, TooLarge, BadRequest."""
    kind, _ = media_type(request.headers.get("content-type", ""))
    if kind not in takes:
        raise UnsupportedMediaType(f"Content-Type: what is sent here is {takes[0]}")
    try:
        return (await read_body(request, MAX_BODY)).decode()
    except UnicodeDecodeError:
        raise BadRequest("the body is not UTF-8") from None


def _as_sent(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
