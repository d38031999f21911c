"""What a lane's job does with what its handler says."""

from collections.abc import Callable, Sequence

import pytest
from redis import Redis

import libs.lanes.claim
import libs.lanes.drain
from libs.errors import Transient, Unavailable
from libs.lanes.claim import BATCH_MESSAGES
from libs.lanes.contracts import queue_of
from libs.lanes.depth import depths, lanes
from libs.lanes.drain import RETRIES, Handler, drain
from libs.lanes.enqueue import enqueue
from libs.lanes.sweep import sweep
from libs.metrics import QUEUE_PROCESSED

LANE = "hl7.inbound:3/default/7"
QUEUE = queue_of(LANE)


class Recorder:
    """A handler that settles everything and remembers what it was given."""

    def __init__(self) -> None:
        self.calls: list[tuple[list[bytes], int]] = []

    def __call__(self, lane: str, messages: Sequence[bytes], failures: int) -> int:
        self.calls.append((list(messages), failures))
        return len(messages)


def test_a_lane_is_drained_in_batches_in_order(redis: Redis) -> None:
    messages = _send(redis, 150)
    handler = Recorder()

    _run_job(redis, handler)

    assert [len(batch) for batch, _ in handler.calls] == [BATCH_MESSAGES, BATCH_MESSAGES, 22]
    assert [message for batch, _ in handler.calls for message in batch] == messages
    assert depths(redis) == {QUEUE: 0}
    assert lanes(redis) == []


def test_what_is_not_settled_comes_first_the_next_time(redis: Redis) -> None:
    a, b, c = _send(redis, 3)
    calls: list[list[bytes]] = []

    def settle_one(lane: str, messages: Sequence[bytes], failures: int) -> int:
        calls.append(list(messages))
        return 1

    _run_job(redis, settle_one)

    assert calls == [[a, b, c], [b, c], [c]]


