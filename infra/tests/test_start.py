"""What stands in the way of a start is said in one line."""

import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from infra.local import folder
from infra.local.environment import LocalSettings
from infra.local.leftovers import record, stop_leftovers
from infra.local.ports import require_free
from libs.embedded.process import NotStarted, Server, free_port


def test_a_port_in_use_names_the_port_and_the_variable_that_moves_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(NotStarted) as failed:
            require_free(_settings(mllp_port=port))

    assert str(failed.value) == f"port {port} is in use: set EHR_MLLP_PORT to another one"


def test_a_port_asked_for_twice_is_refused() -> None:
    with pytest.raises(NotStarted, match="port 23450 is asked for twice"):
        require_free(_settings(mllp_port=23450, fhir_port=23450))


def test_a_second_start_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    with folder.held(tmp_path), pytest.raises(NotStarted) as failed, folder.held(tmp_path):
        pass

    assert str(failed.value) == (
        f"it is already running here, as process {os.getpid()}; {tmp_path / 'env'} says how to reach it"
    )


def test_a_folder_is_free_again_after_its_holder_ended(tmp_path: Path) -> None:
    with folder.held(tmp_path):
        pass
    with folder.held(tmp_path):
        pass


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "NEEDED", 10**18)

    with pytest.raises(NotStarted, match=r"the disk of .* is full: \d+ MB free"), folder.held(tmp_path):
        pass


def test_env_is_for_the_shell_and_for_its_owner_only(tmp_path: Path) -> None:
    folder.write_env(tmp_path, {"EHR_MLLP": "127.0.0.1:2575", "EHR_PIDS": "a=1 b=2"})

    assert (tmp_path / "env").read_text() == "EHR_MLLP=127.0.0.1:2575\nEHR_PIDS='a=1 b=2'\n"
    assert (tmp_path / "env").stat().st_mode & 0o777 == 0o600


def test_what_a_killed_run_left_behind_is_stopped(tmp_path: Path) -> None:
    program = "import time; time.sleep(600)"
    left = Server([sys.executable, "-c", program], tmp_path / "log", signal.SIGTERM, os.environ)
    record(tmp_path, {"transformer": left.process.pid})

    assert stop_leftovers(tmp_path) == ["transformer"]

    assert left.process.wait(5) != 0  # it was interrupted
    assert stop_leftovers(tmp_path) == []


def test_a_stranger_with_a_recycled_pid_is_left_alone(tmp_path: Path) -> None:
    stranger = Server(["sleep", "600"], tmp_path / "log", signal.SIGTERM, os.environ)
    record(tmp_path, {"transformer": stranger.process.pid})

    assert stop_leftovers(tmp_path) == []

    assert stranger.is_running()
    stranger.stop()


def _settings(**ports: int) -> LocalSettings:
    names = (name.removeprefix("EHR_").lower() for name in LocalSettings.model_construct().ports())
    return LocalSettings.model_validate({**{name: free_port() for name in names}, **ports})
