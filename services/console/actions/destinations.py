"""The systems that an organization's messages are sent to, with what waits for them."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from redis import Redis

from libs.lanes import pause as lane_pause
from libs.lanes.contracts import OUTBOUND, outbound_lane
from libs.lanes.depth import lanes
from libs.store import destinations as store
from libs.store.deliveries import waiting
from libs.store.destinations import Destination
from libs.store.engine import Pool, transaction


@dataclass(frozen=True, slots=True)
class Described(Destination):
    waiting: int  # deliveries
    paused: bool


def destinations(pool: Pool, redis: Redis, org: str) -> list[Described]:
    """By name."""
    with transaction(pool, org) as connection:
        found, depths = store.destinations(connection, org), waiting(connection, org)
    paused = _paused(redis) if found else set()
    return [_described(org, one, depths, paused) for one in found]


def destination(pool: Pool, redis: Redis, org: str, name: str) -> Described:
    """Raises UnknownDestination."""
    with transaction(pool, org) as connection:
        found, depths = store.destination(connection, org, name), waiting(connection, org)
    return _described(org, found, depths, _paused(redis))


def remove(pool: Pool, redis: Redis, org: str, name: str, now: datetime, *, discard: bool) -> None:
    """Forget it. Raises UnknownDestination; DeliveriesPending, unless what waits is to be discarded."""
    with transaction(pool, org) as connection:
        store.remove_destination(connection, org, name, now, discard=discard)
    # Or one of the same name would be paused from the start; a crash before this leaves it so, and told.
    lane_pause.resume(redis, outbound_lane(org, name))


def pause(pool: Pool, redis: Redis, org: str, name: str) -> bool:
    """Send nothing to it for now. False: it was so before. Raises UnknownDestination."""
    return lane_pause.pause(redis, _lane(pool, org, name))


def resume(pool: Pool, redis: Redis, org: str, name: str) -> bool:
    """Send to it again. False: it was not paused. Raises UnknownDestination."""
    return lane_pause.resume(redis, _lane(pool, org, name))


def _described(org: str, one: Destination, depths: Mapping[str, int], paused: Collection[str]) -> Described:
    lane = outbound_lane(org, one.name)
    return Described(**asdict(one), waiting=depths.get(one.name, 0), paused=lane in paused)


def _lane(pool: Pool, org: str, name: str) -> str:
    with transaction(pool, org) as connection:
        return outbound_lane(org, store.destination(connection, org, name).name)


def _paused(redis: Redis) -> set[str]:
    return {lane.lane for lane in lanes(redis, [OUTBOUND]) if lane.state == "paused"}
