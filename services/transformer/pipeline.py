"""A batch of acknowledged messages becomes FHIR in PostgreSQL, in one transaction.

Why a crash loses and doubles nothing: a batch leaves its lane only after the transaction that holds its
messages, their resources and their dead letters has committed. Killed before the commit, nothing
happened and the batch is still in the lane; killed after it, the batch is read again and `take` finds
every message there already, so that nothing is applied a second time. A batch that fails is halved
until the message at fault stands alone: those before it are committed, those after it wait their turn.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from psycopg import Connection

from libs.errors import Permanent, Unavailable
from libs.lanes.contracts import Envelope, queue_of
from libs.lanes.drain import RETRIES, reason
from libs.log import get_logger
from libs.mapping.inbound.config import MappingConfig
from libs.metrics import PARSE_ERRORS, PROCESSING_SECONDS
from libs.store import messages, organizations, writer
from libs.store.engine import Pool, attempt
from services.transformer.conversion import Conversion, Failure, convert

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Handles the lanes' batches (see `libs.lanes.drain.Handler`)."""

    pool: Pool
    default_timezone: str | None

    def handle(self, lane: str, batch: Sequence[bytes], failures: int) -> int:
        """Store the batch; how many messages from the front are settled."""
        envelopes = [Envelope.from_wire(wire) for wire in batch]
        config = MappingConfig(envelopes[0].organization, self.default_timezone)
        return self._settle(lane, [convert(envelope, config) for envelope in envelopes], failures)

    def _settle(self, lane: str, batch: Sequence[Conversion], failures: int) -> int:
        """Raises Transient only while nothing of the batch is settled."""
        try:
            self._store(lane, batch)
        except Unavailable:
            raise
        except Exception as error:
            if len(batch) > 1:
                return self._settle_halves(lane, batch, failures)
            if failures < RETRIES and not isinstance(error, Permanent):
                raise
            self._store(lane, [batch[0].failed(error, failures + 1)])
        return len(batch)

    def _settle_halves(self, lane: str, batch: Sequence[Conversion], failures: int) -> int:
        half = len(batch) // 2
        settled = self._settle(lane, batch[:half], failures)
        if settled < half:
            return settled
        try:
            return half + self._settle(lane, batch[half:], 0)
        except Exception as error:
            # The first half is committed and leaves the lane; the rest meets its error again by itself.
            log.warning("batch settled in part", lane=lane, settled=half, reason=reason(error))
            return half

    def _store(self, lane: str, batch: Sequence[Conversion]) -> None:
        org = batch[0].envelope.organization

        def work(connection: Connection[Any]) -> list[Conversion]:
            if not organizations.exists(connection, org):
                # Its messages wait, and the log says so: to store them would hide them from everybody.
                raise Unavailable(f"there is no organization {org}: `ehrconnect org add {org}` makes it")
            now = datetime.now(UTC)
            fresh = messages.take(connection, org, (one.envelope for one in batch))
            todo = _once_each(one for one in batch if one.envelope.message_id in fresh)
            mapped = [one for one in todo if one.failure is None]
            writer.apply(connection, org, [one.entries for one in mapped], now)
            messages.finish(connection, org, [_finished(one) for one in mapped], now)
            for one in todo:
                if one.failure is not None:
                    messages.bury(connection, org, _buried(one, one.failure, lane), now)
            return todo

        _tell(lane, attempt(self.pool, org, work), len(batch))


def _once_each(batch: Iterable[Conversion]) -> list[Conversion]:
    """A message that was sent twice may stand twice in one batch."""
    return list({one.envelope.message_id: one for one in batch}.values())


def _finished(one: Conversion) -> messages.Finished:
    return messages.Finished(one.envelope, one.control_id, one.message_type, one.report)


def _buried(one: Conversion, failure: Failure, lane: str) -> messages.Buried:
    return messages.Buried(
        envelope=one.envelope,
        control_id=one.control_id,
        message_type=one.message_type,
        queue=queue_of(lane),
        lane=lane,
        reason=failure.reason,
        error=failure.error,
        attempts=failure.attempts,
    )


def _tell(lane: str, stored: Sequence[Conversion], taken: int) -> None:
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
        if one.failure is None:
            PROCESSING_SECONDS.labels(one.message_type).observe(seconds)
            log.info("message transformed", resources=len(one.entries), **facts)
        else:
            PARSE_ERRORS.labels(one.failure.reason).inc()
            log.warning("message became a dead letter", error=one.failure.error, **facts)
    if len(stored) < taken:
        log.info("messages were stored already", lane=lane, messages=taken - len(stored))
