"""Lanes side by side, with the threads that there are."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from redis import Redis

from libs.lanes.claim import Batch
from libs.lanes.contracts import OUTBOUND, outbound_lane
from libs.lanes.enqueue import enqueue
from libs.lanes.worker import Stop
from services.outbound_sender.drains import Drains

RQ_QUEUE = f"rq:queue:{OUTBOUND}"


@dataclass
class Slow:
    """A destination that answers when the test says so."""

    began: threading.Event = field(default_factory=threading.Event)
    answers: threading.Event = field(default_factory=threading.Event)

    def handle(self, batches: Sequence[Batch], wait: Callable[[], None]) -> list[int]:
        self.began.set()
        assert self.answers.wait(30)
        return [len(batch.messages) for batch in batches]


@pytest.fixture
def slow() -> Iterator[Slow]:
    slow = Slow()
    yield slow
    slow.answers.set()


def job_of(redis: Redis, lane: str) -> str:
    """The job of a lane, taken out of its queue as a worker does."""
    enqueue(redis, [(lane, b"{}")])
    job: Any = redis.lpop(RQ_QUEUE)
    return str(job.decode())


def test_who_finds_no_thread_free_waits_behind_the_others(redis: Redis, slow: Slow) -> None:
    drains = Drains(redis, slow, Stop(), most=1)  # type: ignore[arg-type]  # all that is used of a pipeline
    first, second = outbound_lane("default", "first"), outbound_lane("default", "second")
    drains.start(first, job_of(redis, first))
    assert slow.began.wait(30)

    job = job_of(redis, second)
    drains.start(second, job)

    assert redis.lrange(RQ_QUEUE, 0, -1) == [job.encode()]
    slow.answers.set()
    drains.join(30)
    drains.start(second, job)
    drains.join(30)
    assert redis.exists(f"ehr:lane:{second}") == 0


def test_what_is_to_be_begun_when_we_stop_is_for_the_next_process(redis: Redis, slow: Slow) -> None:
    stop = Stop()
    drains = Drains(redis, slow, stop, most=1)  # type: ignore[arg-type]
    lane = outbound_lane("default", "first")
    job = job_of(redis, lane)
    stop.requested = True

    drains.start(lane, job)

    assert redis.lrange(RQ_QUEUE, 0, -1) == [job.encode()]
