"""The whole system as `make run` starts it, in a folder and on ports of its own."""

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from infra.local.environment import LocalSettings
from libs.embedded.process import free_port

START_WITHIN = 120.0  # seconds


@dataclass(frozen=True, slots=True)
class System:
    home: Path

    def told(self) -> dict[str, str]:
        """What its `env` says now; the pids change when something is restarted."""
        pairs = (line.partition("=") for line in (self.home / "env").read_text().splitlines())
        return {name: shlex.split(value)[0] for name, _, value in pairs}

    @property
    def mllp(self) -> tuple[str, int]:
        host, _, port = self.told()["EHR_MLLP"].rpartition(":")
        return host, int(port)

    def pids(self) -> dict[str, int]:
        """Process of each service and embedded server."""
        pairs = (pair.split("=") for pair in self.told()["EHR_PIDS"].split())
        return {name: int(pid) for name, pid in pairs}

    def processes(self) -> dict[str, list[int]]:
        """Every process of each, what it has started included; the one that was started comes first."""
        return {name: [leader, *_children(leader)] for name, leader in self.pids().items()}


@contextmanager
def running(longest_pause: float = 30.0) -> Iterator[System]:
    """A system with an empty database, up until the block ends. Ends the process when it does not start.

    `longest_pause`: seconds before what was killed several times is restarted, at most.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EHR_")}
    environment |= {name: str(free_port()) for name in LocalSettings.model_construct().ports()} | {
        "DEMO": "0"
    }
    with TemporaryDirectory(prefix="ehrconnect-") as folder:
        home = Path(folder) / "run"
        output = Path(folder) / "output"
        command = [sys.executable, "-m", "infra.local", "--folder", str(home)]
        command += ["--longest-pause", str(longest_pause)]
        with output.open("wb") as out:
            process = subprocess.Popen(
                command, env=environment, stdout=out, stderr=out, start_new_session=True
            )
        try:
            _wait(process, home / "env", output)
            yield System(home)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def _wait(process: "subprocess.Popen[bytes]", env: Path, output: Path) -> None:
    deadline = time.monotonic() + START_WITHIN
    while not env.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            sys.exit("the system did not start: " + (output.read_text().strip().splitlines() or ["?"])[-1])
        time.sleep(0.1)


def _children(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-A", "-o", "ppid=,pid="], capture_output=True, text=True, check=True)
    pairs = (line.split() for line in listed.stdout.splitlines())
    return [int(child) for parent, child in pairs if int(parent) == pid]
