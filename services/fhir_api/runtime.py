"""What one process of the API holds open: its pools, its cache of keys, its signer of links."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from starlette.requests import Request

from libs.http.gauges import measure
from libs.store.engine import AsyncPool, Pool, open_async_pool, open_pool
from libs.store.organizations import authenticate
from services.fhir_api.authentication import Keys
from services.fhir_api.search.paging import Pages
from services.fhir_api.settings import Settings


@dataclass(frozen=True, slots=True)
class Runtime:
    settings: Settings
    readers: AsyncPool
    writers: Pool
    keys: Keys
    pages: Pages


@asynccontextmanager
async def open_runtime(settings: Settings) -> AsyncIterator[Runtime]:
    """A process's runtime; the database may still be away, connections are made when they are needed."""
    url = settings.database_url.get_secret_value()
    writing = max(1, settings.database_pool // 3)
    readers = open_async_pool(url, max(1, settings.database_pool - writing))
    writers = open_pool(url, writing)
    await readers.open()
    gauges = asyncio.create_task(measure(readers, writers))
    opened = Runtime(
        settings=settings,
        readers=readers,
        writers=writers,
        keys=Keys(partial(authenticate, readers)),
        pages=Pages(settings.paging_key()),
    )
    try:
        yield opened
    finally:
        gauges.cancel()
        await readers.close()
        await asyncio.to_thread(_end_writes, writers)


def runtime(request: Request) -> Runtime:
    opened: Runtime = request.app.state.runtime
    return opened


def _end_writes(writers: Pool) -> None:
    """What is still writing had its time to finish."""
    writers.cancel()
    writers.close()
