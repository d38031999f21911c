"""How every error reaches a client of the console: as a problem document.

Source: RFC 9457
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from redis import RedisError
from starlette.requests import Request
from starlette.responses import Response

from libs.errors import Unavailable
from libs.http.errors import Handler, RequestError, handlers
from libs.mapping.inbound.layers import BadLayer
from libs.store.dead_letters import LetterClosed, UnknownLetter
from libs.store.destinations import DeliveriesPending, UnknownDestination
from libs.store.layers import UnknownLayer
from libs.store.transformations import UnknownMessage
from services.console.actions.lanes import UnknownLane

PROBLEM_JSON = "application/problem+json"


class Forbidden(RequestError):
    """The user's role does not allow it."""

    status = 403


class TooManyRequests(RequestError):
    """It has been tried too often."""

    status = 429


def refusal(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    """The answer that says no. It has no `type`: the status says what kind of problem it is."""
    body = {"title": HTTPStatus(status).phrase, "status": status, "detail": text}
    return Response(orjson.dumps(body), status, headers, media_type=PROBLEM_JSON)


def _answering(status: int) -> Handler:
    async def answer(request: Request, error: Exception) -> Response:
        return refusal(status, str(error))

    return answer


_SHARED = handlers(refusal)

HANDLERS: Mapping[Any, Handler] = {
    **_SHARED,
    RedisError: _SHARED[Unavailable],
    UnknownMessage: _answering(404),
    UnknownLetter: _answering(404),
    UnknownLane: _answering(404),
    UnknownLayer: _answering(404),
    UnknownDestination: _answering(404),
    DeliveriesPending: _answering(409),
    LetterClosed: _answering(409),
    BadLayer: _answering(422),
}
