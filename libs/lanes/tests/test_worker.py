"""The worker process outlives bad jobs, bad Redis and bad luck."""

import sys
from collections.abc import Callable, Sequence
from itertools import count
from types import SimpleNamespace

import pytest
from redis import Redis
from redis.exceptions import OutOfMemoryError, ResponseError
from rq.job import Job
from rq.serializers import JSONSerializer

import libs.lanes.worker
from libs.lanes.claim import Batch, Claim
from libs.lanes.contracts import INBOUND_QUEUES
from libs.lanes.depth import depths, lanes
from libs.lanes.drain import drain
from libs.lanes.enqueue import enqueue
from libs.lanes.worker import LaneWorker, Stop, connect

LANE = "hl7.inbound:3/default/7"


@pytest.fixture
def serve(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[bytes]]:
    """Runs a worker in this process until it has handled so many messages; what it handled, in order."""

    def run(count: int, chore: Callable[[], float] | None = None) -> list[bytes]:
        client, stop = connect(redis_url), Stop()
        handled: list[bytes] = []

        def handle(batches: Sequence[Batch]) -> list[int]:
            handled.extend(message for batch in batches for message in batch.messages)
            stop.requested = len(handled) >= count
            return [len(batch.messages) for batch in batches]

        jobs = SimpleNamespace(drain=lambda lane, job: drain(client, lane, job, handle, stop))
        monkeypatch.setitem(sys.modules, "services.transformer.jobs", jobs)
        LaneWorker(client, INBOUND_QUEUES, stop, chore).work_until_stopped()
        client.close()
        return handled

    return run


def test_queues_are_served_in_order_of_priority(redis: Redis, serve: Callable[[int], list[bytes]]) -> None:
    enqueue(redis, [(f"hl7.inbound:{priority}/default/1", b"%d" % priority) for priority in (5, 3, 1, 4, 2)])

    assert serve(5) == [b"1", b"2", b"3", b"4", b"5"]


def test_a_job_is_one_that_rq_can_read_and_tells_nothing_of_the_message(redis: Redis) -> None:
    enqueue(redis, [(LANE, b"PID|1||SECRET")])

    job = Job.fetch(lanes(redis)[0].job, connection=redis, serializer=JSONSerializer)

    assert (job.func_name, job.args, job.kwargs) == ("services.transformer.jobs.drain", [LANE, job.id], {})
    assert (job.origin, job.get_status(), job.result_ttl) == ("hl7.inbound:3", "queued", 0)
    assert job.description == f"drain {LANE}"
    assert job.enqueued_at is not None


def test_no_job_ends_the_worker(redis: Redis, serve: Callable[[int], list[bytes]]) -> None:
    queue = "rq:queue:hl7.inbound:1"
    redis.hset("rq:job:unreadable", mapping={"data": b"[]", "created_at": "yesterday"})
    redis.hset("rq:job:unknown", mapping={"data": b'["no.such.function",null,[],{}]'})
    redis.hset("rq:job:undecodable", mapping={"data": b"\x80\x05pickle"})
    redis.rpush(queue, "unreadable", "unknown", "undecodable", "gone", "with space", b"\xff")
    enqueue(redis, [(LANE, b"good")])

    assert serve(1) == [b"good"]


def test_an_idle_worker_heals_lanes_by_itself(redis: Redis, serve: Callable[[int], list[bytes]]) -> None:
    enqueue(redis, [(LANE, b"its job was lost")], now="1000000")
    redis.delete("rq:queue:hl7.inbound:3")

    assert serve(1) == [b"its job was lost"]


def test_a_worker_leaves_nothing_behind(redis: Redis, serve: Callable[[int], list[bytes]]) -> None:
    enqueue(redis, [(LANE, b"message")])

    serve(1)

    assert redis.scard("rq:workers") == 0
    assert list(redis.scan_iter("rq:job:*")) == []
    assert list(redis.scan_iter("rq:wip:*")) == []


def test_when_memory_runs_out_messages_are_refused_whole_and_lanes_go_on(redis: Redis) -> None:
    enqueue(redis, [(LANE, b"one"), (LANE, b"two")])
    redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(OutOfMemoryError):
            enqueue(redis, [(LANE, b"three"), ("hl7.inbound:1/default/1", b"four")])
        claim = Claim(redis, LANE, lanes(redis)[0].job)
        batch = claim.take()
        after = claim.take(settled=2)
    finally:
        redis.config_set("maxmemory", 0)

    assert batch is not None
    assert (batch.messages, after) == ([b"one", b"two"], None)
    assert depths(redis) == {"hl7.inbound:3": 0}


def test_a_lane_that_no_job_drains_is_refused_whole(redis: Redis) -> None:
    with pytest.raises(ResponseError, match="no job drains the lane nowhere/default/1"):
        enqueue(redis, [(LANE, b"one"), ("nowhere/default/1", b"two")])

    assert redis.keys() == []


def test_a_redis_that_refuses_connections_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    client, stop = connect("redis://127.0.0.1:1/0"), Stop()
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        stop.requested = len(pauses) == 6

    monkeypatch.setattr(libs.lanes.worker, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: 0.0))
    LaneWorker(client, INBOUND_QUEUES, stop).work_until_stopped()

    assert pauses == [0.5, 1.0, 1.5, 2.0, 2.0, 2.0]


def test_a_chore_that_is_never_done_leaves_jobs_their_turn(
    redis: Redis, serve: Callable[..., list[bytes]]
) -> None:
    enqueue(redis, [(f"hl7.inbound:3/default/{lane}", b"%d" % lane) for lane in (1, 2)])
    calls = count(1)

    assert sorted(serve(2, lambda: 0.0 * next(calls))) == [b"1", b"2"]
    assert next(calls) > 1


def test_a_chore_that_is_not_done_goes_on_at_once_while_there_is_no_job(redis_url: str) -> None:
    client, stop = connect(redis_url), Stop()
    pauses = [0.0] * 200

    def chore() -> float:
        stop.requested = not pauses
        return pauses.pop() if pauses else 0.0

    LaneWorker(client, INBOUND_QUEUES, stop, chore).work_until_stopped()
    client.close()

    assert pauses == []
