"""Keeps a number of worker processes running, for as long as this process lives."""

import signal
import subprocess
import sys
import threading
import time
from types import FrameType

from libs.log import get_logger

log = get_logger(__name__)

STOP_WITHIN = 4.5  # seconds a worker has to finish its batch; the promise is 5 s
HEALTHY_AFTER = 10.0  # seconds; a worker that lived shorter is started again more slowly
LONGEST_PAUSE = 30.0  # seconds between two starts of a worker that keeps dying


class Worker:
    """One place in the pool: the process that fills it now, and how it has fared."""

    def __init__(self, module: str, number: int) -> None:
        self._module = module
        self.number = number
        self.start_at = 0.0  # monotonic seconds; not to be started before
        self.process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._pause = 0.0

    def start(self) -> None:
        # A worker stops when its standard input closes, so it cannot outlive this process,
        # not even when this process is killed.
        self.process = subprocess.Popen([sys.executable, "-m", self._module], stdin=subprocess.PIPE)
        self._started = time.monotonic()

    def mourn(self) -> None:
        """Note that the process ended, and when the next may start."""
        if self.process is None:
            return
        lived = time.monotonic() - self._started
        self._pause = 0.0 if lived > HEALTHY_AFTER else min(LONGEST_PAUSE, max(0.5, self._pause * 2))
        self.start_at = time.monotonic() + self._pause
        log.warning(
            "worker ended, starting another",
            worker=self.number,
            exit_code=self.process.returncode,
            pause_seconds=self._pause,
        )
        self.process = None


class Pool:
    """`size` processes of `python -m module`; one that ends is replaced."""

    def __init__(self, module: str, size: int) -> None:
        self._workers = [Worker(module, number) for number in range(1, size + 1)]
        self._stopping = threading.Event()

    def run_until_signal(self) -> None:
        """Keep the pool full until SIGTERM or SIGINT, then stop every worker and return."""
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, self._stop)
        while not self._stopping.is_set():
            for worker in self._workers:
                if worker.process is not None and worker.process.poll() is not None:
                    worker.mourn()
                if worker.process is None and time.monotonic() >= worker.start_at:
                    worker.start()
            self._stopping.wait(0.2)
        self._stop_workers()

    def alive(self) -> int:
        """How many workers run right now."""
        processes = [worker.process for worker in self._workers]
        return sum(process is not None and process.poll() is None for process in processes)

    def is_full(self) -> str | None:
        """A check (`libs.health.Check`): whether every worker runs."""
        alive, size = self.alive(), len(self._workers)
        return None if alive == size else f"{alive} of {size} workers run"

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._stopping.set()

    def _stop_workers(self) -> None:
        running = [worker.process for worker in self._workers if worker.process is not None]
        for process in running:
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_WITHIN
        for process in running:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                # Its batch stays in the lane, and the next worker repeats it.
                process.kill()
                process.wait()
