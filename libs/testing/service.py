"""A service as it is run: a process of its own, real sockets, real signals."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

from libs.embedded.process import free_port

ROOT = Path(__file__).parents[2]
START = 30  # seconds that a process may take until it is ready


class Service:
    """The process `python -m MODULE`, with no EHR_* settings but those given."""

    def __init__(self, module: str, port_setting: str, **settings: str) -> None:
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("EHR_")}
        environment |= {port_setting: str(self.port)} | settings
        self.log = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the service
        self.process = subprocess.Popen(
            [sys.executable, "-m", module], cwd=ROOT, env=environment, stdout=self.log
        )

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START
        while time.monotonic() < deadline:
            assert self.process.poll() is None, "the service ended"
            try:
                if httpx.get(f"{self.base}/health/ready").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        pytest.fail("the service did not become ready")

    def stop(self) -> tuple[int, float]:
        """Exit status after SIGTERM, and the seconds it took."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=15)
        return self.process.returncode, time.monotonic() - started

    def output(self) -> bytes:
        """What it has written to its log."""
        self.log.seek(0)
        return self.log.read()


S = TypeVar("S", bound=Service)


@contextmanager
def running(service: S) -> Iterator[S]:
    """The service once it is ready; killed, if it still runs, when the block ends."""
    try:
        service.wait_until_ready()
        yield service
    finally:
        service.process.kill()
        service.process.wait()
        service.log.close()
