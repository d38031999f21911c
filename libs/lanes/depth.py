"""How much waits, and for how long: for metrics and for operators. No message leaves Redis for it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, cast

from redis import Redis

from libs.lanes.contracts import DRAINS
from libs.lanes.scripts import LANES
from libs.metrics import LANE_OLDEST_SECONDS, QUEUE_DEPTH

QUEUES = tuple(DRAINS)


@dataclass(frozen=True, slots=True)
class LaneState:
    """A lane that holds messages or has an owner."""

    lane: str
    state: Literal["waiting", "draining", "delayed", "paused"]  # paused: perhaps finishing its last batch
    depth: int  # messages
    age: float  # seconds since its first message was received
    job: str  # the RQ job that owns it; "" when nobody does
    failures: int  # failed tries of its first message
    outages: int  # tries in a row that found PostgreSQL or a peer away
    stalls: int  # times in a row that its job was lost


def depths(redis: Redis) -> dict[str, int]:
    """Queue -> messages waiting in its lanes."""
    counts = cast(dict[bytes, bytes], redis.hgetall("ehr:depth"))
    return {queue.decode(): int(count) for queue, count in counts.items()}


def oldest(redis: Redis, queues: Iterable[str] = QUEUES) -> dict[str, float]:
    """Queue -> seconds since the oldest of its messages was received; 0 when it is empty."""
    return {queue: max((lane.age for lane in _lanes_of(redis, queue, "")), default=0.0) for queue in queues}


def lanes(redis: Redis, queues: Iterable[str] = QUEUES, *, now: str = "") -> list[LaneState]:
    """Every lane that holds messages, by queue and name. `now` replaces Redis's clock, in tests."""
    return [lane for queue in queues for lane in _lanes_of(redis, queue, now)]


def publish_depths(redis: Redis, queues: Iterable[str] = QUEUES) -> None:
    """Set the metrics `queue_depth` and `lane_oldest_message_seconds`."""
    waiting = depths(redis)
    for queue, age in oldest(redis, queues).items():
        QUEUE_DEPTH.labels(queue).set(waiting.get(queue, 0))
        LANE_OLDEST_SECONDS.labels(queue).set(age)


def _lanes_of(redis: Redis, queue: str, now: str) -> list[LaneState]:
    present, *records = LANES.run(redis, now, queue)
    return sorted((_lane_state(record, float(present)) for record in records), key=lambda lane: lane.lane)


def _lane_state(record: list[Any], now: float) -> LaneState:
    lane, state, job, depth, received_at, failures, outages, stalls, paused = record
    return LaneState(
        lane=lane.decode(),
        state="paused" if paused else state.decode(),
        depth=depth,
        age=max(0.0, now - float(received_at)) if received_at else 0.0,
        job=job.decode(),
        failures=failures,
        outages=outages,
        stalls=stalls,
    )
