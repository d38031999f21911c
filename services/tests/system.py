"""The whole system as an operator starts it, on ports and in a folder of the test's own."""

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx

from libs.embedded.process import free_port
from libs.hl7v2.mllp import frame

PORTS = ("EHR_MLLP_PORT", "EHR_GATEWAY_HTTP_PORT", "EHR_FHIR_PORT", "EHR_TRANSFORMER_PORT")
START_WITHIN = 90.0  # seconds
STOP_WITHIN = 15.0  # seconds


class System:
    """A running installation; what it tells other programs is in `facts`."""

    def __init__(self, home: Path) -> None:
        self.home = home

    @property
    def facts(self) -> dict[str, str]:
        lines = (self.home / "env").read_text().splitlines()
        return {name: shlex.split(value)[0] for name, _, value in (line.partition("=") for line in lines)}

    @property
    def mllp(self) -> tuple[str, int]:
        host, _, port = self.facts["EHR_MLLP"].rpartition(":")
        return host, int(port)

    def pid(self, name: str) -> int:
        pairs = (pair.split("=") for pair in self.facts["EHR_PIDS"].split())
        return int(dict(pairs)[name])

    def worker_pids(self) -> list[int]:
        """The transformer's worker processes."""
        command = ["ps", "-o", "pid=", "--ppid", str(self.pid("transformer"))]
        listed = subprocess.run(command, capture_output=True, text=True, check=False)
        return [int(pid) for pid in listed.stdout.split()]

    def log(self, service: str) -> str:
        return (self.home / "log" / f"{service}.log").read_text()

    def fhir(self, path: str) -> Any:
        """The JSON at a path below the FHIR base."""
        headers = {"Authorization": f"Bearer {self.facts['EHR_API_KEY']}"}
        return httpx.get(f"{self.facts['EHR_FHIR']}/{path}", headers=headers, timeout=10).json()


@contextmanager
def running_system(home: Path, **settings: str) -> Iterator[System]:
    """A whole installation, up until the block ends."""
    ports = {name: str(free_port()) for name in PORTS}
    environment = {**os.environ, **ports, **settings, "DEMO": "0"}
    output = home.parent / f"{home.name}.out"
    with output.open("wb") as out:
        command = [sys.executable, "-m", "infra.local", "--folder", str(home)]
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
    try:
        wait_until((home / "env").exists, START_WITHIN, output.read_text)
        yield System(home)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_WITHIN)


def wait_until(holds: Any, seconds: float, explain: Any = lambda: "") -> None:
    """Return once `holds()` is true. Fails with what `explain()` says after `seconds`."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s: {explain()}"
        time.sleep(0.05)


def exchange(address: tuple[str, int], message: bytes) -> bytes:
    """Send one message on a connection of its own; its acknowledgement, unframed."""
    with closing(socket.create_connection(address, timeout=10)) as connection:
        connection.sendall(frame(message))
        return receive(connection)


def receive(connection: socket.socket) -> bytes:
    """One acknowledgement, unframed. Raises ConnectionError when the peer closes instead."""
    answer = b""
    while not answer.endswith(b"\x1c\r"):
        received = connection.recv(65536)
        if not received:
            raise ConnectionError("closed without an answer")
        answer += received
    return answer[1:-2]
