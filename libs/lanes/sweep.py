"""What heals lanes: whoever sweeps gives a new job to every lane that is due for one."""

from collections.abc import Iterable

from redis import Redis

from libs.lanes.scripts import SWEEP, stamp
from libs.log import get_logger
from libs.metrics import LANE_STALLED

SWEEP_LANES = 100  # lanes of a queue looked at in one call, so that Redis is never busy for long
ALARMING_STALLS = 2  # times in a row, without a message settled in between

_log = get_logger(__name__)


def sweep(redis: Redis, queues: Iterable[str], *, now: str = "") -> list[str]:
    """Give due lanes a new job; the lanes that had lost theirs. Any process may call it at any time.

    `now` replaces Redis's clock by Unix seconds, in tests.
    """
    found: list[str] = []
    for queue in queues:
        answer = SWEEP.run(redis, now, stamp(), queue, SWEEP_LANES)
        for name, stalls in zip(answer[::2], answer[1::2], strict=True):
            lane = name.decode()
            found.append(lane)
            LANE_STALLED.labels(queue).inc()
            report = _log.error if stalls >= ALARMING_STALLS else _log.warning
            report("lane stalled", lane=lane, times=stalls)
    return found
