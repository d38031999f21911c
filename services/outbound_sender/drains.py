"""Lanes that are drained side by side, each by a thread of its own: who is slow holds up nobody else.

One process, because a destination is to see one connection of ours and not one of each worker.
"""

import threading
import time
from functools import partial

from redis import Redis, RedisError
from rq import Queue

from libs.errors import Unavailable
from libs.lanes.claim import renew
from libs.lanes.contracts import queue_of
from libs.lanes.drain import drain, reason
from libs.lanes.worker import Stop
from libs.log import get_logger
from services.outbound_sender.pipeline import Pipeline

RENEW_EVERY = 2.0  # seconds; a lease has 15, and to send may take 10 of them
FREE_WITHIN = 1.0  # seconds
ANSWER_GRACE = 2.5  # seconds that an answer may still take once the process is to stop

log = get_logger(__name__)


class Drains:
    def __init__(self, redis: Redis, pipeline: Pipeline, stop: Stop, most: int) -> None:
        self._redis = redis
        self._pipeline = pipeline
        self._stop = stop
        self._free = threading.BoundedSemaphore(most)
        self._running: set[threading.Thread] = set()

    def start(self, lane: str, job: str) -> None:
        """Drain a lane in a thread of its own; when none becomes free, its job goes behind the others.

        To wait for longer would keep the worker from its sweep, and in the end its alarm would end it.
        """
        if self._stop() or not self._free.acquire(timeout=FREE_WITHIN):
            # A crash before this loses the job only, which the sweep finds.
            Queue(queue_of(lane), connection=self._redis).push_job_id(job)
            return
        thread = threading.Thread(target=self._drain, args=(lane, job), name=lane, daemon=True)
        self._running.add(thread)
        thread.start()

    def join(self, within: float) -> None:
        """Wait for the threads, once `stop` is set; what is not done by then is as if killed."""
        deadline = time.monotonic() + within
        for thread in list(self._running):
            thread.join(max(0.0, deadline - time.monotonic()))

    def _drain(self, lane: str, job: str) -> None:
        try:
            wait = Hold(self._redis, lane, job, self._stop)
            handle = partial(self._pipeline.handle, wait=wait)
            drain(self._redis, lane, job, handle, self._stop, most_lanes=1)
        except RedisError as error:
            log.warning("redis failed, the lane's lease runs out", lane=lane, reason=reason(error))
        finally:
            self._running.discard(threading.current_thread())
            self._free.release()


class Hold:
    """Keeps a lane while a destination is waited for."""

    def __init__(self, redis: Redis, lane: str, job: str, stop: Stop) -> None:
        self._redis = redis
        self._lane = lane
        self._job = job
        self._stop = stop
        self._renew_at = time.monotonic() + RENEW_EVERY
        self._give_up_at: float | None = None

    def __call__(self) -> None:
        """To be called a few times a second. Raises Unavailable when there is no more time to wait."""
        now = time.monotonic()
        if self._stop():
            self._give_up_at = self._give_up_at or now + ANSWER_GRACE
            if now >= self._give_up_at:
                raise Unavailable("the outbound-sender stops, and had no answer yet")
        if now >= self._renew_at:
            self._renew_at = now + RENEW_EVERY
            if not self._renewed():
                raise Unavailable("the lane was given to another worker")

    def _renewed(self) -> bool:
        try:
            return renew(self._redis, self._lane, self._job)
        except RedisError:
            return True  # unknown; the answer is worth waiting for
