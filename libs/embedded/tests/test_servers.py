"""The embedded servers keep what they were told to keep, and let in whom they should."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis as redis_py

from libs.embedded.postgres import Postgres
from libs.embedded.process import NotStarted, Server, free_port
from libs.embedded.redis import Redis
from libs.testing.health import wait_until


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    folder = tmp_path_factory.mktemp("embedded") / "with a space"
    server = Postgres(folder / "postgres", free_port(), password="secret")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[Redis]:
    server = Redis(tmp_path / "with a space" / "redis", free_port(), password="secret")
    server.start()
    yield server
    server.stop()


def test_postgres_keeps_a_commit_through_a_power_cut(postgres: Postgres) -> None:
    with psycopg.connect(postgres.url()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")

    postgres.kill()
    assert postgres.last_words() == "killed by SIGKILL"
    postgres.start()

    with psycopg.connect(postgres.url()) as connection:
        assert connection.execute("SELECT one FROM kept").fetchone() == (1,)


def test_postgres_starts_although_its_pid_file_names_another_process(postgres: Postgres) -> None:
    postgres.kill()
    pid_file = postgres.data / "postmaster.pid"
    _, *rest = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *rest]))

    postgres.start()

    assert postgres.is_running()


def test_postgres_lets_nobody_in_without_its_password(postgres: Postgres) -> None:
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(postgres.url().replace("secret", "guess"))


def test_redis_keeps_what_it_answered_through_a_power_cut(redis_server: Redis) -> None:
    with redis_py.Redis.from_url(redis_server.url()) as client:
        client.set("kept", 1)

    redis_server.kill()
    redis_server.start()

    with redis_py.Redis.from_url(redis_server.url()) as client:
        assert client.get("kept") == b"1"


def test_redis_lets_nobody_in_without_its_password(redis_server: Redis) -> None:
    with redis_py.Redis(port=redis_server.port) as client, pytest.raises(redis_py.RedisError):
        client.ping()


def test_a_port_in_use_is_said_in_one_line(redis_server: Redis, tmp_path: Path) -> None:
    second = Redis(tmp_path / "second" / "redis", redis_server.port, password="another")

    with pytest.raises(NotStarted, match=f"listening on port {redis_server.port}") as failed:
        second.start()

    assert "\n" not in str(failed.value)


def test_stopping_a_server_ends_what_it_started(tmp_path: Path) -> None:
    server = Server(["sh", "-c", "sleep 600 & echo $!; wait"], tmp_path / "log", signal.SIGTERM, os.environ)
    server.wait_until(lambda: bool((tmp_path / "log").read_text().strip()))
    child = int((tmp_path / "log").read_text())

    server.stop()

    wait_until(lambda: not _runs(child))


def _runs(pid: int) -> bool:
    command = ["ps", "-o", "stat=", "-p", str(pid)]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    return listed.stdout.strip()[:1] not in ("", "Z")
