"""Appends messages to their lanes in Redis, many in one call (group commit).

Every message that arrives while a call is under way waits for the next; so the busier the gateway,
the fewer calls and disk syncs a message costs. There is one connection and one call at a time, and
so the order of arrival is the order in the lanes.
"""

from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import Any, Generic, TypeVar

from libs.lanes.enqueue import push_arguments
from libs.log import get_logger
from services.mllp_gateway.storage import Refused, Storage

MAX_BATCH = 512  # messages of one call
MAX_BATCH_BYTES = 4_000_000  # of one call, unless a single message is larger

log = get_logger(__name__)


class Outcome(Enum):
    """What became of a message that was to be stored."""

    STORED = auto()  # Redis has it on disk
    REFUSED = auto()  # it is not in Redis, and will not be
    UNKNOWN = auto()  # the answer was lost: it may be in Redis, and only a resend can tell


T = TypeVar("T")


class LaneWriter(Generic[T]):
    """`append` takes a message and a ticket; `settled` gets the tickets of each call and their outcome."""

    def __init__(self, storage: Storage, settled: Callable[[Sequence[T], Outcome], None]) -> None:
        self._storage = storage
        self._settled = settled
        self._messages: list[tuple[str, bytes]] = []  # that wait for the next call
        self._tickets: list[T] = []
        self._under_way: list[T] = []

    def append(self, lane: str, wire: bytes, ticket: T) -> None:
        self._messages.append((lane, wire))
        self._tickets.append(ticket)
        if not self._under_way:
            self._write()

    @property
    def is_idle(self) -> bool:
        """Whether the outcome of everything that was appended is known."""
        return not self._under_way

    def _write(self) -> None:
        count = self._batch_size()
        messages, self._messages = self._messages[:count], self._messages[count:]
        self._under_way, self._tickets = self._tickets[:count], self._tickets[count:]
        self._storage.push(push_arguments(messages)).addCallbacks(self._stored, self._failed)

    def _batch_size(self) -> int:
        size = 0
        for count, (_, wire) in enumerate(self._messages):
            size += len(wire)
            if count == MAX_BATCH or (count and size > MAX_BATCH_BYTES):
                return count
        return len(self._messages)

    def _stored(self, _: object) -> None:
        tickets, self._under_way = self._under_way, []
        # The next call is on its way to Redis while this one's answers go out.
        if self._messages:
            self._write()
        self._settled(tickets, Outcome.STORED)

    def _failed(self, failure: Any) -> None:
        """What waits fails with the call: stored after it, it could overtake the resend of what failed."""
        outcome = Outcome.REFUSED if failure.check(Refused) else Outcome.UNKNOWN
        tickets, self._under_way = self._under_way, []
        waiting, self._tickets, self._messages = self._tickets, [], []
        self._settled(tickets, outcome)
        self._settled(waiting, Outcome.REFUSED)
        log.warning("storage failed", reason=str(failure.value), messages=len(tickets) + len(waiting))
