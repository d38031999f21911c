"""The RQ job of a lane: batch after batch to the service's handler, until there is nothing left to do.

A transaction costs as much for one message as for twenty. So a job that finds little in its lane drains
other waiting lanes along with it, each by its own claim: messages are committed a few milliseconds after
they were acknowledged at a low rate, and in large batches at a high one.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from traceback import extract_tb

from redis import Redis

from libs.errors import Transient, Unavailable
from libs.lanes.claim import LANES, Batch, Claim, gather, requeue, take
from libs.lanes.contracts import queue_of
from libs.log import get_logger
from libs.metrics import QUEUE_PROCESSED

RETRIES = 3  # further tries of a message whose error may pass, after 2, 4 and 8 seconds
TIME_SLICE = 1.0  # seconds until the lanes go behind the other waiting lanes

Handler = Callable[[Sequence[Batch]], Sequence[int]]
"""handle(batches) -> how many messages from the front of each batch are settled, at least one of each.

The batches of a call are of one organization.

Settled means committed or dead-lettered. `failures` counts the failed tries of the first message; with
RETRIES of them this is its last, and the handler itself makes a dead letter of it if it fails again.

Raises Unavailable when PostgreSQL or a peer is away: the lanes wait 2, 4, 8 ... 60 s for as long as it takes.
Raises anything else when a message failed. Several batches are then given again one by one; of a single one
the first message failed: the lane waits, and the message is tried again.
Whatever the handler has committed when it raises is given to it again, and must be a no-op then.
"""

_log = get_logger(__name__)


def drain(
    redis: Redis,
    lane: str,
    job: str,
    handle: Handler,
    stopping: Callable[[], bool],
    *,
    most_lanes: int = LANES,
) -> None:
    """Give the lane's messages to `handle` for a time slice; leave at once if the lane is not the job's.

    Looks at `stopping` between batches; other lanes that wait are drained along with it, `most_lanes` in all.
    Raises redis.RedisError: the leases then run out, and the sweep gives the lanes to new jobs.
    """
    queue = queue_of(lane)
    ends = time.monotonic() + TIME_SLICE
    batches = take(redis, {Claim(redis, lane, job): 0})
    while batches:
        if len(batches) < most_lanes and not any(batch.alone for batch in batches.values()):
            batches |= take(redis, dict.fromkeys(gather(redis, lane, most_lanes - len(batches)), 0))
        settled = _settle(handle, batches)
        QUEUE_PROCESSED.labels(queue, "settled").inc(sum(settled.values()))
        if not settled or stopping() or time.monotonic() >= ends:
            requeue(redis, settled)
            return
        batches = take(redis, settled)


def _settle(handle: Handler, batches: Mapping[Claim, Batch]) -> dict[Claim, int]:
    """How much of each batch is settled; lanes that have to wait are let go of and are not in it."""
    try:
        return dict(zip(batches, _checked(handle, list(batches.values())), strict=True))
    except Unavailable as error:
        for claim in batches:
            seconds = claim.wait_for_outage()
            QUEUE_PROCESSED.labels(queue_of(claim.lane), "unavailable").inc()
            _log.warning("lane waits for an outage", lane=claim.lane, seconds=seconds, reason=str(error))
        return {}
    except MemoryError:
        raise  # ends the worker; the lanes stall, and come back one message at a time
    except Exception as error:
        # Not only Transient: a defect of the handler must neither spin the lane nor end the worker.
        if len(batches) == 1:
            [(claim, batch)] = batches.items()
            _retry(claim, batch, error)
            return {}
    return {
        claim: count for claim, batch in batches.items() for count in _settle(handle, {claim: batch}).values()
    }


def _retry(claim: Claim, batch: Batch, error: Exception) -> None:
    seconds = claim.retry_first()
    QUEUE_PROCESSED.labels(queue_of(claim.lane), "failed").inc()
    failed = batch.failures + 1
    _log.warning("message failed", lane=claim.lane, times=failed, seconds=seconds, reason=reason(error))


def _checked(handle: Handler, batches: Sequence[Batch]) -> Sequence[int]:
    settled = handle(batches)
    for count, batch in zip(settled, batches, strict=True):
        if not 1 <= count <= len(batch.messages):
            raise ValueError(f"the handler settled {count} of {len(batch.messages)} messages")
    return settled


def reason(error: Exception) -> str:
    """What went wrong, without what it went wrong with: others' error texts may hold patient data."""
    if isinstance(error, Transient):
        return str(error)
    frames = extract_tb(error.__traceback__)
    return f"{type(error).__name__} at {frames[-1].filename}:{frames[-1].lineno}"