def test_a_batch_is_bounded_in_bytes_but_has_at_least_one_message(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(libs.lanes.claim, "BATCH_BYTES", 10)
    enqueue(redis, [(LANE, b"x" * size) for size in (11, 4, 6, 1, 30)])
    handler = Recorder()

    _run_job(redis, handler)

    assert [[len(message) for message in batch] for batch, _ in handler.calls] == [[11], [4, 6], [1], [30]]


def test_a_job_that_does_not_own_the_lane_leaves_at_once(redis: Redis) -> None:
    _send(redis, 1)
    handler = Recorder()

    drain(redis, LANE, "lane-0-0", handler, lambda: False)

    assert handler.calls == []
    assert depths(redis) == {QUEUE: 1}


def test_after_its_time_slice_a_lane_goes_behind_the_others(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(libs.lanes.drain, "TIME_SLICE", 0)
    _send(redis, 2)
    enqueue(redis, [(f"{QUEUE}/default/8", b"another lane's")])

    _run_job(redis, Recorder())

    assert [lane.state for lane in lanes(redis)] == ["waiting", "waiting"]
    assert _lanes_of_jobs(redis) == [f"{QUEUE}/default/8", LANE]


def test_a_worker_that_stops_finishes_its_batch_and_hands_the_lane_on(redis: Redis) -> None:
    messages = _send(redis, BATCH_MESSAGES + 1)
    handler = Recorder()

    drain(redis, LANE, _job(redis), handler, lambda: bool(handler.calls))

    assert handler.calls == [(messages[:BATCH_MESSAGES], 0)]
    assert [(lane.state, lane.depth) for lane in lanes(redis)] == [("waiting", 1)]


def test_an_outage_delays_the_lane_ever_longer_and_is_no_message_s_fault(redis: Redis) -> None:
    messages = _send(redis, 2)
    delays = []

    for _ in range(8):
        _run_job(redis, _raises(Unavailable("PostgreSQL is away")))
        delays.append(_seconds_until_due(redis))
        sweep(redis, [QUEUE], now=_later(redis))

    assert delays == [2, 4, 8, 16, 32, 60, 60, 60]
    handler = Recorder()
    _run_job(redis, handler)
    assert handler.calls == [(messages, 0)]
    assert depths(redis) == {QUEUE: 0}


def test_a_message_that_may_pass_is_tried_again_alone_and_its_failures_are_told(redis: Redis) -> None:
    first, second = _send(redis, 2)
    tries: list[tuple[list[bytes], int]] = []
    delays = []

    def fail_until_the_last_try(lane: str, messages: Sequence[bytes], failures: int) -> int:
        tries.append((list(messages), failures))
        if messages[0] == first and failures < RETRIES:
            raise Transient("the referenced patient is not known yet")
        return len(messages)

    for _ in range(RETRIES):
        _run_job(redis, fail_until_the_last_try)
        delays.append(_seconds_until_due(redis))
        sweep(redis, [QUEUE], now=_later(redis))
    _run_job(redis, fail_until_the_last_try)

    assert delays == [2, 4, 8]
    assert tries == [([first, second], 0), ([first], 1), ([first], 2), ([first], 3), ([second], 0)]
    assert lanes(redis) == []


@pytest.mark.parametrize(
    "handler",
    [
        pytest.param(lambda lane, messages, failures: 1 / 0, id="raises what nobody foresaw"),
        pytest.param(lambda lane, messages, failures: 0, id="settles nothing"),
        pytest.param(lambda lane, messages, failures: 2, id="settles more than it was given"),
    ],
)
def test_a_broken_handler_delays_its_lane_and_loses_nothing(redis: Redis, handler: Handler) -> None:
    _send(redis, 1)

    _run_job(redis, handler)

    assert [(lane.state, lane.depth, lane.failures) for lane in lanes(redis)] == [("delayed", 1, 1)]


def test_a_delayed_lane_waits_although_more_messages_come(redis: Redis) -> None:
    _send(redis, 1)
    _run_job(redis, _raises(Unavailable("PostgreSQL is away")))

    _send(redis, 1)

    assert [(lane.state, lane.depth) for lane in lanes(redis)] == [("delayed", 2)]
    assert _lanes_of_jobs(redis) == []


def test_what_was_settled_failed_or_found_an_outage_is_counted(redis: Redis) -> None:
    before = {status: _processed(status) for status in ("settled", "failed", "unavailable")}
    _send(redis, 70)

    _run_job(redis, _raises(Unavailable("PostgreSQL is away")))
    sweep(redis, [QUEUE], now=_later(redis))
    _run_job(redis, _raises(Transient("it may pass")))
    sweep(redis, [QUEUE], now=_later(redis))
    _run_job(redis, Recorder())

    after = {status: _processed(status) - count for status, count in before.items()}
    assert after == {"settled": 70, "failed": 1, "unavailable": 1}


def _send(redis: Redis, count: int) -> list[bytes]:
    messages = [f"message {number}".encode() for number in range(count)]
    enqueue(redis, [(LANE, message) for message in messages])
    return messages


def _job(redis: Redis) -> str:
    return lanes(redis)[0].job


def _run_job(redis: Redis, handler: Handler) -> None:
    """Do what a worker does with the first job of the queue."""
    redis.lpop(f"rq:queue:{QUEUE}")
    drain(redis, LANE, _job(redis), handler, lambda: False)


def _raises(error: Exception) -> Callable[[str, Sequence[bytes], int], int]:
    def handle(lane: str, messages: Sequence[bytes], failures: int) -> int:
        raise error

    return handle


def _lanes_of_jobs(redis: Redis) -> list[str]:
    jobs = redis.lrange(f"rq:queue:{QUEUE}", 0, -1)
    owners = {lane.job.encode(): lane.lane for lane in lanes(redis)}
    return [owners[job] for job in jobs if isinstance(job, bytes)]


def _seconds_until_due(redis: Redis) -> int:
    due = redis.zscore(f"ehr:due:{QUEUE}", LANE)
    seconds, microseconds = redis.time()
    assert isinstance(due, float)
    return round(due - seconds - microseconds / 1e6)


def _later(redis: Redis) -> str:
    return str(redis.time()[0] + 3600)


def _processed(status: str) -> float:
    return float(QUEUE_PROCESSED.labels(QUEUE, status)._value.get())
