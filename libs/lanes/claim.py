"""A job's hold on a lane: take a batch, settle it with the next one, let go."""

from dataclasses import dataclass

from redis import Redis

from libs.lanes.scripts import RELEASE, TAKE, stamp

BATCH_MESSAGES = 64
BATCH_BYTES = 4 * 1024 * 1024  # soft: a batch has at least one message, and a message may be larger
LONGEST_DELAY = 60  # seconds


@dataclass(frozen=True, slots=True)
class Batch:
    """The first messages of a lane, in order."""

    messages: list[bytes]
    failures: int  # failed tries of the first message so far; if any, it is alone


class Claim:
    """What one RQ job may do with its lane; refused as soon as the lane has another owner."""

    def __init__(self, redis: Redis, lane: str, job: str, *, now: str = "") -> None:
        """`now` replaces Redis's clock by Unix seconds, in tests."""
        self.lane = lane
        self.job = job
        self.now = now
        self._redis = redis
        self._batch = 0  # number of the batch in hand; a batch can be settled once

    def take(self, settled: int = 0) -> Batch | None:
        """Remove the `settled` first messages of the batch in hand, and take the next one.

        None: leave, there is nothing to do; the lane is empty or paused, or not this job's.
        """
        answer = TAKE.run(
            self._redis, self.now, self.lane, self.job, self._batch, settled, BATCH_MESSAGES, BATCH_BYTES
        )
        if answer is None:
            return None
        self._batch += 1
        return Batch(answer[1:], answer[0])

    def requeue(self, settled: int = 0) -> None:
        """Remove the `settled` first messages; the rest waits for a new job behind the other lanes."""
        self._release(settled, "")

    def retry_first(self) -> float | None:
        """Count a failed try of the first message; seconds until the lane comes back.

        None: the lane is not this job's any more.
        """
        return self._release(0, "failures")

    def wait_for_outage(self) -> float | None:
        """Count an outage, for which no message is to blame; seconds until the lane comes back."""
        return self._release(0, "outages")

    def _release(self, settled: int, reason: str) -> float | None:
        answer = RELEASE.run(
            self._redis, self.now, stamp(), self.lane, self.job, self._batch, settled, reason, LONGEST_DELAY
        )
        return None if answer is None else float(answer)
