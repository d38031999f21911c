"""Puts deliveries onto their lanes that a crash, or a Redis that was away or emptied, has left off them.

A destination that something waits for and whose lane is empty gets what waits for it. A lane that is not
empty is drained some day, and what is missing on it is sent along (`pipeline`) or is found here after that.
"""

import time

from redis import Redis, RedisError

from libs.errors import Transient
from libs.lanes.contracts import OUTBOUND, outbound_lane
from libs.lanes.depth import lanes
from libs.lanes.drain import reason
from libs.lanes.enqueue import enqueue
from libs.lanes.worker import Stop
from libs.log import get_logger
from libs.store.deliveries import overdue
from libs.store.destinations import pending_destinations
from libs.store.engine import Pool, transaction, translated
from services.outbound_sender.client import Client

SWEEP_EVERY = 5.0  # seconds
MOST = 1000  # deliveries of a destination at a time; the rest when these are done

log = get_logger(__name__)


def keep(redis: Redis, pool: Pool, client: Client, stop: Stop) -> None:
    """Sweep, and close connections that nobody uses, until `stop`."""
    while not stop():
        try:
            sweep_outbox(redis, pool)
        except (RedisError, Transient) as error:
            log.warning("outbox not swept", reason=reason(error))
        client.close_idle()
        time.sleep(SWEEP_EVERY)


def sweep_outbox(redis: Redis, pool: Pool) -> int:
    """How many deliveries were put onto their lanes. Any process may call it at any time."""
    with translated(), pool.connection() as connection:
        waiting = pending_destinations(connection)
    if not waiting:
        return 0
    busy = {lane.lane for lane in lanes(redis, [OUTBOUND])}
    found = 0
    for org, name in waiting:
        if outbound_lane(org, name) in busy:
            continue
        with transaction(pool, org) as connection:
            dues = overdue(connection, org, name, MOST)
        if dues:
            enqueue(redis, [(due.lane, due.to_wire()) for due in dues])
            log.warning("deliveries were on no lane", org_id=org, destination=name, count=len(dues))
        found += len(dues)
    return found
