"""Stored messages are transformed again: by newer layers, or because they were parked for one.

A lane of `transformations` holds messages that are stored already. Each stands for all messages about its
patient: they are mapped by the layers that they were applied by, and by those of now, both in their order,
and what differs in the end is changed in the resources (`writer.amend`).

Why nothing newer is undone. The newest of the patient's messages has the last word, because all of them are
carried out in their order; if another comes in meanwhile, the transaction is given up and done again with it.
And an element that is not what the messages had made of it, because the API has changed it, another patient's
message, or a sender that calls the patient otherwise, stays as it is. Done twice, it changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from psycopg import Connection
from redis import Redis

from libs.errors import Permanent, Transient, Unavailable
from libs.lanes.claim import Batch
from libs.lanes.contracts import Due, Envelope
from libs.log import get_logger
from libs.store import messages, transformations, writer
from libs.store.engine import Pool, attempt, transaction
from libs.store.transformations import Stored
from services.transformer.acknowledgement import acknowledge_settled, announce
from services.transformer.configurations import Configuration, Configurations
from services.transformer.conversion import Conversion, Failure, convert, read, receive

log = get_logger(__name__)

TRIES = 3  # of a message whose error may pass; then it is a dead letter
MOST = 2000  # messages of a patient, the newest; what older ones have made stays as it is


class Overtaken(Transient):
    """A message about the patient came in meanwhile."""


@dataclass(frozen=True, slots=True)
class Again:
    """A stored message, what it had become, and what it becomes now."""

    stored: Stored
    before: Conversion | None  # None: it was never applied
    after: Conversion

    @property
    def news(self) -> bool:
        """Whether it has to be recorded anew."""
        if self.stored.status == messages.DEAD:
            return False
        if self.stored.status == messages.REPLAYING:
            return True  # an operator has asked for it, so that it has to end as something
        if self.stored.status == messages.PARKED:
            return self.applied
        return self.applied and self.stored.mapping_version != self.after.mapping_version

    @property
    def applied(self) -> bool:
        """Whether it is now. What was once is not parked again, nor taken back when it cannot be mapped."""
        if self.stored.status == messages.DEAD or self.after.failure is not None:
            return False
        return self.before is not None or not self.after.waits


@dataclass(frozen=True, slots=True)
class Retransformation:
    """Handles the batches of `transformations` (see `libs.lanes.drain.Handler`)."""

    pool: Pool
    configurations: Configurations
    redis: Redis

    def handle(self, batches: Sequence[Batch]) -> list[int]:
        """Transform what the first message of each batch stands for."""
        for batch in batches:
            [first] = receive(replace(batch, messages=batch.messages[:1]))
            try:
                if first.failure is None:
                    self._again(batch.lane, first.envelope)
                else:
                    self._give_up(first, first.failure)
            except (Unavailable, MemoryError):
                raise
            except Exception as error:
                tries = max(batch.failures, batch.stalls) + 1
                if tries < TRIES and not isinstance(error, Permanent):
                    raise
                failed = first.failed(error, tries)
                assert failed.failure is not None  # noqa: S101  # that is what `failed` gives
                self._give_up(failed, failed.failure)
        return [1 for _ in batches]

    def _again(self, lane: str, first: Envelope) -> None:
        org = first.organization
        with transaction(self.pool, org) as connection:
            known = transformations.count(connection, org, first.message_id)
            stored = transformations.of_patient(connection, org, first.message_id, MOST)
            now = self.configurations.current(connection, org)
            versions = {one.mapping_version or 0 for one in stored if one.applied} - {now.version}
            then = {one: self.configurations.at(connection, org, one) for one in versions}
        found = [_again(lane, one, now, then) for one in stored]
        news = [one for one in found if one.news]

        def work(connection: Connection[Any]) -> tuple[int, list[Due]]:
            left, due = _apply(connection, org, found, news)
            # Only now: what came in before the resources were read is seen here, and who changes one of
            # them after that finds it changed, or is found to have changed it (`writer.amend`).
            if transformations.count(connection, org, first.message_id) != known:
                raise Overtaken("a message about the patient came in meanwhile")
            return left, due

        left, due = attempt(self.pool, org, work) if news else (0, [])
        announce(self.redis, due)
        log.info("messages transformed again", lane=lane, messages=len(news), of=len(found), left=left)

    def _give_up(self, failed: Conversion, failure: Failure) -> None:
        """Make a dead letter of it; what it had made before stays as it is."""
        org, message_id = failed.envelope.organization, failed.envelope.message_id

        def work(connection: Connection[Any]) -> list[Due]:
            now = datetime.now(UTC)
            is_news = not transformations.was_applied(connection, org, message_id)
            transformations.reopen(connection, org, [message_id])
            messages.bury(connection, org, failed.buried(failure), now)
            return acknowledge_settled(connection, org, [failed] if is_news else [], now)

        announce(self.redis, attempt(self.pool, org, work))
        log.warning("message not transformed again", message_id=message_id, error=failure.error)


def _again(lane: str, stored: Stored, now: Configuration, then: dict[int, Configuration]) -> Again:
    unread = read(lane, stored.envelope)
    after = convert(unread, now)
    if not stored.applied:
        return Again(stored, None, after)
    version = stored.mapping_version or 0
    return Again(stored, convert(unread, then[version]) if version in then else after, after)


def _apply(
    connection: Connection[Any], org: str, found: Sequence[Again], news: Sequence[Again]
) -> tuple[int, list[Due]]:
    """How many resources have elements that somebody else has changed, and that stay as they are.

    And what is due to the senders of messages that have waited until now to be applied.
    """
    now = datetime.now(UTC)
    before = [one.before.entries for one in found if one.before is not None]
    after = [
        (one.after if one.applied else one.before or one.after).entries
        for one in found
        if one.applied or one.before
    ]
    left = writer.amend(connection, org, before, after, now)
    transformations.reopen(connection, org, [one.stored.envelope.message_id for one in news])
    messages.finish(connection, org, [one.after.finished() for one in news if one.applied], now)
    for one in news:
        if one.after.failure is not None:
            messages.bury(connection, org, one.after.buried(one.after.failure), now)
        elif not one.applied:
            messages.park(connection, org, [one.after.finished()], now)
    settled = [one.after for one in news if one.before is None and (one.applied or one.after.failure)]
    return left, acknowledge_settled(connection, org, settled, now)
