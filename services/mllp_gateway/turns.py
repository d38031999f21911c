"""Turns of the one thread: who has much to take gives way to the others every few milliseconds."""

import time
from collections import deque
from collections.abc import Callable
from typing import Any

TURN = 0.01  # seconds


class Turns:
    """Calls back one by one, and lets the reactor see to everything else in between."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._waiting: deque[Callable[[], None]] = deque()

    def wait(self, turn: Callable[[], None]) -> None:
        """Call `turn` once, after those that wait already; it should end by `turn_end()`."""
        self._waiting.append(turn)
        if len(self._waiting) == 1:
            self._reactor.callLater(0, self._next)

    def _next(self) -> None:
        turn = self._waiting.popleft()
        if self._waiting:
            self._reactor.callLater(0, self._next)
        turn()


def turn_end() -> float:
    """When a turn that begins now is over, on the monotonic clock."""
    return time.monotonic() + TURN
