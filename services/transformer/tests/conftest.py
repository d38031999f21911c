from collections.abc import Iterator

import pytest
from redis import Redis

from libs.store.engine import open_pool
from services.transformer.tests.hospital import Hospital


@pytest.fixture
def hospital(fresh_postgres_url: str, redis: Redis) -> Iterator[Hospital]:
    """A hospital that has sent nothing yet; up to 8 of its messages are applied side by side."""
    with open_pool(fresh_postgres_url, 8) as pool:
        yield Hospital(fresh_postgres_url, pool, redis)
