"""What a service of workers shows: depth and age of its queues, dead letters, and whether it can work."""

from collections.abc import Callable, Sequence
from typing import Any

from psycopg import Connection
from redis import RedisError

from libs.errors import Transient
from libs.health import Check
from libs.lanes.depth import publish_depths
from libs.lanes.worker import connect
from libs.log import get_logger
from libs.metrics import DEAD_LETTERS
from libs.store.dead_letters import open_dead_letters
from libs.store.engine import open_pool, translated

log = get_logger(__name__)


class Gauges:
    """Reads Redis and PostgreSQL with connections of its own, when it is asked."""

    def __init__(
        self,
        redis_url: str,
        database_url: str,
        queues: Sequence[str],
        *measures: Callable[[Connection[Any]], None],
    ) -> None:
        """`queues` are those that the service drains; `measures` set further gauges from PostgreSQL."""
        self._redis = connect(redis_url)
        self._pool = open_pool(database_url, 1)
        self._queues = queues
        self._measures = measures

    def checks(self) -> dict[str, Check]:
        return {"redis": self._redis_answers, "database": self._database_answers}

    def refresh(self) -> None:
        """Set the gauges; what is away keeps its last figures, and `/health/ready` says so."""
        try:
            publish_depths(self._redis, self._queues)
            self._publish_from_the_database()
        except (RedisError, Transient) as error:
            log.warning("gauges not refreshed", reason=str(error))

    def _publish_from_the_database(self) -> None:
        with translated(), self._pool.connection() as connection:
            letters = open_dead_letters(connection)
            for measure in self._measures:
                measure(connection)
        for queue in self._queues:
            DEAD_LETTERS.labels(queue).set(letters.get(queue, 0))

    def _redis_answers(self) -> str | None:
        try:
            self._redis.ping()
        except RedisError as error:
            return f"Redis does not answer: {type(error).__name__}"
        return None

    def _database_answers(self) -> str | None:
        try:
            with translated(), self._pool.connection() as connection:
                connection.execute("SELECT")
        except Transient as error:
            return str(error)
        return None
