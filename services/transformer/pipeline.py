"""A batch of acknowledged messages becomes FHIR in PostgreSQL, in one transaction.

Why a crash loses and doubles nothing: a batch leaves its lane only after the transaction that holds its
messages, their resources and their dead letters has committed. Killed before the commit, nothing
happened and the batch is still in the lane; killed after it, the batch is read again and `take` finds
every message there already, so that nothing is applied a second time. The same transaction holds what is to
be delivered for the messages; killed before that is on its lane, the sweep of the outbox puts it there
(`libs.store.deliveries`). A batch that fails is halved until the message at fault stands alone: those
before it are committed, those after it wait their turn.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from psycopg import Connection
from redis import Redis

from libs.errors import Permanent, Transient, Unavailable
from libs.lanes.claim import Batch
from libs.lanes.contracts import Due
from libs.lanes.drain import RETRIES, reason
from libs.log import get_logger
from libs.metrics import DUPLICATES, PARSE_ERRORS, PROCESSING_SECONDS
from libs.store import messages, writer
from libs.store.engine import Pool, attempt, transaction
from services.transformer.acknowledgement import acknowledge_settled, announce
from services.transformer.configurations import Configurations, current_version
from services.transformer.conversion import Conversion, convert, receive

log = get_logger(__name__)


class Outdated(Transient):
    """A layer of the mapping was saved after the messages had been mapped: they have to be mapped again."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Handles the lanes' batches (see `libs.lanes.drain.Handler`)."""

    pool: Pool
    configurations: Configurations
    redis: Redis

    def handle(self, batches: Sequence[Batch]) -> list[int]:
        """Store the batches, all of one organization; how many from the front of each are settled."""
        received = [receive(batch) for batch in batches]
        if len(received) == 1:
            return [self._settle(received[0], batches[0].failures)]
        self._store([one for messages_of_lane in received for one in messages_of_lane])
        return [len(messages_of_lane) for messages_of_lane in received]

    def _settle(self, batch: Sequence[Conversion], failures: int) -> int:
        """How many from the front of one lane's batch are settled.

        Raises what went wrong only while nothing of the batch is settled.
        """
        try:
            self._store(batch)
        except (Unavailable, MemoryError):
            raise
        except Exception as error:
            if len(batch) > 1:
                return self._settle_halves(batch, failures)
            if failures < RETRIES and not isinstance(error, Permanent):
                raise
            self._store([batch[0].failed(error, failures + 1)])
        return len(batch)

    def _settle_halves(self, batch: Sequence[Conversion], failures: int) -> int:
        half = len(batch) // 2
        settled = self._settle(batch[:half], failures)
        if settled < half:
            return settled
        try:
            return half + self._settle(batch[half:], 0)
        except Exception as error:
            # The first half is committed and leaves the lane; the rest meets its error again by itself.
            log.warning("batch settled in part", lane=batch[0].lane, settled=half, reason=reason(error))
            return half

    def _store(self, batch: Sequence[Conversion]) -> None:
        """Convert what is not stored yet, and write it in one transaction, in the order given."""
        org = batch[0].envelope.organization
        with transaction(self.pool, org) as connection:
            configuration = self.configurations.current(connection, org)
            fresh = _fresh(connection, org, batch)
        converted = [convert(one, configuration) for one in fresh]

        def work(connection: Connection[Any]) -> tuple[list[Conversion], list[Due]]:
            if current_version(connection, org) != configuration.version:
                raise Outdated(f"the mapping of {org} was changed meanwhile")
            now = datetime.now(UTC)
            todo = _fresh(connection, org, converted)
            mapped = [one for one in todo if one.failure is None and not one.waits]
            writer.apply(connection, org, [one.entries for one in mapped], now)
            messages.finish(connection, org, [one.finished() for one in mapped], now)
            messages.park(connection, org, [one.finished() for one in todo if one.waits], now)
            for one in todo:
                if one.failure is not None:
                    messages.bury(connection, org, one.buried(one.failure), now)
            settled = [one for one in todo if not one.waits]
            return todo, acknowledge_settled(connection, org, settled, now)

        stored, due = attempt(self.pool, org, work)
        announce(self.redis, due)
        _tell(stored)
        _tell_duplicates(org, len(batch) - len(stored))


def _fresh(connection: Connection[Any], org: str, batch: Sequence[Conversion]) -> list[Conversion]:
    """What is not stored yet, in order; a message that was sent twice may stand twice in a batch."""
    fresh = messages.take(connection, org, (one.envelope for one in batch))
    once = {one.envelope.message_id: one for one in batch if one.envelope.message_id in fresh}
    return list(once.values())


def _tell(stored: Sequence[Conversion]) -> None:
    """A line and a figure for each message, after the commit."""
    now = time.time()
    for one in stored:
        seconds = max(0.0, now - one.envelope.received_at)
        facts = {
            "message_id": one.envelope.message_id,
            "org_id": one.envelope.organization,
            "message_type": one.message_type,
            "seconds": round(seconds, 3),
        }
        if one.waits:
            log.warning("message parked: it has a code that no map knows", **facts)
        elif one.failure is None:
            PROCESSING_SECONDS.labels(one.message_type).observe(seconds)
            log.info("message transformed", resources=len(one.entries), **facts)
        else:
            PARSE_ERRORS.labels(one.failure.reason).inc()
            log.warning("message became a dead letter", error=one.failure.error, **facts)


def _tell_duplicates(org: str, count: int) -> None:
    if count:
        DUPLICATES.labels(org).inc(count)
        log.info("messages were stored already", org_id=org, messages=count)
