"""`/health/ready` of the console."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from libs.http.health import TIMEOUT, ask, readiness
from libs.store.engine import Pool
from services.console.runtime import runtime


async def ready(request: Request) -> Response:
    """Whether this process can serve: PostgreSQL has everything, and without Redis nobody can log in."""
    opened = runtime(request)
    questions = {
        "database": run_in_threadpool(_database, opened.pool),
        "redis": run_in_threadpool(opened.redis.ping),
    }
    return readiness(await ask(questions))


def _database(pool: Pool) -> None:
    with pool.connection(TIMEOUT) as connection:
        connection.execute("SELECT 1")
