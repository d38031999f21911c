"""What the transformer shows: depth and age of its queues, dead letters, and whether it can work."""

from collections.abc import Mapping

from redis import RedisError

from libs.errors import Transient
from libs.health import Check
from libs.lanes.depth import publish_depths
from libs.lanes.worker import connect
from libs.log import get_logger
from libs.metrics import DEAD_LETTERS, REPOINTINGS
from libs.store import repointing
from libs.store.engine import open_pool, translated
from libs.store.messages import open_dead_letters
from services.transformer.pool import Pool
from services.transformer.settings import Settings

log = get_logger(__name__)


class Gauges:
    """Reads Redis and PostgreSQL with connections of its own, when it is asked."""

    def __init__(self, settings: Settings, workers: Pool) -> None:
        self._redis = connect(settings.redis_url.get_secret_value())
        self._pool = open_pool(settings.database_url.get_secret_value(), 1)
        self._workers = workers
        self._queues_with_letters: set[str] = set()

    def checks(self) -> Mapping[str, Check]:
        return {"redis": self._redis_answers, "database": self._database_answers, "workers": self._all_work}

    def refresh(self) -> None:
        """Set the gauges; what is away keeps its last figures, and `/health/ready` says so."""
        try:
            publish_depths(self._redis)
            self._publish_dead_letters()
        except (RedisError, Transient) as error:
            log.warning("gauges not refreshed", reason=str(error))

    def _publish_dead_letters(self) -> None:
        with translated(), self._pool.connection() as connection:
            letters = open_dead_letters(connection)
            REPOINTINGS.set(repointing.count(connection))
        for queue in self._queues_with_letters | letters.keys():
            DEAD_LETTERS.labels(queue).set(letters.get(queue, 0))
        self._queues_with_letters |= letters.keys()

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

    def _all_work(self) -> str | None:
        alive, size = self._workers.alive(), self._workers.size
        return None if alive == size else f"{alive} of {size} workers run"
