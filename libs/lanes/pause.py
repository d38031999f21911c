"""An operator stops a lane and starts it again; its messages stay, and more may come meanwhile."""

from redis import Redis

from libs.lanes.scripts import PAUSE, RESUME, stamp


def pause(redis: Redis, lane: str) -> bool:
    """Stop draining; the batch that is in hand is finished. False: it was paused before."""
    return bool(PAUSE.run(redis, lane))


def resume(redis: Redis, lane: str, *, now: str = "") -> bool:
    """Drain again. False: it was not paused. `now` replaces Redis's clock by Unix seconds, in tests."""
    return bool(RESUME.run(redis, now, stamp(), lane))
