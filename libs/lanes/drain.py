"""The RQ job of a lane: batch after batch to the service's handler, until there is nothing left to do."""

import time
from collections.abc import Callable, Sequence
from traceback import extract_tb

from redis import Redis

from libs.errors import Transient, Unavailable
from libs.lanes.claim import Batch, Claim
from libs.lanes.contracts import queue_of
from libs.log import get_logger
from libs.metrics import QUEUE_PROCESSED

RETRIES = 3  # further tries of a message whose error may pass, after 2, 4 and 8 seconds
TIME_SLICE = 1.0  # seconds until the lane goes behind the other waiting lanes

Handler = Callable[[str, Sequence[bytes], int], int]
"""handle(lane, messages, failures) -> how many from the front are settled, at least one.

Settled means committed or dead-lettered. `failures` counts the failed tries of the first message; with
RETRIES of them this is its last, and the handler itself makes a dead letter of it if it fails again.

Raises Unavailable when PostgreSQL or a peer is away: the lane waits 2, 4, 8 ... 60 s for as long as it takes.
Raises Transient when the first message failed and may pass later: the lane waits, the message is tried again.
Whatever the handler has committed when it raises is given to it again, and must be a no-op then.
"""

_log = get_logger(__name__)


def drain(redis: Redis, lane: str, job: str, handle: Handler, stopping: Callable[[], bool]) -> None:
    """Give the lane's messages to `handle` for a time slice; leave at once if the lane is not the job's.

    Looks at `stopping` between batches. Raises redis.RedisError: the lane's lease then runs out, and the
    sweep gives it to a new job.
    """
    claim = Claim(redis, lane, job)
    queue = queue_of(lane)
    ends = time.monotonic() + TIME_SLICE
    settled = 0
    while not stopping() and time.monotonic() < ends:
        batch = claim.take(settled)
        if settled:
            QUEUE_PROCESSED.labels(queue, "settled").inc(settled)
        if batch is None:
            return
        try:
            settled = _handle(handle, lane, batch)
        except Unavailable as error:
            seconds = claim.wait_for_outage()
            QUEUE_PROCESSED.labels(queue, "unavailable").inc()
            _log.warning("lane waits for an outage", lane=lane, seconds=seconds, reason=str(error))
            return
        except Exception as error:
            # Not only Transient: a defect of the handler must neither spin the lane nor end the worker.
            seconds = claim.retry_first()
            QUEUE_PROCESSED.labels(queue, "failed").inc()
            failed = batch.failures + 1
            _log.warning("message failed", lane=lane, times=failed, seconds=seconds, reason=reason(error))
            return
    claim.requeue(settled)
    if settled:
        QUEUE_PROCESSED.labels(queue, "settled").inc(settled)


def _handle(handle: Handler, lane: str, batch: Batch) -> int:
    settled = handle(lane, batch.messages, batch.failures)
    if not 1 <= settled <= len(batch.messages):
        raise ValueError(f"the handler settled {settled} of {len(batch.messages)} messages")
    return settled


def reason(error: Exception) -> str:
    """What went wrong, without what it went wrong with: others' error texts may hold patient data."""
    if isinstance(error, Transient):
        return str(error)
    frames = extract_tb(error.__traceback__)
    return f"{type(error).__name__} at {frames[-1].filename}:{frames[-1].lineno}"
