"""RQ's way in. A job is a name and its arguments, so what it works with is found here."""

from contextvars import ContextVar

from libs.lanes import drain as lane
from services.transformer.runtime import Runtime

RUNTIME: ContextVar[Runtime] = ContextVar("runtime")  # set once by the worker process


def drain(name: str, job: str) -> None:
    """Drain the lane `name`, for as long as it is this job's, and others that wait."""
    runtime = RUNTIME.get()
    lane.drain(runtime.redis, name, job, runtime.pipeline.handle, runtime.stop)


def transform_again(name: str, job: str) -> None:
    """Drain the lane `name` of stored messages that are to be transformed again."""
    runtime = RUNTIME.get()
    lane.drain(runtime.redis, name, job, runtime.retransformation.handle, runtime.stop)
