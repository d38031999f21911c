"""What a lane's job does with what its handler says."""

from collections.abc import Sequence

import pytest
from redis import Redis

import libs.lanes.claim
import libs.lanes.drain
from libs.errors import Transient, Unavailable
from libs.lanes.claim import BATCH_MESSAGES, LANES, Batch, Claim, gather, renew
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

    def __call__(self, batches: Sequence[Batch]) -> list[int]:
        self.calls += [(batch.messages, batch.failures) for batch in batches]
        return [len(batch.messages) for batch in batches]


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

    def settle_one(batches: Sequence[Batch]) -> list[int]:
        [batch] = batches
        calls.append(batch.messages)
        return [1]

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

    _run_job(redis, lambda batches: [1], most_lanes=1)

    assert [(lane.state, lane.depth) for lane in lanes(redis)] == [("waiting", 1), ("waiting", 1)]
    assert _lanes_of_jobs(redis) == [f"{QUEUE}/default/8", LANE]


def test_a_lease_that_is_renewed_outlasts_a_message_that_takes_long(redis: Redis) -> None:
    _send(redis, 1)
    job, start = _job(redis), redis.time()[0]
    claim = Claim(redis, LANE, job, now=str(start))
    claim.take()

    assert [renew(redis, LANE, job, now=str(start + seconds)) for seconds in (10, 20, 30)] == [True] * 3
    assert sweep(redis, [QUEUE], now=str(start + 44)) == []
    assert sweep(redis, [QUEUE], now=str(start + 46)) == [LANE]
    assert not renew(redis, LANE, job, now=str(start + 46)), "another job's by now"


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

    def fail_until_the_last_try(batches: Sequence[Batch]) -> list[int]:
        [batch] = batches
        tries.append((batch.messages, batch.failures))
        if batch.messages[0] == first and batch.failures < RETRIES:
            raise Transient("the referenced patient is not known yet")
        return [len(batch.messages)]

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
        pytest.param(lambda batches: [1 / 0], id="raises what nobody foresaw"),
        pytest.param(lambda batches: [0], id="settles nothing"),
        pytest.param(lambda batches: [2], id="settles more than it was given"),
        pytest.param(lambda batches: [], id="answers for nothing"),
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


def test_other_waiting_lanes_are_drained_along_in_one_call(redis: Redis) -> None:
    enqueue(
        redis, [(f"{QUEUE}/default/{lane}", b"%d of %d" % (i, lane)) for lane in (1, 2, 3) for i in (1, 2)]
    )
    calls: list[dict[str, list[bytes]]] = []

    def settle_one_of_each(batches: Sequence[Batch]) -> list[int]:
        calls.append({batch.lane: batch.messages for batch in batches})
        return [1 for _ in batches]

    _run_job(redis, settle_one_of_each)

    assert calls == [
        {f"{QUEUE}/default/{lane}": [b"%d of %d" % (i, lane) for i in left] for lane in (1, 2, 3)}
        for left in ((1, 2), (2,))
    ]
    assert (lanes(redis), _lanes_of_jobs(redis), list(redis.scan_iter("rq:job:*"))) == ([], [], [])


@pytest.mark.parametrize("other", ["hl7.inbound:4/default/7", f"{QUEUE}/north/7", f"{QUEUE}/default-2/7"])
def test_lanes_of_another_queue_or_organization_are_left_alone(redis: Redis, other: str) -> None:
    _send(redis, 1)
    enqueue(redis, [(other, b"not now")])
    handler = Recorder()

    redis.lpop(f"rq:queue:{QUEUE}")
    drain(redis, LANE, next(lane.job for lane in lanes(redis) if lane.lane == LANE), handler, lambda: False)

    assert handler.calls == [([b"message 0"], 0)]
    assert [(lane.lane, lane.state) for lane in lanes(redis)] == [(other, "waiting")]


def test_a_large_message_is_handled_alone(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libs.lanes.claim, "BATCH_BYTES", 1600)
    sizes = {1: 10, 2: 900, 3: 10}
    enqueue(redis, [(f"{QUEUE}/default/{lane}", b"x" * size) for lane, size in sizes.items()])
    calls: list[list[str]] = []

    def record(batches: Sequence[Batch]) -> list[int]:
        calls.append([batch.lane[-1] for batch in batches])
        return [1 for _ in batches]

    _run_job(redis, record)
    _run_job(redis, record)

    assert calls == [["1", "3"], ["2"]]


def test_when_lanes_fail_together_only_the_one_at_fault_has_to_wait(redis: Redis) -> None:
    enqueue(redis, [(f"{QUEUE}/default/{lane}", b"%d" % lane) for lane in (1, 2, 3)])
    settled: list[bytes] = []

    def fail_at_two(batches: Sequence[Batch]) -> list[int]:
        if any(batch.messages == [b"2"] for batch in batches):
            raise Transient("it may pass")
        settled.extend(message for batch in batches for message in batch.messages)
        return [len(batch.messages) for batch in batches]

    _run_job(redis, fail_at_two)

    assert settled == [b"1", b"3"]
    assert [(lane.lane, lane.state, lane.failures) for lane in lanes(redis)] == [
        (f"{QUEUE}/default/2", "delayed", 1)
    ]


def test_an_outage_delays_every_lane_of_the_call(redis: Redis) -> None:
    enqueue(redis, [(f"{QUEUE}/default/{lane}", b"%d" % lane) for lane in (1, 2)])

    _run_job(redis, _raises(Unavailable("PostgreSQL is away")))

    assert [(lane.state, lane.depth, lane.outages) for lane in lanes(redis)] == [("delayed", 1, 1)] * 2


def test_a_message_that_took_a_worker_with_it_comes_alone_and_with_its_history(redis: Redis) -> None:
    enqueue(redis, [(f"{QUEUE}/default/{lane}", b"%d" % lane) for lane in (1, 1, 2, 3)])
    for lane in lanes(redis):
        Claim(redis, lane.lane, lane.job).take()  # and then the worker dies
        redis.lpop(f"rq:queue:{QUEUE}")
    sweep(redis, [QUEUE], now=_later(redis))
    calls: list[list[tuple[str, list[bytes], int]]] = []

    def record(batches: Sequence[Batch]) -> list[int]:
        calls.append([(batch.lane[-1], batch.messages, batch.stalls) for batch in batches])
        return [len(batch.messages) for batch in batches]

    _run_job(redis, record)

    assert calls == [[("1", [b"1"], 1)], [("1", [b"1"], 0)]]
    assert _lanes_of_jobs(redis) == [f"{QUEUE}/default/2", f"{QUEUE}/default/3"]


def test_the_lanes_of_a_worker_that_dies_with_gathered_jobs_are_swept_up(redis: Redis) -> None:
    enqueue(redis, [(f"{QUEUE}/default/{lane}", b"%d" % lane) for lane in (1, 2, 3)])
    gathered = gather(redis, LANE, 3)

    found = sweep(redis, [QUEUE], now=_later(redis))

    assert sorted(claim.lane for claim in gathered) == found
    assert len(_lanes_of_jobs(redis)) == 3


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


def _run_job(redis: Redis, handler: Handler, most_lanes: int = LANES) -> None:
    """Do what a worker does with the first job of the queue."""
    redis.lpop(f"rq:queue:{QUEUE}")
    first = lanes(redis)[0]
    drain(redis, first.lane, first.job, handler, lambda: False, most_lanes=most_lanes)


def _raises(error: Exception) -> Handler:
    def handle(batches: Sequence[Batch]) -> list[int]:
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
