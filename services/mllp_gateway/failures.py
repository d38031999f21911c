"""Exceptions that nobody handled, as Twisted reports them: log lines that say where, never with what."""

import traceback
from collections.abc import Mapping
from typing import Any

from twisted.logger import LogLevel, globalLogBeginner

from libs.log import get_logger

log = get_logger(__name__)


def report_failures() -> None:
    """From now on log what Twisted has to say of errors, and nothing else."""
    observers: list[Any] = [_observe]
    globalLogBeginner.beginLoggingTo(observers, redirectStandardIO=False, discardBuffer=True)


def _observe(event: Mapping[str, Any]) -> None:
    failure = event.get("log_failure")
    if failure is not None:
        # The text of an exception may quote a message; its type and place do not.
        frames = traceback.extract_tb(failure.getTracebackObject())
        where = [f"{frame.filename}:{frame.lineno}" for frame in frames[-4:]]
        log.error("unexpected failure", type=failure.type.__name__, where=where)
    elif event.get("log_level") in (LogLevel.error, LogLevel.critical):
        log.error("twisted error", source=event.get("log_namespace", ""))
