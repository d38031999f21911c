"""What a process of the console holds open: its connections, and who has logged in lately."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from redis import Redis
from starlette.requests import Request

from libs.http.gauges import measure
from libs.store.engine import Pool, open_pool
from libs.store.users import authenticate
from services.console.login import Failures, Logins
from services.console.settings import Settings

REDIS_TIMEOUT = 2.0  # seconds


@dataclass(frozen=True, slots=True)
class Runtime:
    settings: Settings
    pool: Pool
    redis: Redis
    logins: Logins


@asynccontextmanager
async def open_runtime(settings: Settings) -> AsyncIterator[Runtime]:
    """A process's runtime; PostgreSQL and Redis may still be away, connections are made when needed."""
    pool = open_pool(settings.database_url.get_secret_value(), settings.database_pool)
    redis = Redis.from_url(
        settings.redis_url.get_secret_value(),
        socket_timeout=REDIS_TIMEOUT,
        socket_connect_timeout=REDIS_TIMEOUT,
    )
    gauges = asyncio.create_task(measure(pool))
    try:
        yield Runtime(settings, pool, redis, Logins(partial(authenticate, pool), Failures(redis)))
    finally:
        gauges.cancel()
        await asyncio.to_thread(_close, pool, redis)


def runtime(request: Request) -> Runtime:
    opened: Runtime = request.app.state.runtime
    return opened


def _close(pool: Pool, redis: Redis) -> None:
    """What is still under way had its time to finish."""
    pool.cancel()
    pool.close()
    redis.close()
