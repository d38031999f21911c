"""The outbound sender as a process of its own, with real receivers, a real Redis and a real PostgreSQL."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import orjson
import psycopg
import pytest
from redis import Redis

from libs.embedded.process import free_port
from libs.lanes.contracts import outbound_lane
from libs.lanes.enqueue import enqueue
from libs.lanes.pause import pause, resume
from libs.store import deliveries
from libs.store.deliveries import Owed
from libs.store.destinations import DEAD_LETTER, Destination, put_destination
from libs.store.engine import open_pool, transaction
from libs.testing.health import get, is_ready, wait_until
from libs.testing.receiver import Receiver, answering, silent
from services.outbound_sender.tests.test_client import message

CA = answering("CA")


class Installation:
    """Settings of the process, and what a transformer would do."""

    def __init__(self, postgres_url: str, redis_url: str) -> None:
        self.port = free_port()
        self.postgres_url = postgres_url
        self.redis_url = redis_url

    def start(self) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(self.command, env=self.environment, stdout=subprocess.DEVNULL)
        wait_until(lambda: is_ready(self.port))
        return process

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-m", "services.outbound_sender"]

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "EHR_DATABASE_URL": self.postgres_url,
            "EHR_REDIS_URL": self.redis_url,
            "EHR_OUTBOUND_SENDER_PORT": str(self.port),
        }

    def destination(self, name: str, receiver: Receiver, answer_within: int = 30) -> None:
        to = Destination(name, "127.0.0.1", receiver.port, False, [], True, answer_within, DEAD_LETTER)
        with open_pool(self.postgres_url, 1) as pool, transaction(pool, "default") as connection:
            put_destination(connection, "default", to)

    def send(self, name: str, *control_ids: str, on_lane: bool = True) -> None:
        """Commit deliveries; if they are not put on their lane, as a crash after the commit leaves them."""
        then = datetime.now(UTC) - timedelta(seconds=0 if on_lane else 60)
        owed = [
            Owed(name, f"{int(control_id[1:]):032x}", name, control_id, message(control_id))
            for control_id in control_ids
        ]
        with open_pool(self.postgres_url, 1) as pool, transaction(pool, "default") as connection:
            dues = deliveries.owe(connection, "default", owed, then)
        if on_lane:
            with Redis.from_url(self.redis_url) as redis:
                enqueue(redis, [(due.lane, due.to_wire()) for due in dues])

    def states(self) -> dict[str, int]:
        with psycopg.connect(self.postgres_url) as connection:
            return dict(connection.execute("SELECT state, count(*) FROM delivery GROUP BY 1").fetchall())


@pytest.fixture
def installation(fresh_postgres_url: str, redis_url: str) -> Installation:
    return Installation(fresh_postgres_url, redis_url)


@pytest.fixture
def process(installation: Installation) -> Iterator["subprocess.Popen[bytes]"]:
    process = installation.start()
    yield process
    process.kill()
    process.wait()


def ids(count: int, first: int = 1) -> list[str]:
    return [f"A{number}" for number in range(first, first + count)]


@pytest.mark.usefixtures("process")
def test_deliveries_arrive_in_order_over_one_connection_and_are_counted(installation: Installation) -> None:
    with Receiver(CA) as receiver:
        installation.destination("lab", receiver)
        installation.send("lab", *ids(100))
        installation.send("lab", *ids(100, 101))

        wait_until(lambda: installation.states() == {"delivered": 200})

    assert receiver.received == [message(one) for one in ids(200)]
    assert receiver.connections == 1
    _, metrics = get(installation.port, "/metrics")
    assert b'hl7_messages_sent_total{message_type="ACK",org_id="default"} 200.0' in metrics
    assert b'queue_processing_rate_total{queue_name="hl7.outbound",status="settled"} 200.0' in metrics
    for gauge in (b"queue_depth", b"lane_oldest_message_seconds", b"dead_letters"):
        assert gauge + b'{queue_name="hl7.outbound"} 0.0' in metrics


@pytest.mark.usefixtures("process")
def test_a_destination_that_is_silent_holds_up_no_other(installation: Installation) -> None:
    with Receiver(CA) as lab, Receiver(silent) as mute:
        for number in range(10):
            installation.destination(f"mute-{number}", mute, answer_within=600)
            installation.send(f"mute-{number}", f"A{number}")
        wait_until(lambda: len(mute.received) == 10)
        installation.destination("lab", lab)
        installation.send("lab", *ids(10, 100))

        wait_until(lambda: installation.states() == {"delivered": 10, "pending": 10})

    assert len(mute.received) == 10, "each is waited for, and sent once"


@pytest.mark.usefixtures("process")
def test_a_destination_that_was_down_gets_everything_in_order_when_it_is_back(
    installation: Installation,
) -> None:
    with Receiver(CA) as receiver:
        installation.destination("lab", receiver)
    installation.send("lab", *ids(3))
    wait_until(lambda: _attempts(installation) >= 2)

    with receiver:
        wait_until(lambda: installation.states() == {"delivered": 3})

    assert receiver.received == [message(one) for one in ids(3)]


@pytest.mark.usefixtures("process")
def test_what_a_crash_left_off_its_lane_is_found_and_sent_once(installation: Installation) -> None:
    with Receiver(CA) as receiver:
        installation.destination("lab", receiver)
        installation.send("lab", *ids(3), on_lane=False)

        wait_until(lambda: installation.states() == {"delivered": 3})

    assert receiver.received == [message(one) for one in ids(3)]


def test_killed_between_the_answer_and_the_mark_it_sends_the_same_bytes_again(
    installation: Installation,
) -> None:
    process = installation.start()

    def kill_then_answer(received: bytes) -> bytes | None:
        if not receiver.received[1:]:
            process.kill()
            process.wait()
        return CA(received)

    with Receiver(kill_then_answer) as receiver:
        installation.destination("lab", receiver)
        installation.send("lab", *ids(3))
        wait_until(lambda: process.poll() is not None)
        assert installation.states() == {"pending": 3}

        process = installation.start()
        wait_until(lambda: installation.states() == {"delivered": 3})
        process.kill()
        process.wait()

    assert receiver.received == [message(one) for one in ("A1", "A1", "A2", "A3")]


def test_it_stops_while_a_destination_is_silent_and_the_next_one_goes_on(installation: Installation) -> None:
    process = installation.start()
    with Receiver(silent) as receiver:
        installation.destination("lab", receiver, answer_within=600)
        installation.send("lab", "A1")
        wait_until(lambda: receiver.received)

        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
        assert _attempts(installation) == 0, "it has not failed"

        receiver.answer = CA
        process = installation.start()
        wait_until(lambda: installation.states() == {"delivered": 1})
        process.kill()
        process.wait()

    assert receiver.received == [message("A1")] * 2


@pytest.mark.usefixtures("process")
def test_a_destination_that_is_paused_is_sent_nothing(installation: Installation, redis: Redis) -> None:
    pause(redis, outbound_lane("default", "lab"))
    with Receiver(CA) as lab, Receiver(CA) as ward:
        installation.destination("lab", lab)
        installation.destination("ward", ward)
        installation.send("lab", "A1")
        installation.send("ward", "A2")
        wait_until(lambda: ward.received)
        assert lab.received == []

        resume(redis, outbound_lane("default", "lab"))
        wait_until(lambda: lab.received == [message("A1")])


@pytest.mark.usefixtures("process")
def test_it_says_that_its_port_is_taken_and_what_it_depends_on(installation: Installation) -> None:
    second = subprocess.run(
        installation.command, env=installation.environment, capture_output=True, text=True, check=False
    )
    status, body = get(installation.port, "/health/ready")

    where = f"127.0.0.1:{installation.port}"
    assert second.stderr == (
        f"cannot listen on {where}: Address already in use; EHR_OUTBOUND_SENDER_PORT moves it\n"
    )
    assert (status, orjson.loads(body)["checks"]) == (200, {"redis": "up", "database": "up"})


def _attempts(installation: Installation) -> int:
    with psycopg.connect(installation.postgres_url) as connection:
        [(attempts,)] = connection.execute("SELECT max(attempts) FROM delivery").fetchall()
        return int(attempts)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("EHR_OUTBOUND_AUTHORITY", "EHR_OUTBOUND_AUTHORITY, _CERTIFICATE or _KEY cannot be used: "),
        ("EHR_OUTBOUND_CERTIFICATE", "EHR_OUTBOUND_AUTHORITY, _CERTIFICATE or _KEY cannot be used: "),
        ("EHR_OUTBOUND_KEY", "EHR_OUTBOUND_KEY is set without EHR_OUTBOUND_CERTIFICATE"),
    ],
)
def test_it_does_not_start_with_files_for_tls_that_cannot_be_used(name: str, said: str) -> None:
    nowhere = Installation("postgresql://127.0.0.1:1/none", "redis://127.0.0.1:1")
    environment = {**nowhere.environment, name: "/nowhere.pem"}

    ended = subprocess.run(
        nowhere.command, env=environment, capture_output=True, text=True, timeout=30, check=False
    )

    assert ended.returncode == 1
    assert ended.stderr.startswith(f"outbound-sender: {said}")
    assert ended.stderr.count("\n") == 1
