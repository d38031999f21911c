"""The process that drains lanes: an RQ worker that owes nothing to RQ's bookkeeping.

RQ brings jobs, queues in order of priority, and shows the worker in `rq info`. What RQ does for the safety
of a job (execution records, registries, results, retries, maintenance) is left out: lanes do not rely on it,
and under `appendfsync always` it would be most of the work.
"""

import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import FrameType

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as NotConnected
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue, SimpleWorker
from rq.exceptions import DequeueTimeout, NoSuchJobError
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker_registration import clean_worker_registry

from libs.lanes.drain import reason
from libs.lanes.sweep import sweep
from libs.log import get_logger

LISTEN = 1  # seconds to wait for a job at a time, and so the longest that an idle worker takes to stop
SWEEP_EVERY = 1.0  # seconds
HEARTBEAT_EVERY = 30.0  # seconds
JOB_TIMEOUT = 300  # seconds; a job stops after its time slice, if no single message takes longer
ANSWER_WITHIN = 3.0  # seconds that Redis may take for a command
LONGEST_PAUSE = 2.0  # seconds between two tries to reach Redis

_log = get_logger(__name__)


class Stop:
    """Asked between two steps whether to stop; a plain flag, because a signal handler sets it."""

    def __init__(self) -> None:
        self.requested = False

    def __call__(self) -> bool:
        return self.requested


def connect(url: str) -> Redis:
    """A client for a worker: binary answers, bounded waiting, a second try on a connection gone stale."""
    return Redis.from_url(
        url,
        socket_timeout=ANSWER_WITHIN,
        socket_connect_timeout=ANSWER_WITHIN,
        retry=Retry(NoBackoff(), 1, supported_errors=(NotConnected,)),
    )


def run_worker(
    redis: Redis, queues: Sequence[str], stop: Stop, chore: Callable[[], float] | None = None
) -> None:
    """Drain the lanes of `queues`, the first queue first, until SIGTERM, SIGINT or `stop`.

    `redis` is a client as `connect` makes it. The service's jobs look at the same `stop`, so that the one
    at work ends after its batch. To be called in the main thread: signals end it and its jobs' time.
    `chore` is what is to be done between jobs, a little at a time; it says after how many seconds it wants
    to be called again, 0 for as soon as the jobs have had their turn.
    """

    def request(signum: int, frame: FrameType | None) -> None:
        stop.requested = True

    signal.signal(signal.SIGTERM, request)
    signal.signal(signal.SIGINT, request)
    LaneWorker(redis, queues, stop, chore).work_until_stopped()


class LaneWorker(SimpleWorker):
    """Takes one job after the other in this process, and sweeps the lanes of its queues in between."""

    def __init__(
        self, redis: Redis, queues: Sequence[str], stop: Stop, chore: Callable[[], float] | None = None
    ) -> None:
        super().__init__(
            list(queues),
            connection=redis,
            serializer=JSONSerializer,
            log_job_description=False,
            prepare_for_work=False,
        )
        self._stop = stop
        self._chore = chore
        self._next_chore = 0.0  # monotonic seconds
        self._next_sweep = 0.0
        self._next_heartbeat = 0.0

    @property
    def connection_timeout(self) -> int:
        """RQ would raise the client's own limit to minutes."""
        return int(ANSWER_WITHIN)

    def work_until_stopped(self) -> None:
        """Outlive whatever a job or Redis does; only `stop` ends it."""
        pause = 0.0
        while not self._stop():
            try:
                self._keep_up()
                self._work_once()
                pause = 0.0
            except RedisError as error:
                # Away, or out of memory or disk: the lanes keep everything, and leases run out.
                pause = min(pause + 0.5, LONGEST_PAUSE)
                _log.warning("redis failed", seconds=pause, reason=reason(error))
                time.sleep(pause)
        with suppress(RedisError):
            self.register_death()  # type: ignore[no-untyped-call]  # of RQ

    def _keep_up(self) -> None:
        now = time.monotonic()
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP_EVERY
            sweep(self.connection, self.queue_names())
        if now >= self._next_heartbeat:
            self._next_heartbeat = now + HEARTBEAT_EVERY
            self._appear()
        if self._chore is not None and now >= self._next_chore:
            pause = self._chore()
            self._next_chore = time.monotonic() + pause

    def _appear(self) -> None:
        """Show this worker in `rq info`, also after Redis has forgotten it."""
        if self.connection.exists(self.key):
            self.heartbeat()
            return
        self.hostname, self.pid = socket.gethostname(), os.getpid()
        self.register_birth()  # type: ignore[no-untyped-call]  # of RQ
        for queue in self.queues:
            clean_worker_registry(queue)  # of the workers that were killed

    def _work_once(self) -> None:
        hurry = self._chore is not None and time.monotonic() >= self._next_chore
        try:
            taken = Queue.lpop(self.queue_keys(), None if hurry else LISTEN, connection=self.connection)
        except DequeueTimeout:
            return
        if taken is None:
            return
        job_id = taken[1]
        # A job that hangs ends this process, as SIGALRM does by itself. RQ would raise an exception instead,
        # at any point of the code, and a message would be blamed for a machine that was suspended.
        signal.alarm(JOB_TIMEOUT)
        try:
            job = Job.fetch(job_id.decode(), connection=self.connection, serializer=self.serializer)
            job.func(*job.args, **job.kwargs)
        except NoSuchJobError:
            pass  # the lane has had another job since
        except (RedisError, MemoryError):
            raise
        except Exception as error:
            # Its record cannot be read, its function cannot be imported: the sweep looks after the lane.
            _log.error("job failed", job=repr(job_id), reason=reason(error))
        finally:
            signal.alarm(0)
