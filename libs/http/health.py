"""`/health/live`, `/health/ready` and `/metrics` of a Starlette application."""

import asyncio
from collections.abc import Awaitable, Mapping
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from libs.health import respond
from libs.store.engine import AsyncPool

TIMEOUT = 2.0  # seconds that a dependency may take to answer


async def live(request: Request) -> Response:
    return _answer("/health/live", {})


async def metrics(request: Request) -> Response:
    return _answer("/metrics", {})


def readiness(found: Mapping[str, str | None]) -> Response:
    """The answer of `/health/ready`, by what `ask` has found."""
    return _answer("/health/ready", found)


async def ask(questions: Mapping[str, Awaitable[object]]) -> dict[str, str | None]:
    """What is wrong with each dependency, None where it answered; all are asked at the same time."""
    answers = await asyncio.gather(*(_wrong(question) for question in questions.values()))
    return dict(zip(questions, answers, strict=True))


async def database(pool: AsyncPool) -> None:
    """Raises when PostgreSQL does not answer."""
    async with pool.connection(TIMEOUT) as connection:
        await connection.execute("SELECT 1")


async def _wrong(question: Awaitable[object]) -> str | None:
    # Whatever the client library raises, for a health check it means one thing.
    try:
        await asyncio.wait_for(question, TIMEOUT)
    except Exception:
        return "down"
    return None


def _answer(path: str, found: Mapping[str, str | None]) -> Response:
    answer = respond(path, {name: partial(found.get, name) for name in found})
    assert answer is not None  # noqa: S101  # the caller names a path that `respond` knows
    status, content_type, body = answer
    return Response(body, status, {"Content-Type": content_type})
