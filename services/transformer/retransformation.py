"""Stored messages are transformed again: by newer layers, or because they were parked for one.

A lane of `transformations` holds messages that are stored already. Each stands for itself and for all that
was received about its patient after it: they are mapped by the layers of now and applied in their order.

Why nothing newer is undone: what the patient's messages say in the end is what the newest of them says,
because all of them from the first on are applied, in their order, in one transaction; if another one comes in
meanwhile, the transaction is given up and done again with it. What anything else has changed since (the API,
another patient's message, a sender that calls the patient otherwise) stays as it is (`writer.apply`).
Applied twice, by a crash before the message has left its lane, it changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from psycopg import Connection
from redis import Redis

from libs.errors import Permanent, Transient, Unavailable
from libs.lanes.claim import Batch
from libs.lanes.contracts import Envelope
from libs.lanes.enqueue import enqueue
from libs.log import get_logger
from libs.store import messages, transformations, writer
from libs.store.engine import Pool, attempt, transaction
from libs.store.transformations import Stored
from services.transformer.configurations import Configurations
from services.transformer.conversion import Conversion, convert, read

log = get_logger(__name__)

TRIES = 3  # of a message whose error may pass; then it is a dead letter
MOST = 1000  # messages of a patient in one transaction; what follows them is another


class Overtaken(Transient):
    """A message about the patient came in meanwhile."""


@dataclass(frozen=True, slots=True)
class Again:
    """A stored message, and what it becomes now."""

    stored: Stored
    conversion: Conversion

    @property
    def replaying(self) -> bool:
        """An operator has asked for it, so that it has to end as something."""
        return self.stored.status == messages.REPLAYING

    @property
    def applicable(self) -> bool:
        """Not one that is dead, and none that waits for a map still; what was applied once may be again."""
        if self.stored.status == messages.DEAD or self.conversion.failure is not None:
            return False
        return self.stored.status == messages.TRANSFORMED or not self.conversion.waits


@dataclass(frozen=True, slots=True)
class Retransformation:
    """Handles the batches of `transformations` (see `libs.lanes.drain.Handler`)."""

    pool: Pool
    redis: Redis
    configurations: Configurations

    def handle(self, batches: Sequence[Batch]) -> list[int]:
        """Transform the first message of each batch again, and what follows from it."""
        for batch in batches:
            envelope = Envelope.from_wire(batch.messages[0])
            try:
                self._again(batch.lane, envelope)
            except Unavailable:
                raise
            except Exception as error:
                tries = max(batch.failures, batch.stalls) + 1
                if tries < TRIES and not isinstance(error, Permanent):
                    raise
                self._give_up(batch.lane, envelope, error, tries)
        return [1 for _ in batches]

    def _again(self, lane: str, first: Envelope) -> None:
        org = first.organization
        with transaction(self.pool, org) as connection:
            stored = transformations.onwards(connection, org, first.message_id, MOST + 1)
            configuration = self.configurations.current(connection, org)
        known, rest = stored[:MOST], stored[MOST:]
        all_of_them = [Again(one, convert(read(lane, one.envelope), configuration)) for one in known]
        todo = [one for one in _from_first_news(all_of_them) if one.applicable or one.replaying]
        last = known[-1].envelope.message_id if rest else None

        def work(connection: Connection[Any]) -> None:
            if transformations.count(connection, org, first.message_id, last) != len(known):
                raise Overtaken("a message about the patient came in meanwhile")
            self._apply(connection, org, todo)

        if todo:
            attempt(self.pool, org, work)
        if rest:
            enqueue(self.redis, [(lane, rest[0].envelope.to_wire())])
        _tell(lane, all_of_them, todo)

    def _apply(self, connection: Connection[Any], org: str, todo: Sequence[Again]) -> None:
        now = datetime.now(UTC)
        transformations.reopen(connection, org, [one.stored.envelope.message_id for one in todo])
        applied = [one for one in todo if one.applicable]
        entries = [one.conversion.entries for one in applied]
        writer.apply(connection, org, entries, now, applied_at=[one.stored.processed_at for one in applied])
        messages.finish(connection, org, [one.conversion.finished() for one in applied], now)
        for one in todo:
            if one.conversion.failure is not None:
                messages.bury(connection, org, one.conversion.buried(one.conversion.failure), now)
            elif not one.applicable:
                messages.park(connection, org, [one.conversion.finished()], now)

    def _give_up(self, lane: str, envelope: Envelope, error: Exception, tries: int) -> None:
        """Make a dead letter of it; what an earlier transformation of it has stored stays as it is."""
        org = envelope.organization
        failed = read(lane, envelope).failed(error, tries)

        def work(connection: Connection[Any]) -> None:
            transformations.reopen(connection, org, [envelope.message_id])
            assert failed.failure is not None  # noqa: S101  # that is what `failed` gives
            messages.bury(connection, org, failed.buried(failed.failure), datetime.now(UTC))

        attempt(self.pool, org, work)
        log.warning("message was not transformed again", message_id=envelope.message_id, tries=tries)


def _from_first_news(found: Sequence[Again]) -> Sequence[Again]:
    """Where the first message is parked: from the first parked one on that can be applied, if any."""
    if not found or found[0].stored.status != messages.PARKED:
        return found
    begin = (
        number for number, one in enumerate(found) if one.stored.status == messages.PARKED and one.applicable
    )
    return found[next(begin, len(found)) :]


def _tell(lane: str, found: Sequence[Again], applied: Sequence[Again]) -> None:
    for one in found:
        if one.conversion.failure is not None and one.stored.status != messages.DEAD:
            log.warning(
                "message cannot be transformed again",
                message_id=one.stored.envelope.message_id,
                error=one.conversion.failure.error,
            )
    log.info("messages transformed again", lane=lane, messages=len(applied), of=len(found))
