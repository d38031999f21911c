"""The pool as a process of its own, with real workers that drain a real Redis into a real PostgreSQL."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import orjson
import psycopg
import pytest
from redis import Redis

from libs.lanes.contracts import inbound_lane
from libs.lanes.depth import depths
from libs.lanes.enqueue import enqueue
from libs.testing.health import get, is_ready, wait_until
from libs.testing.service import Service, running
from services.transformer.tests.test_pipeline import admission, wire


class Transformer(Service):
    """A pool of two workers."""

    def __init__(self, postgres_url: str, redis_url: str) -> None:
        super().__init__(
            "services.transformer",
            "EHR_TRANSFORMER_PORT",
            EHR_DATABASE_URL=postgres_url,
            EHR_REDIS_URL=redis_url,
            EHR_TRANSFORMER_PROCESSES="2",
        )

    def workers(self) -> set[int]:
        command = ["ps", "-o", "pid=", "--ppid", str(self.process.pid)]
        return {int(pid) for pid in subprocess.run(command, capture_output=True, check=False).stdout.split()}


@pytest.fixture
def transformer(fresh_postgres_url: str, redis_url: str) -> Iterator[Transformer]:
    with running(Transformer(fresh_postgres_url, redis_url)) as transformer:
        yield transformer


def transformed(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM message WHERE status = 'transformed'").fetchone()
        assert row
        return int(row[0])


def test_messages_on_a_lane_become_fhir_and_are_counted(
    transformer: Transformer, fresh_postgres_url: str, redis: Redis
) -> None:
    enqueue(redis, [(inbound_lane("default", 3, b"P"), wire(admission(number))) for number in range(100)])

    wait_until(lambda: transformed(fresh_postgres_url) == 100)

    wait_until(lambda: depths(redis) == {"hl7.inbound:3": 0})
    status, body = get(transformer.port, "/metrics")
    assert status == 200
    assert b'hl7_processing_duration_seconds_count{message_type="ADT^A01"} 100.0' in body
    assert b'queue_processing_rate_total{queue_name="hl7.inbound:3",status="settled"} 100.0' in body
    for gauge in (b"queue_depth", b"lane_oldest_message_seconds", b"dead_letters"):
        assert gauge + b'{queue_name="hl7.inbound:3"} 0.0' in body
    assert b"repointings 0.0" in body


def test_a_worker_that_is_killed_is_replaced(transformer: Transformer) -> None:
    before = transformer.workers()
    os.kill(min(before), signal.SIGKILL)

    wait_until(lambda: len(transformer.workers()) == 2 and transformer.workers() != before)

    wait_until(lambda: is_ready(transformer.port))


def test_workers_end_when_the_pool_is_killed(transformer: Transformer) -> None:
    workers = transformer.workers()

    transformer.process.kill()

    wait_until(lambda: not any(is_alive(pid) for pid in workers))


def test_it_stops_on_sigterm_and_leaves_no_lane_half_drained(
    transformer: Transformer, fresh_postgres_url: str, redis: Redis
) -> None:
    enqueue(redis, [(inbound_lane("default", 3, b"P"), wire(admission(number))) for number in range(2000)])
    wait_until(lambda: transformed(fresh_postgres_url) > 0)
    transformer.process.send_signal(signal.SIGTERM)

    assert transformer.process.wait(5) == 0

    assert transformed(fresh_postgres_url) + depths(redis)["hl7.inbound:3"] == 2000


def test_it_says_that_its_port_is_taken(transformer: Transformer) -> None:
    settings = {**os.environ, "EHR_TRANSFORMER_PORT": str(transformer.port)}
    command = [sys.executable, "-m", "services.transformer"]

    second = subprocess.run(command, env=settings, capture_output=True, text=True, check=False, timeout=20)

    assert second.returncode == 1
    where = f"127.0.0.1:{transformer.port}"
    assert second.stderr == (
        f"cannot listen on {where}: Address already in use; EHR_TRANSFORMER_PORT moves it\n"
    )


def test_readiness_names_what_is_away(transformer: Transformer, redis: Redis) -> None:
    status, body = get(transformer.port, "/health/ready")

    assert (status, orjson.loads(body)) == (
        200,
        {"status": "up", "checks": {"redis": "up", "database": "up", "workers": "up"}},
    )


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
