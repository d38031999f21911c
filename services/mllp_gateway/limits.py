"""What the gateway as a whole may hold: connections, and bytes of messages in hand."""

from collections import Counter
from typing import Protocol


class Reader(Protocol):
    """A connection that can be told to stop and to go on reading."""

    def memory_available(self) -> None: ...


class Limits:
    """Counts connections and bytes; who would exceed the bytes is told when there is room again."""

    def __init__(self, connections: int, per_address: int, memory: int) -> None:
        self._most = connections
        self._most_per_address = per_address
        self._memory = memory
        self._addresses: Counter[str] = Counter()
        self._waiting: list[Reader] = []
        self.connections = 0
        self.held = 0  # bytes of messages that are not answered yet
        self.incomplete = 0  # bytes of messages of which a part has come, and of requests over HTTP

    def enter(self, address: str) -> bool:
        """Count a connection from `address` ("" is limited in all only); False when it is one too many."""
        if self.connections >= self._most or (address and self._addresses[address] >= self._most_per_address):
            return False
        self.connections += 1
        self._addresses[address] += 1
        return True

    def leave(self, address: str) -> None:
        self.connections -= 1
        self._addresses[address] -= 1
        if not self._addresses[address]:
            del self._addresses[address]

    @property
    def is_full(self) -> bool:
        return self.held >= self._memory

    @property
    def is_overrun(self) -> bool:
        """Whether incomplete messages alone take the memory: to wait would not free any, only to close."""
        return self.incomplete >= self._memory

    def hold(self, size: int) -> None:
        self.held += size

    def release(self, size: int) -> None:
        self.held -= size
        if self._waiting and self.held < self._memory // 2:
            waiting, self._waiting = self._waiting, []
            for reader in waiting:
                reader.memory_available()

    def wait(self, reader: Reader) -> None:
        """Call `memory_available` of `reader` once, when half of the memory is free."""
        self._waiting.append(reader)
