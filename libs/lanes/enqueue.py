"""Appending messages to lanes: one script call for all that wait at a moment.

The Twisted gateway evaluates `PUSH` itself, with `push_arguments`:

    EVALSHA PUSH.sha 0 <arguments>, and on NOSCRIPT: EVAL PUSH.text 0 <arguments>

When the call returns, every message of the batch is in Redis's append-only file. When it fails they may or
may not be: appending them again is safe, because a message is applied once by its id.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from libs.lanes.scripts import PUSH, stamp

if TYPE_CHECKING:  # the gateway has txredisapi instead
    from redis import Redis

__all__ = ["PUSH", "enqueue", "push_arguments", "push_depths"]


def enqueue(redis: Redis, batch: Iterable[tuple[str, bytes]], *, now: str = "") -> dict[str, int]:
    """Append (lane, message) pairs in order; messages now waiting in each queue concerned.

    `now` replaces Redis's clock by Unix seconds, in tests.
    """
    return push_depths(PUSH.run(redis, *push_arguments(batch, now=now)))


def push_arguments(batch: Iterable[tuple[str, bytes]], *, now: str = "") -> list[str | bytes]:
    """The script's arguments (it takes no keys) that append (lane, message) pairs in order."""
    arguments: list[str | bytes] = [now, stamp()]
    for pair in batch:
        arguments.extend(pair)
    return arguments


def push_depths(answer: Sequence[Any]) -> dict[str, int]:
    """The script's answer as queue -> messages now waiting in it."""
    return {queue.decode(): depth for queue, depth in zip(answer[::2], answer[1::2], strict=True)}
