"""The lanes of one organization."""

from redis import Redis

from libs.errors import Permanent
from libs.lanes import depth
from libs.lanes import pause as lane_pause
from libs.lanes.contracts import DRAINS, organization_of, queue_of
from libs.lanes.depth import LaneState


class UnknownLane(Permanent):
    """The organization has no such lane."""


def lanes(redis: Redis, org: str) -> list[LaneState]:
    """Those that hold messages, by queue and name."""
    return [lane for lane in depth.lanes(redis) if organization_of(lane.lane) == org]


def pause(redis: Redis, org: str, lane: str) -> bool:
    """Messages stay and more may come, but none is taken off. False: it was so before. Raises UnknownLane."""
    return lane_pause.pause(redis, _own(org, lane))


def resume(redis: Redis, org: str, lane: str) -> bool:
    """Messages are taken off again. False: it was not paused. Raises UnknownLane."""
    return lane_pause.resume(redis, _own(org, lane))


def _own(org: str, lane: str) -> str:
    if queue_of(lane) not in DRAINS or organization_of(lane) != org:
        raise UnknownLane(f"there is no lane {lane}")
    return lane
