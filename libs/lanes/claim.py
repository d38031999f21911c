"""A job's hold on a lane: take a batch, settle it with the next one, let go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from redis import Redis

from libs.lanes.scripts import GATHER, RELEASE, RENEW, TAKE, stamp

BATCH_MESSAGES = 64
LANES = 16  # lanes that one job drains at a time
LEAST_MESSAGES = 8  # of a lane, where several share a batch's room
# Soft: a batch has at least one message, and a message may be larger. What is in a batch has to be done
# well within a lease, and within the seconds that a stopping worker has.
BATCH_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Batch:
    """The first messages of a lane, in order."""

    lane: str
    messages: list[bytes]
    failures: int = 0  # failed tries of the first message so far; if any, it is alone
    stalls: int = 0  # times in a row that a worker was lost with the first message; if any, it is alone

    @property
    def alone(self) -> bool:
        """Whether nothing else is to be done along with it: it may spoil it, or hold it up."""
        return bool(self.failures or self.stalls) or sum(map(len, self.messages)) > BATCH_BYTES // 2


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
        return take(self._redis, {self: settled}).get(self)

    def requeue(self, settled: int = 0) -> None:
        """Remove the `settled` first messages; the rest waits for a new job behind the other lanes."""
        requeue(self._redis, {self: settled})

    def retry_first(self) -> float | None:
        """Count a failed try of the first message; seconds until the lane comes back.

        None: the lane is not this job's any more.
        """
        return self._delay("failures")

    def wait_for_outage(self) -> float | None:
        """Count an outage, for which no message is to blame; seconds until the lane comes back."""
        return self._delay("outages")

    def _delay(self, reason: str) -> float | None:
        answer = RELEASE.run(self._redis, *self._release(0, reason))
        return None if answer is None else float(answer)

    def _take(self, settled: int, messages: int, size: int) -> list[str | float]:
        return [self.now, self.lane, self.job, self._batch, settled, messages, size]

    def _taken(self, answer: Sequence[bytes | int]) -> Batch:
        self._batch += 1
        failures, stalls, *messages = answer
        return Batch(self.lane, messages, failures, stalls)  # type: ignore[arg-type]  # as take.lua says

    def _release(self, settled: int, reason: str) -> list[str | float]:
        return [self.now, stamp(), self.lane, self.job, self._batch, settled, reason]


def take(redis: Redis, settled: Mapping[Claim, int]) -> dict[Claim, Batch]:
    """Settle so many messages of each claim's batch and take the next ones, in one round trip.

    The claims that are not in the answer have nothing more to do.
    """
    room = max(LEAST_MESSAGES, BATCH_MESSAGES // max(1, len(settled)))
    size = BATCH_BYTES // max(1, len(settled))
    answers = TAKE.run_each(redis, [claim._take(count, room, size) for claim, count in settled.items()])
    return {
        claim: claim._taken(answer)
        for claim, answer in zip(settled, answers, strict=True)
        if answer is not None
    }


def requeue(redis: Redis, settled: Mapping[Claim, int]) -> None:
    """Settle so many messages of each claim's batch; what remains waits for new jobs."""
    RELEASE.run_each(redis, [claim._release(count, "") for claim, count in settled.items()])


def gather(redis: Redis, lane: str, most: int) -> list[Claim]:
    """Claims on other lanes that wait in the lane's queue and may be drained along with it.

    They are of the same organization, whose messages go into one transaction.
    """
    queue, organization, _ = lane.split("/")
    answer = [part.decode() for part in GATHER.run(redis, queue, organization, most, BATCH_BYTES // LANES)]
    return [Claim(redis, lane, job) for lane, job in zip(answer[::2], answer[1::2], strict=True)]


def renew(redis: Redis, lane: str, job: str, *, now: str = "") -> bool:
    """Begin the lease of a lane anew, for a batch that takes longer. False: it is not the job's any more.

    `now` replaces Redis's clock by Unix seconds, in tests.
    """
    return bool(RENEW.run(redis, now, lane, job))
