"""Real processes, killed under load: what was acknowledged is applied once, in the order of its lane."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from redis import Redis
from redis.exceptions import RedisError

from libs.embedded.process import free_port
from libs.embedded.redis import Redis as RedisServer
from libs.lanes.contracts import INBOUND
from libs.lanes.depth import depths, lanes
from libs.lanes.enqueue import enqueue
from libs.lanes.tests import recording_worker
from libs.lanes.worker import connect
from libs.testing.health import wait_until

LOAD_SECONDS = float(os.environ.get("LANE_SOAK_SECONDS", "6"))  # `make chaos` asks for more
WORKERS = 3
PRODUCERS = 2
LANES_OF_A_PRODUCER = 12


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server of the test's own that writes to disk before it answers."""
    server = RedisServer(tmp_path / "redis", free_port())
    server.start()
    yield server
    server.stop()


@pytest.fixture
def database(postgres_superuser: str) -> Iterator[str]:
    with psycopg.connect(postgres_superuser, autocommit=True) as connection:
        connection.execute(recording_worker.TABLE)
        yield postgres_superuser
        connection.execute("DROP TABLE applied")


class Workers:
    """Worker processes on one Redis and one database."""

    def __init__(self, redis: str, database: str) -> None:
        self._command = [sys.executable, "-m", recording_worker.__name__, redis, database]
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self) -> "subprocess.Popen[bytes]":
        self.running.append(subprocess.Popen(self._command, stdout=subprocess.DEVNULL))
        return self.running[-1]

    def kill_one_of(self, candidates: "list[subprocess.Popen[bytes]]") -> None:
        victim = random.choice(candidates)
        victim.kill()
        victim.wait()
        self.running.remove(victim)

    def stop(self) -> list[int]:
        for process in self.running:
            process.terminate()
        return [process.wait(timeout=5) for process in self.running]

    def abandon(self) -> None:
        for process in self.running:
            process.kill()
            process.wait()


def test_nothing_acknowledged_is_lost_doubled_or_reordered(redis_server: RedisServer, database: str) -> None:
    redis = connect(redis_server.url())
    workers = Workers(redis_server.url(), database)
    acknowledged: dict[str, list[str]] = {}
    over = threading.Event()
    producers = [
        threading.Thread(target=_produce, args=(redis_server.url(), number, acknowledged, over))
        for number in range(PRODUCERS)
    ]
    try:
        for producer in producers:
            producer.start()
        sleeper = workers.start()
        wait_until(lambda: bool(_applied(database)), seconds=120)
        wait_until(lambda: _is_stopped_with_a_lane(sleeper, redis), seconds=120)

        _kill_under_load(workers, redis_server, sleeper)
        over.set()
        for producer in producers:
            producer.join()
        wait_until(lambda: not any(depths(redis).values()), seconds=120)
        sleeper.send_signal(signal.SIGCONT)
        exits = workers.stop()
    finally:
        over.set()
        workers.abandon()

    assert _applied(database) == acknowledged
    assert exits == [0] * (WORKERS + 1)
    assert lanes(redis) == []


def _kill_under_load(workers: Workers, redis_server: RedisServer, sleeper: "subprocess.Popen[bytes]") -> None:
    """Kill a worker every half second or so, and Redis once."""
    for _ in range(WORKERS):
        workers.start()
    began, redis_was_killed = time.monotonic(), False
    while time.monotonic() < began + LOAD_SECONDS:
        time.sleep(random.uniform(0.2, 0.8))
        workers.kill_one_of([process for process in workers.running if process is not sleeper])
        workers.start()
        if not redis_was_killed and time.monotonic() > began + LOAD_SECONDS / 2:
            redis_was_killed = True
            redis_server.kill()
            redis_server.start()


def _is_stopped_with_a_lane(only_worker: "subprocess.Popen[bytes]", redis: Redis) -> bool:
    only_worker.send_signal(signal.SIGSTOP)
    if any(lane.state == "draining" for lane in lanes(redis)):
        return True
    only_worker.send_signal(signal.SIGCONT)
    return False


def _produce(url: str, number: int, acknowledged: dict[str, list[str]], over: threading.Event) -> None:
    """Append to lanes of its own; what Redis did not confirm is sent again, as a sender would."""
    redis = connect(url)
    lanes = [f"{INBOUND}:{1 + n % 5}/default/{number}-{n}" for n in range(LANES_OF_A_PRODUCER)]
    while not over.is_set():
        batch = []
        for lane in random.choices(lanes, k=20):
            sent = acknowledged.setdefault(lane, [])
            sent.append(f"{lane}#{len(sent)}")
            batch.append((lane, sent[-1].encode()))
        while True:
            try:
                enqueue(redis, batch)
                break
            except RedisError:
                time.sleep(0.1)
        time.sleep(0.01)


def _applied(database: str) -> dict[str, list[str]]:
    with psycopg.connect(database) as connection:
        rows = connection.execute(
            "SELECT lane, array_agg(id ORDER BY position) FROM applied GROUP BY lane"
        ).fetchall()
    return dict(rows)
