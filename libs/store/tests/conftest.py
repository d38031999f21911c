from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from libs.store.engine import Pool, open_pool, transaction


@pytest.fixture
def pool(fresh_postgres_url: str) -> Iterator[Pool]:
    """Connections to an empty database."""
    with open_pool(fresh_postgres_url, 4) as pool:
        yield pool


@pytest.fixture
def connection(pool: Pool) -> Iterator[psycopg.Connection[Any]]:
    """A transaction of the organization `default`."""
    with transaction(pool, "default") as connection:
        yield connection
