"""How many database connections a process holds and uses, as metrics."""

import asyncio
from typing import Any

from libs.metrics import POOL_IN_USE, POOL_SIZE
from libs.store.engine import AsyncPool, Pool

_EVERY = 5.0  # seconds


async def measure(*pools: AsyncPool | Pool) -> None:
    """Keep the gauges up to date until cancelled."""
    while True:
        stats: list[dict[str, Any]] = [pool.get_stats() for pool in pools]
        size = sum(found["pool_size"] for found in stats)
        POOL_SIZE.set(size)
        POOL_IN_USE.set(size - sum(found["pool_available"] for found in stats))
        await asyncio.sleep(_EVERY)
