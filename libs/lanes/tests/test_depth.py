"""What operators and metrics see, and pausing."""

import pytest
from redis import Redis

from libs.lanes.claim import Claim
from libs.lanes.contracts import Envelope
from libs.lanes.depth import LaneState, depths, lanes, oldest, publish_depths
from libs.lanes.enqueue import enqueue
from libs.lanes.pause import pause, resume
from libs.lanes.sweep import sweep
from libs.metrics import LANE_OLDEST_SECONDS, LANE_STALLED, QUEUE_DEPTH

NOW = 1_790_000_000
QUEUE = "hl7.inbound:3"
LANE = f"{QUEUE}/default/7"


def _received(seconds_ago: float, body: bytes = b"MSH|") -> bytes:
    return Envelope("0" * 32, "default", NOW - seconds_ago, "LAB|NORTH", "10.0.0.7", "", body).to_wire()


def test_enqueue_tells_how_much_waits_in_the_queues_concerned(redis: Redis) -> None:
    first = enqueue(redis, [(LANE, b"a"), ("hl7.inbound:1/default/1", b"b"), (LANE, b"c")])
    second = enqueue(redis, [(f"{QUEUE}/default/8", b"d")])

    assert first == {QUEUE: 2, "hl7.inbound:1": 1}
    assert second == {QUEUE: 3}
    assert depths(redis) == {QUEUE: 3, "hl7.inbound:1": 1}


def test_a_lane_is_shown_with_its_state_depth_and_age(redis: Redis) -> None:
    enqueue(redis, [(LANE, _received(90)), (LANE, _received(5))], now=str(NOW))
    (job,) = [lane.job for lane in lanes(redis, now=str(NOW))]
    Claim(redis, LANE, job, now=str(NOW)).take()

    assert lanes(redis, now=str(NOW + 10)) == [
        LaneState(LANE, "draining", 2, 100.0, job, failures=0, outages=0, stalls=0)
    ]


def test_the_age_is_that_of_the_envelope_whatever_the_message_contains(redis: Redis) -> None:
    enqueue(redis, [(LANE, _received(90, body=b'"at":1\n"at":2'))])

    assert lanes(redis, now=str(NOW))[0].age == 90


def test_a_message_that_states_no_time_has_no_age(redis: Redis) -> None:
    enqueue(redis, [(LANE, b"")])

    assert lanes(redis)[0].age == 0


def test_metrics_give_depth_and_age_of_every_queue(redis: Redis) -> None:
    seconds, _ = redis.time()
    old = Envelope("0" * 32, "default", seconds - 3600, "", "", "", b"").to_wire()
    enqueue(redis, [(LANE, old), (LANE, old)])

    publish_depths(redis)

    assert [QUEUE_DEPTH.labels(queue)._value.get() for queue in (QUEUE, "hl7.inbound:1")] == [2, 0]
    assert LANE_OLDEST_SECONDS.labels(QUEUE)._value.get() == pytest.approx(3600, abs=60)
    assert oldest(redis)["hl7.inbound:1"] == 0


def test_a_paused_lane_takes_messages_and_gives_none_until_it_is_resumed(redis: Redis) -> None:
    assert pause(redis, LANE)
    enqueue(redis, [(LANE, b"held")])

    assert [(lane.state, lane.depth, lane.job) for lane in lanes(redis)] == [("paused", 1, "")]
    assert redis.llen(f"rq:queue:{QUEUE}") == 0
    assert not pause(redis, LANE)

    assert resume(redis, LANE)
    assert [lane.state for lane in lanes(redis)] == ["waiting"]
    assert redis.llen(f"rq:queue:{QUEUE}") == 1
    assert not resume(redis, LANE)


def test_pausing_lets_the_batch_in_hand_be_settled(redis: Redis) -> None:
    enqueue(redis, [(LANE, b"a")])
    claim = Claim(redis, LANE, lanes(redis)[0].job)
    claim.take()

    pause(redis, LANE)
    enqueue(redis, [(LANE, b"b")])

    assert claim.take(settled=1) is None
    assert [(lane.state, lane.depth) for lane in lanes(redis)] == [("paused", 1)]


def test_the_sweep_counts_stalls_and_leaves_lanes_alone_that_are_well(redis: Redis) -> None:
    before = LANE_STALLED.labels(QUEUE)._value.get()
    well = f"{QUEUE}/default/8"
    enqueue(redis, [(LANE, b"a"), (well, b"b")], now=str(NOW))
    jobs = {lane.lane: lane.job for lane in lanes(redis)}
    Claim(redis, LANE, jobs[LANE], now=str(NOW)).take()

    assert sweep(redis, [QUEUE], now=str(NOW + 14)) == []
    assert sweep(redis, [QUEUE], now=str(NOW + 16)) == [LANE]
    assert {lane.lane: (lane.state, lane.stalls) for lane in lanes(redis)} == {
        LANE: ("waiting", 1),
        well: ("waiting", 0),
    }
    assert lanes(redis)[1].job == jobs[well]
    assert LANE_STALLED.labels(QUEUE)._value.get() == before + 1
