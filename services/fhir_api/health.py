"""`/health/live`, `/health/ready`, `/metrics`, and `/health`: how the system around the API is."""

import asyncio
from collections.abc import Awaitable, Mapping
from datetime import UTC, datetime
from functools import partial

import orjson
import redis.asyncio as redis
from starlette.requests import Request
from starlette.responses import Response

from libs.health import respond
from services.fhir_api.runtime import Runtime, runtime

TIMEOUT = 2.0  # seconds that a dependency may take to answer


async def live(request: Request) -> Response:
    return _answer("/health/live", {})


async def ready(request: Request) -> Response:
    """Whether this process can serve: only the database counts."""
    return _answer("/health/ready", await _ask({"database": _database(runtime(request))}))


async def metrics(request: Request) -> Response:
    return _answer("/metrics", {})


async def system(request: Request) -> Response:
    """Whether all parts answer: 200 or 503, with each part's state."""
    parts = runtime(request)
    questions = {"database": _database(parts), "redis": _redis(parts.settings.redis_url.get_secret_value())}
    if parts.settings.mllp_host:
        questions["mllp"] = _mllp(parts.settings.mllp_host, parts.settings.mllp_port)
    checks = {name: wrong or "up" for name, wrong in (await _ask(questions)).items()}
    up = all(state == "up" for state in checks.values())
    body = {
        "status": "up" if up else "down",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "checks": checks,
    }
    return Response(orjson.dumps(body), 200 if up else 503, media_type="application/json")


def _answer(path: str, found: Mapping[str, str | None]) -> Response:
    answer = respond(path, {name: partial(found.get, name) for name in found})
    assert answer is not None  # noqa: S101  # the caller names a path that `respond` knows
    status, content_type, body = answer
    return Response(body, status, {"Content-Type": content_type})


async def _ask(questions: Mapping[str, Awaitable[None]]) -> dict[str, str | None]:
    """What is wrong with each dependency, None where it answered; all are asked at the same time."""
    answers = await asyncio.gather(*(_wrong(question) for question in questions.values()))
    return dict(zip(questions, answers, strict=True))


async def _wrong(question: Awaitable[None]) -> str | None:
    # Whatever the client library raises, for a health check it means one thing.
    try:
        await asyncio.wait_for(question, TIMEOUT)
    except Exception:
        return "down"
    return None


async def _database(parts: Runtime) -> None:
    async with parts.readers.connection(TIMEOUT) as connection:
        await connection.execute("SELECT 1")


async def _redis(url: str) -> None:
    async with redis.from_url(url) as client:
        await client.ping()


async def _mllp(host: str, port: int) -> None:
    _, writer = await asyncio.open_connection(host, port)
    writer.close()
    await writer.wait_closed()
