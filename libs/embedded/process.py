"""A server of ours: started in its own process group, stopped by its own signal."""

import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

READY_WITHIN = 60.0  # seconds a server may take to answer; recovery after a crash reads its log
STOP_WITHIN = 10.0  # seconds


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
            if self.process.poll() is not None:
                raise NotStarted(self.last_words())
            if time.monotonic() > deadline:
                self.stop()
                raise NotStarted(f"no answer within {READY_WITHIN:.0f} s; see {self._log}")
            time.sleep(0.02)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(self._stop_signal)
            try:
                self.process.wait(STOP_WITHIN)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait()

    def last_words(self) -> str:
        """The last line of the server's log that says something."""
        lines = self._log.read_text(errors="replace").splitlines()
        telling = [
            line for line in lines if any(word in line for word in ("FATAL", "PANIC", "rror", "ailed"))
        ]
        return f"{(telling or lines or ['it printed nothing'])[-1].strip()} (see {self._log})"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
