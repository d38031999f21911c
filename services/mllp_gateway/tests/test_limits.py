"""Memory, connections and time are bounded, whatever peers do."""

import contextlib
import os
import signal
from pathlib import Path

import pytest

from libs.embedded.redis import Redis
from libs.testing.health import wait_until
from services.mllp_gateway.limits import Limits
from services.mllp_gateway.tests.harness import (
    adt,
    code,
    framed,
    is_refused,
    running_gateway,
    stored_bodies,
)


class Reader:
    told = 0

    def memory_available(self) -> None:
        self.told += 1


def test_connections_are_counted_in_all_and_by_address() -> None:
    limits = Limits(connections=3, per_address=2, memory=100)

    assert [limits.enter(address) for address in "aaabb"] == [True, True, False, True, False]
    limits.leave("a")
    assert [limits.enter(address) for address in "ba"] == [True, False]


def test_who_waits_for_memory_is_told_once_when_half_of_it_is_free() -> None:
    limits, reader = Limits(connections=1, per_address=1, memory=100), Reader()
    limits.hold(60)
    limits.hold(60)
    assert limits.is_full
    limits.wait(reader)

    limits.release(60)
    assert reader.told == 0
    limits.release(20)
    limits.release(20)
    assert reader.told == 1


def test_one_address_cannot_take_every_connection(tmp_path: Path, redis_url: str) -> None:
    with (
        running_gateway(tmp_path, redis_url, mllp_max_connections_per_address=2) as gateway,
        gateway.connect() as first,
    ):
        with gateway.connect() as second:
            assert code(first.ask(adt("1"))) == code(second.ask(adt("2"))) == "AA"
            assert is_refused(gateway.port)
            assert gateway.metric("mllp_connections") == 2
        wait_until(lambda: gateway.metric("mllp_connections") == 1)

        assert code(gateway.ask(adt("3"))) == "AA"


def test_a_message_that_does_not_become_whole_in_time_ends_its_connection(
    tmp_path: Path, redis_url: str
) -> None:
    with (
        running_gateway(tmp_path, redis_url, mllp_frame_timeout=0.5) as gateway,
        gateway.connect() as idle,
        gateway.connect() as stuck,
    ):
        stuck.send(framed(adt("1")) + framed(adt("2"))[:50])

        assert code(stuck.answer()) == "AA"
        assert stuck.answer() is None
        assert gateway.metric('mllp_connections_dropped_total{reason="frame_timeout"}') == 1
        assert code(idle.ask(adt("3"))) == "AA"
    assert adt("2") not in stored_bodies(redis_url)


def test_while_redis_is_slow_senders_wait_and_memory_stays(tmp_path: Path, durable_redis: Redis) -> None:
    messages = [adt(str(number)) + b"OBX|1|ED|PDF||" + b"x" * 1_000_000 + b"\r" for number in range(60)]
    stream = b"".join(map(framed, messages))
    with (
        running_gateway(tmp_path, durable_redis.url(), mllp_memory=10_000_000, redis_timeout=60) as gateway,
        gateway.connect() as peer,
    ):
        os.kill(durable_redis.pid, signal.SIGSTOP)
        peer.socket.settimeout(1)
        with pytest.raises(TimeoutError):
            peer.send(stream)
        assert 9 <= gateway.metric('mllp_frames_total{listener="mllp"}') <= 12

        os.kill(durable_redis.pid, signal.SIGCONT)
        wait_until(lambda: gateway.metric("mllp_ack_duration_seconds_count") >= 9)
        assert gateway.resident_bytes() < 150_000_000
    assert stored_bodies(durable_redis.url())[:9] == messages[:9]


def test_a_peer_that_does_not_read_its_answers_is_not_read(tmp_path: Path, redis_url: str) -> None:
    with running_gateway(tmp_path, redis_url) as gateway, gateway.connect() as peer:
        peer.socket.settimeout(1)
        stream = framed(adt("1")) * 1000
        with contextlib.suppress(TimeoutError):
            for _ in range(1000):
                peer.send(stream)

        assert gateway.resident_bytes() < 150_000_000
        assert code(gateway.ask(adt("2"))) == "AA"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_under_the_log_costs_no_one_an_answer(tmp_path: Path, redis_url: str) -> None:
    with (
        running_gateway(tmp_path, redis_url, log=Path("/dev/full")) as gateway,
        gateway.connect() as peer,
    ):
        assert [code(peer.ask(adt(number))) for number in "123"] == ["AA"] * 3
        assert code(peer.ask(adt("4", type="QQQ"))) == "AR"
