"""What waits for a destination is sent to it, one after the other.

Why a crash loses nothing: a delivery is marked in PostgreSQL only when the destination has taken it, and its
place on the lane goes only after that. Killed before it was sent, it is sent later; killed between the answer
and the mark, it is sent again with the same bytes (at least once). Killed after the mark, its place on the
lane is found to have nothing to do. No transaction is open while a destination is waited for.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any

from psycopg import Connection

from libs.errors import Permanent, Transient, Unavailable
from libs.hl7v2.header import NotHL7, read_header
from libs.lanes.claim import Batch
from libs.lanes.contracts import Due
from libs.log import get_logger
from libs.metrics import SENT
from libs.store import deliveries
from libs.store.deliveries import Delivery
from libs.store.destinations import BLOCK, Destination, UnknownDestination, destination
from libs.store.engine import Pool, attempt, transaction
from services.outbound_sender.client import Client

AT_ONCE = 64  # deliveries that are read together
# Seconds that what was read counts: it may be discarded since, or its destination paused, moved or removed.
FRESH = 1.0
RETRIES = 5  # further tries, after 2, 4, 8, 16 and 32 s; then it is a dead letter

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Handles the lanes of `hl7.outbound`, one destination at a time (see `libs.lanes.drain.Handler`)."""

    pool: Pool
    client: Client
    # Lane -> what failed behind messages that were settled, and is to be told before it is tried again.
    _untold: dict[str, tuple[int, Exception]] = field(default_factory=dict)

    def handle(self, batches: Sequence[Batch], wait: Callable[[], None]) -> list[int]:
        """Deliver what the messages of the batch say is due, and what should have come before it.

        `wait` as in `Line.answers`.
        """
        [batch] = batches
        _, org, name = batch.lane.split("/")
        due = [_due(batch.lane, wire) for wire in batch.messages]
        while found := self._pending(org, name, max(due)):
            to, pending = found
            stale_at = time.monotonic() + FRESH
            for delivery in pending:
                try:
                    self._tell(batch.lane, delivery)
                    self._deliver(batch.lane, org, to, delivery, wait)
                except Exception as error:
                    settled = _count(due, delivery.id - 1)
                    if not settled:
                        raise
                    self._untold[batch.lane] = delivery.id, error
                    return [settled]
                if time.monotonic() > stale_at:
                    break
            if settled := _count(due, delivery.id):
                return [settled]
        return [len(due)]

    def _pending(self, org: str, name: str, last: int) -> tuple[Destination, list[Delivery]] | None:
        with transaction(self.pool, org) as connection:
            pending = deliveries.pending(connection, org, name, last, AT_ONCE)
            if not pending:
                return None
            try:
                return destination(connection, org, name), pending
            except UnknownDestination:
                return None

    def _tell(self, lane: str, delivery: Delivery) -> None:
        """Raise what has just failed, so that the lane waits before the delivery is tried again."""
        delivery_id, error = self._untold.pop(lane, (0, None))
        if error is not None and delivery_id == delivery.id:
            raise error

    def _deliver(
        self, lane: str, org: str, to: Destination, delivery: Delivery, wait: Callable[[], None]
    ) -> None:
        facts = {
            "message_id": delivery.message_id,
            "org_id": org,
            "destination": to.name,
            "control_id": delivery.control_id,
            "attempt": delivery.attempts + 1,
        }
        try:
            self.client.deliver(org, to, delivery.body, delivery.control_id, wait)
        except Unavailable:
            raise  # we stop, or the lane is another's: no attempt has failed
        except (Transient, Permanent) as error:
            text = str(error)
            if _is_last(to, delivery, error):
                self._give_up(lane, org, delivery, error)
                log.warning("delivery became a dead letter", error=text, **facts)
                return
            attempt(self.pool, org, lambda c: deliveries.failed(c, org, delivery.id, text))
            log.warning("not delivered", error=text, **facts)
            if to.on_failure == BLOCK:
                raise Unavailable(text) from None
            raise
        now = datetime.now(UTC)
        attempt(self.pool, org, lambda c: deliveries.delivered(c, org, delivery.id, now))
        SENT.labels(_type(delivery.body), org).inc()
        log.info("delivered", **facts)

    def _give_up(self, lane: str, org: str, delivery: Delivery, error: Exception) -> None:
        def work(connection: Connection[Any]) -> None:
            deliveries.give_up(
                connection, org, delivery.id, lane=lane, reason=type(error).__name__, error=str(error),
                now=datetime.now(UTC),
            )  # fmt: skip

        attempt(self.pool, org, work)


def _count(due: Sequence[int], up_to: int) -> int:
    """How many from the front have an id of at most `up_to`."""
    return sum(1 for _ in takewhile(lambda one: one <= up_to, due))


def _due(lane: str, wire: bytes) -> int:
    """The id of the delivery that is due; 0, which is none, where that cannot be read."""
    try:
        return Due.delivery_of(wire)
    except (ValueError, LookupError, TypeError):
        # If it is a delivery, the sweep of the outbox puts it onto its lane again.
        log.error("not as this release writes what is due", lane=lane)  # noqa: TRY400  # it may hold content
        return 0


def _is_last(to: Destination, delivery: Delivery, error: Exception) -> bool:
    """Whether it is not to be tried again after this attempt."""
    return isinstance(error, Permanent) or (to.on_failure != BLOCK and delivery.attempts >= RETRIES)


def _type(body: bytes) -> str:
    """MSH-9.1."""
    try:
        return read_header(body).type.decode("latin-1")
    except NotHL7:
        return ""
