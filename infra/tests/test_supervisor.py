"""A process that dies is started again; stopping ends all of them."""

import os
import signal
import sys
from pathlib import Path

import pytest

from infra.local.supervisor import Supervisor
from libs.embedded.process import Server


class Sleeper:
    """A real process that does nothing."""

    name = "sleeper"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def start(self) -> None:
        command = [sys.executable, "-c", "import time; time.sleep(600)"]
        self.server = Server(command, self._folder / "log", signal.SIGTERM, os.environ)

    def stop(self, within: float) -> None:
        self.server.stop(within)

    def is_running(self) -> bool:
        return self.server.is_running()

    def last_words(self) -> str:
        return self.server.last_words()

    @property
    def pid(self) -> int:
        return self.server.process.pid


class Enough(Exception):
    """The test has seen what it wanted to see."""


def test_a_killed_process_is_started_again_and_its_new_pid_told(tmp_path: Path) -> None:
    said: list[str] = []
    told: list[str] = []
    sleeper = Sleeper(tmp_path)
    supervisor = Supervisor(tmp_path, said.append)
    supervisor.serve(sleeper)
    first = sleeper.pid

    def changed(pids: str) -> None:
        told.append(pids)
        if len(told) == 2:
            raise Enough
        sleeper.server.process.kill()

    with pytest.raises(Enough):
        supervisor.watch(changed)
    second = sleeper.pid
    supervisor.stop()

    assert told == [f"sleeper={first}", f"sleeper={second}"]
    assert said == ["sleeper ended (killed by SIGKILL); starting it again in 0.5 s"]
    assert not sleeper.is_running()
    assert not (tmp_path / "pids").exists()
