"""RQ's way in. A job is a name and its arguments, so what it works with is found here."""

from contextvars import ContextVar

from services.outbound_sender.runtime import Runtime

RUNTIME: ContextVar[Runtime] = ContextVar("runtime")  # set once by the process


def drain(name: str, job: str) -> None:
    """Begin to drain the lane `name`, for as long as it is this job's; the next job may begin meanwhile."""
    RUNTIME.get().drains.start(name, job)
