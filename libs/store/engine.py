"""Connections to PostgreSQL, each transaction bound to one organization.

Every connection takes on the role `ehrconnect_app`, so that row-level security holds whoever logs in,
and every transaction sets `app.org`, which the policies compare `org_id` with.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg import AsyncConnection, Connection
from psycopg_pool import AsyncConnectionPool, ConnectionPool, PoolTimeout
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from libs.errors import Permanent, Transient, Unavailable

_EVERY = {
    "role": "ehrconnect_app",
    "TimeZone": "UTC",
    "lock_timeout": "5s",  # who holds a lock for longer has stopped, and nothing is wrong with who waits
    "statement_timeout": "10s",
    "idle_in_transaction_session_timeout": "10s",
    # Many short queries on a disk without moving parts.
    "random_page_cost": "1.1",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
}
# What is written is found by key, a few hundred rows at a time. A plan made while a table was small
# would read all of it, until its statistics say otherwise.
_BY_KEY = {"enable_seqscan": "off"}
# A peer that is gone without a word is noticed after about 10 s, whether something was sent to it or not.
_NOTICE = {
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # milliseconds
}
_POOL_TIMEOUT = 5.0  # seconds to wait for a connection before the database counts as away

SET_ORGANIZATION = "SELECT set_config('app.org', %s, true)"

AsyncPool = AsyncConnectionPool[AsyncConnection[Any]]
T = TypeVar("T")


class Conflict(Transient):
    """Another transaction changed the same rows first; the same work done again will see its result."""


class NotStorable(Permanent):
    """PostgreSQL cannot hold a value of this message, however often it is tried."""


class Pool(ConnectionPool[Connection[Any]]):
    """Connections, with a way to end what is under way: unlike a task, a thread cannot be cancelled."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._at_work: set[Connection[Any]] = set()
        super().__init__(*arguments, **options)

    def getconn(self, timeout: float | None = None) -> Connection[Any]:
        connection = super().getconn(timeout)
        self._at_work.add(connection)
        return connection

    def putconn(self, conn: Connection[Any]) -> None:
        self._at_work.discard(conn)
        super().putconn(conn)

    def cancel(self) -> None:
        """End the statements that are running; their callers find Transient raised."""
        for connection in list(self._at_work):
            connection.cancel_safe(timeout=1.0)


def open_pool(url: str, size: int) -> Pool:
    """At most `size` connections, made when they are needed."""
    return Pool(
        url,
        min_size=0,
        max_size=size,
        kwargs=_connect(_EVERY | _BY_KEY),
        timeout=_POOL_TIMEOUT,
        open=True,
        reconnect_timeout=5,
    )


def open_async_pool(url: str, size: int) -> AsyncPool:
    """At most `size` connections in autocommit; to be opened in its event loop: `await pool.open()`."""
    return AsyncConnectionPool(
        url,
        min_size=0,
        max_size=size,
        kwargs={**_connect(_EVERY), "autocommit": True},
        timeout=_POOL_TIMEOUT,
        open=False,
        reconnect_timeout=5,
    )


def _connect(settings: Mapping[str, str]) -> dict[str, Any]:
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    return {"options": options, "application_name": "ehrconnect", "connect_timeout": 5, **_NOTICE}


@contextmanager
def transaction(pool: Pool, org: str) -> Iterator[Connection[Any]]:
    """A connection that sees the rows of `org`; committed when the block ends, else rolled back.

    Raises Unavailable when PostgreSQL is away, Conflict when another transaction was first, Transient when
    a statement or a pause took too long, and NotStorable when a value cannot be kept.
    """
    try:
        with translated(), pool.connection() as connection:
            connection.execute(SET_ORGANIZATION, (org,))
            yield connection
    except Unavailable:
        pool.check()  # a server that was restarted broke every connection, not just this one
        raise


# Made once: a function decorated at each call is a cycle of references, in which a whole batch would wait
# for the garbage collector.
_AGAIN = Retrying(
    retry=retry_if_exception_type(Conflict),
    stop=stop_after_attempt(3),
    wait=wait_random_exponential(multiplier=0.02, max=0.2),
    reraise=True,
)


def attempt(pool: Pool, org: str, work: Callable[[Connection[Any]], T]) -> T:
    """What `work` gives in a transaction of its own; after a Conflict it is done again, 3 times in all."""
    result: T = _AGAIN(_once, pool, org, work)
    return result


def _once(pool: Pool, org: str, work: Callable[[Connection[Any]], T]) -> T:
    with transaction(pool, org) as connection:
        return work(connection)


@asynccontextmanager
async def reading(pool: AsyncPool, org: str) -> AsyncIterator[AsyncConnection[Any]]:
    """A connection whose statements see the rows of `org`, in one round trip if they are not awaited apart.

    The pipeline of a connection in autocommit is one transaction up to its end, so that `app.org` lasts
    exactly as long.
    """
    try:
        with translated():
            async with pool.connection() as connection, connection.pipeline():
                await connection.execute(SET_ORGANIZATION, (org,))
                yield connection
    except Unavailable:
        await pool.check()
        raise


@contextmanager
def translated() -> Iterator[None]:
    """Turns what psycopg raises into what its callers can act on."""
    try:
        yield
    except PoolTimeout as error:
        raise Unavailable("PostgreSQL gave no connection in time") from error
    except psycopg.errors.UniqueViolation as error:
        raise Conflict(f"another transaction was first: {error.diag.constraint_name}") from None
    except psycopg.DataError as error:
        raise NotStorable(f"a value cannot be stored: {_kind(error)}") from None
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise _operational(error) from error
    except psycopg.InternalError as error:
        if not (error.sqlstate or "").startswith("25"):  # invalid transaction state
            raise
        raise _operational(error) from error


# SQLSTATE classes, PostgreSQL documentation, appendix A.
def _operational(error: psycopg.Error) -> Exception:
    kind = (error.sqlstate or "")[:2]
    if error.sqlstate == "57014":  # a statement took too long: less of it at once may pass
        return Transient(f"a statement took too long: {_kind(error)}")
    if kind == "25" and error.sqlstate != "25006":  # 25006: read-only, as a primary that was replaced
        return Transient(f"the transaction was ended: {_kind(error)}")
    if kind == "40":  # serialization failure, deadlock
        return Conflict(f"another transaction was first: {_kind(error)}")
    if kind == "54":  # a limit of PostgreSQL itself, such as the size of an index entry
        return NotStorable(f"a value cannot be stored: {_kind(error)}")
    return Unavailable(f"PostgreSQL is not available: {_kind(error)}")


def _kind(error: psycopg.Error) -> str:
    """The name of the error; its text may quote data."""
    return f"{type(error).__name__} {error.sqlstate or ''}".strip()
