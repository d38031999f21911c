"""How a test learns from outside what a service's process has come to."""

import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress


def get(port: int, path: str) -> tuple[int, bytes]:
    """Status and body of an HTTP answer. Raises OSError while nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def is_ready(port: int) -> bool:
    with suppress(OSError):
        return get(port, "/health/ready")[0] == 200
    return False


def wait_until(holds: Callable[[], object], seconds: float = 60) -> None:
    """Return once it holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
