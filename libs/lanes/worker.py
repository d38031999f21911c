"""The process that drains lanes: an RQ worker that owes nothing to RQ's bookkeeping.

RQ brings jobs (queues in order of priority) and shows the worker in `rq info`. What RQ does for the safety
of a job (execution records, registries, results, retries, maintenance) is left out: lanes do not rely on it,
and under `appendfsync always` it would be most of the work.
"""

import signal
import time
from collections.abc import Sequence
from types import FrameType

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import SimpleWorker
from rq.serializers import JSONSerializer

from libs.log import get_logger

LISTEN = 1  # seconds to wait for a job at a time, and so the longest that an idle worker takes to stop
SWEEP_EVERY = 1.0  # seconds
HEARTBEAT_EVERY = 30.0  # seconds
ANSWER_WITHIN = 5.0  # seconds that Redis may take for a command
LONGEST_PAUSE = 5.0  # seconds between two tries to reach Redis

_log = get_logger(__name__)


class Stop:
    """Asked between two steps whether to stop; a plain flag, because a signal handler sets it."""

    def __init__(self) -> None:
        self.requested = False

    def __call__(self) -> bool:
        return self.requested


def connect(url: str) -> Redis:
    """A client for a worker: binary answers, bounded waiting, one more try on a connection gone stale."""
    return Redis.from_url(
        url,
        socket_timeout=ANSWER_WITHIN,
        socket_connect_timeout=ANSWER_WITHIN,
        retry=Retry(NoBackoff(), 1),
    )


def run_worker(redis: Redis, queues: Sequence[str], stop: Stop) -> None:
    """Drain the lanes of `queues`, the first queue first, until SIGTERM, SIGINT or `stop`.

    `redis` is a client as `connect` makes it. Jobs are given `stop` by the service's runtime, so that the
    one at work ends after its batch.
    """

    def request(signum: int, frame: FrameType | None) -> None:
        stop.requested = True

    signal.signal(signal.SIGTERM, request)
    signal.signal(signal.SIGINT, request)
    LaneWorker(queues, redis, stop).work_until_stopped()


class LaneWorker(SimpleWorker):
    """Takes one job after the other in this process, and sweeps the lanes of its queues in between."""

    log_job_description = False

    def __init__(self, queues: Sequence[str], redis: Redis, stop: Stop) -> None:
        super().__init__(
            list(queues),
            connection=redis,
            serializer=JSONSerializer,
            log_job_description=False,
            prepare_for_work=False,
        )
        self._stop = stop
        self._registered = False
        self._next_sweep = 0.0  # monotonic seconds
        self._next_heartbeat = 0.0

    @property
    def connection_timeout(self) -> int:
        """RQ would raise the client's own limit to minutes."""
        return int(ANSWER_WITHIN)

    def work_until_stopped(self) -> None:
        """Survive whatever a job or Redis does; only `stop` ends it."""
        pause = 0.0
        while not self._stop():
            try:
                self._keep_up()
                self._work_once()
                pause = 0.0
            except RedisError as error:
                # Refused (memory, disk) or away: the lanes keep everything, and their leases run out.
                pause = min(pause + 0.5, LONGEST_PAUSE)
                _log.warning("redis did not do its part", seconds=pause, reason=type(error).__name__)
                self._wait(pause)
        with suppress(RedisError):
            self.register_death()

    def _keep_up(self) -> None:
        now = time.monotonic()
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP_EVERY
            sweep(self.connection, self.queue_names())
        if now >= self._next_heartbeat:
            self._next_heartbeat = now + HEARTBEAT_EVERY
            self._show()

    def _show(self) -> None:
        """Appear in `rq info`; a worker that Redis has forgotten registers again."""
        if self.connection.exists(self.key):
            self.heartbeat()
        else:
            self.hostname, self.pid = socket.gethostname(), os.getpid()
            self.register_birth()

    def _work_once(self) -> None:
        try:
            found = Queue.dequeue_any(
                self.queues, LISTEN, connection=self.connection, serializer=self.serializer
            )
        except DequeueTimeout:
            return
        except RedisError:
            raise
        except Exception as error:
            # Not written by our scripts: RQ cannot even read its record.
            _log.error(
                "unreadable job dropped", job=getattr(error, "job_id", ""), reason=type(error).__name__
            )
            return
        if found is None:
            return
        job, _ = found
        try:
            with self.death_penalty_class(job.timeout or 60, JobTimeoutException):
                job.func(*job.args)
        except RedisError:
            raise
        except Exception as error:
            _log.error("job failed", job=job.id, queue=job.origin, reason=describe(error))
