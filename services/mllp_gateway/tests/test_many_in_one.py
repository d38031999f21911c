"""One frame or request may hold very many messages: nobody else waits for it, and nothing of it is lost."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import httpx

from libs.embedded.redis import Redis
from libs.testing.health import wait_until
from services.mllp_gateway.tests.harness import (
    GatewayProcess,
    Peer,
    adt,
    code,
    fields,
    framed,
    running_gateway,
    stored_bodies,
)

BAD = b"MSH|^~\\&|A|B\r"  # it has no MSH-10
MANY = 300_000
REFUSED = 'hl7_parse_errors_total{error_type="no_control_id"}'


@contextmanager
def reading(peer: Peer) -> Iterator[list[bytes]]:
    """What the gateway sends meanwhile, until it closes or the block ends."""
    chunks: list[bytes] = []

    def read() -> None:
        try:
            while data := peer.socket.recv(1 << 20):
                chunks.append(data)
        except OSError:
            return

    thread = Thread(target=read)
    thread.start()
    try:
        yield chunks
    finally:
        peer.socket.close()
        thread.join()


def test_others_are_served_while_a_frame_of_very_many_messages_is_taken(
    tmp_path: Path, redis_url: str
) -> None:
    with running_gateway(tmp_path, redis_url) as gateway, gateway.connect() as peer, reading(peer):
        peer.send(framed(BAD * MANY))
        wait_until(lambda: gateway.metric(REFUSED) > 0)

        assert code(gateway.ask(adt("other"))) == "AA"
        assert gateway.metric(REFUSED) < MANY


def test_each_message_of_a_large_batch_is_answered_in_order(gateway: GatewayProcess, redis_url: str) -> None:
    ids = [str(number) for number in range(5_000)]
    batch = [adt(i, type="QQQ" if int(i) % 3 == 0 else "ADT^A01", patient="1") for i in ids]
    with gateway.connect() as peer:
        peer.send(framed(b"BHS|^~\\&\r" + b"".join(batch) + b"BTS|5000\r") + framed(adt("next")))

        answers = [fields(peer.answer(), "MSA")[1:3] for _ in [*ids, "next"]]
    assert answers == [["AR" if int(i) % 3 == 0 else "AA", i] for i in ids] + [["AA", "next"]]
    stored = [message for number, message in enumerate(batch) if number % 3] + [adt("next")]
    assert sorted(stored_bodies(redis_url)) == sorted(stored)
    assert [body for body in stored_bodies(redis_url) if body != adt("next")] == stored[:-1]


def test_the_refusals_of_one_frame_do_not_flood_the_log(tmp_path: Path, redis_url: str) -> None:
    with running_gateway(tmp_path, redis_url) as gateway, gateway.connect() as peer:
        peer.send(framed(BAD * 500 + adt("good")))
        assert [code(peer.answer()) for _ in range(501)] == ["AE"] * 500 + ["AA"]
        wait_until(lambda: any(line.get("messages") for line in gateway.log()))

        lines = [line for line in gateway.log() if line.get("reason") == "no_control_id"]
        assert [line.get("messages") for line in lines] == [None] * 10 + [490]
        assert gateway.metric(REFUSED) == 500


def test_a_large_batch_waits_for_a_peer_that_does_not_read_its_answers_and_not_for_ever(
    tmp_path: Path, redis_url: str
) -> None:
    with (
        running_gateway(tmp_path, redis_url, mllp_frame_timeout=2) as gateway,
        gateway.connect() as peer,
    ):
        peer.send(framed(BAD * MANY))

        wait_until(lambda: gateway.metric('mllp_connections_dropped_total{reason="answers_not_read"}') == 1)
        wait_until(lambda: gateway.metric("mllp_connections") == 0)
        assert gateway.metric(REFUSED) < MANY
        assert gateway.resident_bytes() < 150_000_000
        assert code(gateway.ask(adt("other"))) == "AA"


def test_a_peer_that_leaves_in_the_middle_of_its_batch_ends_it(tmp_path: Path, redis_url: str) -> None:
    with running_gateway(tmp_path, redis_url) as gateway:
        with gateway.connect() as peer:
            peer.send(framed(BAD * MANY))
            wait_until(lambda: gateway.metric(REFUSED) > 0)

        wait_until(lambda: gateway.metric("mllp_connections") == 0)
        assert gateway.metric(REFUSED) < MANY
        assert code(gateway.ask(adt("other"))) == "AA"


def test_sigterm_in_the_middle_of_a_batch_acknowledges_only_what_is_stored(
    tmp_path: Path, durable_redis: Redis
) -> None:
    batch = b"".join(adt(str(number), patient=str(number)) for number in range(40_000))
    with running_gateway(tmp_path, durable_redis.url()) as gateway, gateway.connect() as peer:
        with reading(peer) as chunks:
            peer.send(framed(batch))
            wait_until(lambda: len(chunks) > 0)

            gateway.process.send_signal(signal.SIGTERM)

            assert gateway.process.wait(5) == 0
        answers = [line for line in b"".join(chunks).split(b"\r") if line.startswith(b"MSA|")]
    present = {body.split(b"|")[9] for body in stored_bodies(durable_redis.url())}
    assert len(answers) > 0
    assert {line.removeprefix(b"MSA|AA|") for line in answers[:-1]} <= present


def test_a_batch_that_sigterm_finds_under_way_is_finished_when_there_is_time(
    tmp_path: Path, durable_redis: Redis
) -> None:
    messages = [adt(str(number)) for number in range(2_000)]
    with running_gateway(tmp_path, durable_redis.url()) as gateway, gateway.connect() as peer:
        peer.send(framed(b"".join(messages)))
        assert code(peer.answer()) == "AA"
        gateway.process.send_signal(signal.SIGTERM)

        assert [code(peer.answer()) for _ in messages[1:]] == ["AA"] * 1_999
        assert peer.answer() is None
        assert gateway.process.wait(5) == 0
    assert stored_bodies(durable_redis.url()) == messages


def test_a_batch_waits_while_storage_does(tmp_path: Path, durable_redis: Redis) -> None:
    messages = [adt(str(number)) + b"OBX|1|ED|PDF||" + b"x" * 50_000 + b"\r" for number in range(36)]
    frames = 'mllp_frames_total{listener="mllp"}'
    with (
        running_gateway(tmp_path, durable_redis.url(), mllp_memory=1_000_000, redis_timeout=60) as gateway,
        gateway.connect() as peer,
    ):
        os.kill(durable_redis.pid, signal.SIGSTOP)
        for first in (0, 12, 24):
            peer.send(framed(b"".join(messages[first : first + 12])))
        wait_until(lambda: gateway.metric(frames) == 2)
        assert code(gateway.ask(BAD)) == "AE"
        assert gateway.metric(frames) == 3  # that one, and not the third batch

        os.kill(durable_redis.pid, signal.SIGCONT)
        assert [code(peer.answer()) for _ in messages] == ["AA"] * 36
    assert stored_bodies(durable_redis.url()) == messages


def test_a_request_with_very_many_messages_is_refused_at_once(gateway: GatewayProcess) -> None:
    response = post(gateway, BAD * 600_000)

    assert response.status_code == 413
    assert "10000 messages" in response.text


def test_a_request_with_many_messages_is_answered_as_a_whole(gateway: GatewayProcess, redis_url: str) -> None:
    messages = [adt(str(number)) for number in range(3_000)]

    response = post(gateway, b"".join(messages))

    answers = [line for line in response.content.split(b"\r") if line.startswith(b"MSA")]
    assert response.status_code == 200
    assert answers == [b"MSA|AA|%d" % number for number in range(3_000)]
    assert stored_bodies(redis_url) == messages


def post(gateway: GatewayProcess, content: bytes) -> httpx.Response:
    headers = {"content-type": "application/hl7-v2"}
    return httpx.post(f"http://127.0.0.1:{gateway.http}/hl7", content=content, headers=headers, timeout=30)
