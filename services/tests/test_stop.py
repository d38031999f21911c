"""The end of `make run`."""

import os
import signal
from contextlib import suppress

from libs.testing.health import wait_until
from loadtests.system import running


def test_two_signals_at_once_end_everything_too() -> None:
    """So `make` stops it when its whole process group is told."""
    with running() as system:
        supervisor = int((system.home / "lock").read_text())
        pids = [supervisor, *system.pids().values()]

        os.kill(supervisor, signal.SIGSTOP)
        os.kill(supervisor, signal.SIGTERM)
        os.kill(supervisor, signal.SIGINT)
        os.kill(supervisor, signal.SIGCONT)

        wait_until(lambda: not (system.home / "pids").exists())
        assert not (system.home / "env").exists()
        assert not any(_runs(pid) for pid in pids[1:])


def _runs(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False
