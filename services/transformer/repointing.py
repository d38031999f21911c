"""Between its jobs a worker lets references follow merges and moves (see `libs.store.repointing`).

Each batch is a transaction of its own, with the row that says how far it has come. Killed before its commit,
the batch is done by the next worker that looks; killed after it, the row says so. No queue is involved: the
row, written with the merge, is the job, and whoever looks finds it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from libs.errors import Unavailable
from libs.lanes.drain import reason
from libs.log import get_logger
from libs.store import repointing
from libs.store.engine import Pool, attempt, transaction, translated
from libs.store.followers import Follow

log = get_logger(__name__)

TIME_SLICE = 0.2  # seconds until messages have their turn
LOOK_EVERY = 1.0  # seconds
AWAY = 10.0  # seconds until PostgreSQL is asked again when it is away
_MOST = 16  # that are looked at in one go


@dataclass(frozen=True, slots=True)
class Repointing:
    """A worker's chore: seconds until it wants to be called again."""

    pool: Pool
    stopping: Callable[[], bool]

    def __call__(self) -> float:
        """Re-point for a time slice, or until nothing is due."""
        ends = time.monotonic() + TIME_SLICE
        try:
            while work := self._due():
                idle = True
                for org, one in work:
                    idle &= self._step(org, one) is None
                    if self.stopping() or time.monotonic() >= ends:
                        return 0.0
                if idle:
                    break  # other workers are at all of it
        except Unavailable as error:
            log.warning("references cannot be re-pointed", reason=str(error), seconds=AWAY)
            return AWAY
        return LOOK_EVERY

    def _due(self) -> list[tuple[str, Follow]]:
        with translated(), self.pool.connection() as connection:
            return repointing.due(connection, _MOST)

    def _step(self, org: str, one: Follow) -> int | None:
        try:
            changed = attempt(self.pool, org, lambda c: repointing.step(c, org, one, datetime.now(UTC)))
        except (Unavailable, MemoryError):
            raise
        except Exception as error:
            # A defect that hits one merge must neither end the worker nor keep the others waiting.
            log.warning("references not re-pointed", org_id=org, about=_kind(one), reason=reason(error))
            with transaction(self.pool, org) as connection:
                repointing.postpone(connection, org, one)
            return 0
        if changed:
            log.info("references re-pointed", org_id=org, about=_kind(one), resources=changed)
        return changed


def _kind(one: Follow) -> str:
    """What it is about; ids that clients choose may say more."""
    return one.about.partition("/")[0]
