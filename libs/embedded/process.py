"""A server of ours: started in its own process group, stopped by its own signal."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

READY_WITHIN = 60.0  # seconds a server may take to answer; recovery after a crash reads its log
STOP_WITHIN = 10.0  # seconds
_TELLING = ("FATAL", "PANIC", "rror", "ailed", "EHR_")


class NotStarted(Exception):
    """A server did not come up; the text is one line that says why."""


class Server:
    """A running server process."""

    def __init__(
        self, command: Sequence[str], log: Path, stop_signal: signal.Signals, environment: Mapping[str, str]
    ) -> None:
        self._stop_signal = stop_signal
        self._log = log
        with log.open("ab") as output:
            self._log_start = output.tell()  # what former runs said is before it
            # A group of its own, so that Ctrl-C at the terminal reaches the supervisor alone, which
            # then stops the servers after their clients.
            self.process = subprocess.Popen(
                command,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env=dict(environment),
            )

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Return once `ready()` holds. Raises NotStarted when the server ends or stays silent."""
        deadline = time.monotonic() + READY_WITHIN
        while not ready():
            if not self.is_running():
                raise NotStarted(self.last_words())
            if time.monotonic() > deadline:
                self.stop()
                raise NotStarted(f"no answer within {READY_WITHIN:.0f} s; see {self._log}")
            time.sleep(0.02)

    def is_running(self) -> bool:
        return self.process.poll() is None

    def ask_to_stop(self) -> None:
        """Send the signal that ends it; `stop` then waits for the end."""
        if self.is_running():
            self.process.send_signal(self._stop_signal)

    def stop(self, within: float = STOP_WITHIN) -> None:
        """End it and what it started: by its own signal, after `within` seconds by force."""
        self.ask_to_stop()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(within)
        self.kill()

    def kill(self) -> None:
        """End it as a power cut would, and what it started with it."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def last_words(self) -> str:
        """Why it ended: the signal that killed it, or the last line of its log that says something."""
        code = self.process.poll()
        if code is not None and code < 0:
            return f"killed by {signal.Signals(-code).name}"
        with self._log.open("rb") as log:
            log.seek(self._log_start)
            lines = log.read().decode(errors="replace").splitlines()
        telling = [line for line in lines if any(word in line for word in _TELLING)]
        if said := (telling or lines):
            return f"{said[-1].strip()[:300]} (see {self._log})"
        return f"it printed nothing and ended with exit code {code}"


class Embedded:
    """A server that can be started again: what the embedded ones have in common."""

    name: str  # what people call it

    def __init__(self) -> None:
        self._server: Server | None = None

    def stop(self, within: float = STOP_WITHIN) -> None:
        if self._server:
            self._server.stop(within)

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self._server:
            self._server.kill()

    @property
    def pid(self) -> int:
        return self._started().process.pid

    def is_running(self) -> bool:
        return self._server is not None and self._server.is_running()

    def last_words(self) -> str:
        return self._started().last_words()

    def _started(self) -> Server:
        if self._server is None:
            raise NotStarted(f"{self.name} has not been started")
        return self._server


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
