"""`/health/ready`, and `/health`: how the system around the API is."""

import asyncio
from datetime import UTC, datetime

import orjson
import redis.asyncio as redis
from starlette.requests import Request
from starlette.responses import Response

from libs.http.health import ask, database, readiness
from services.fhir_api.runtime import runtime


async def ready(request: Request) -> Response:
    """Whether this process can serve: only the database counts."""
    return readiness(await ask({"database": database(runtime(request).readers)}))


async def system(request: Request) -> Response:
    """Whether all parts answer: 200 or 503, with each part's state."""
    parts = runtime(request)
    settings = parts.settings
    questions = {
        "database": database(parts.readers),
        "redis": _redis(settings.redis_url.get_secret_value()),
    }
    if settings.mllp_host:
        questions["mllp"] = _mllp(settings.mllp_host, settings.mllp_port)
    checks = {name: wrong or "up" for name, wrong in (await ask(questions)).items()}
    up = all(state == "up" for state in checks.values())
    body = {
        "status": "up" if up else "down",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "checks": checks,
    }
    return Response(orjson.dumps(body), 200 if up else 503, media_type="application/json")


async def _redis(url: str) -> None:
    async with redis.from_url(url) as client:
        await client.ping()


async def _mllp(host: str, port: int) -> None:
    _, writer = await asyncio.open_connection(host, port)
    writer.close()
    await writer.wait_closed()
