"""However the gateway ends: what it acknowledged is in Redis."""

import asyncio
import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from libs.embedded.redis import Redis
from libs.testing.health import wait_until
from services.mllp_gateway.tests.harness import (
    GatewayProcess,
    adt,
    code,
    framed,
    running_gateway,
    stored_bodies,
)

CONNECTIONS = 20


async def send_until_closed(port: int, sender: int, acknowledged: set[bytes], enough: asyncio.Event) -> None:
    """Send messages, four ahead of their answers, until the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    number = 0
    try:
        while True:
            ids = [f"{sender}-{number + n}" for n in range(4)]
            number += 4
            writer.write(b"".join(framed(adt(i, patient=str(sender))) for i in ids))
            for _ in ids:
                answer = await reader.readuntil(b"\x1c\r")
                line = next(line for line in answer.split(b"\r") if line.startswith(b"MSA|AA|"))
                acknowledged.add(line.removeprefix(b"MSA|AA|"))
            if len(acknowledged) >= 500:
                enough.set()
    except (ConnectionError, asyncio.IncompleteReadError):
        writer.close()


def under_load(gateway: GatewayProcess, number: signal.Signals) -> tuple[set[bytes], float]:
    """End the gateway after 500 answers; the MSH-10 it acknowledged, and the seconds its end took."""

    async def run() -> tuple[set[bytes], float]:
        acknowledged: set[bytes] = set()
        enough = asyncio.Event()
        loop = asyncio.get_running_loop()
        tasks = [
            asyncio.create_task(send_until_closed(gateway.port, sender, acknowledged, enough))
            for sender in range(CONNECTIONS)
        ]
        await enough.wait()
        began = loop.time()
        gateway.process.send_signal(number)
        await asyncio.gather(*tasks)
        await asyncio.to_thread(gateway.process.wait, 10)
        return acknowledged, loop.time() - began

    return asyncio.run(run())


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGKILL, -9)])
def test_what_was_acknowledged_is_in_redis(
    tmp_path: Path, durable_redis: Redis, number: signal.Signals, status: int
) -> None:
    with running_gateway(tmp_path, durable_redis.url()) as gateway:
        acknowledged, seconds = under_load(gateway, number)

        assert gateway.process.returncode == status
        assert seconds < 5
    present = {body.split(b"|")[9] for body in stored_bodies(durable_redis.url())}
    assert len(acknowledged) >= 500
    assert acknowledged - present == set()


def test_sigterm_lets_what_has_arrived_be_answered_and_frames_be_completed(
    tmp_path: Path, durable_redis: Redis
) -> None:
    message = framed(adt("open"))
    with running_gateway(tmp_path, durable_redis.url()) as gateway, gateway.connect() as peer:
        peer.send(framed(adt("whole")) + message[:50])
        assert code(peer.answer()) == "AA"

        gateway.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not listens(gateway.port))
        peer.send(message[50:])

        assert code(peer.answer()) == "AA"
        assert peer.answer() is None
        assert gateway.process.wait(5) == 0
    assert stored_bodies(durable_redis.url()) == [adt("whole"), adt("open")]


def test_sigterm_ends_idle_and_stuck_connections_in_time(tmp_path: Path, durable_redis: Redis) -> None:
    with (
        running_gateway(tmp_path, durable_redis.url()) as gateway,
        gateway.connect() as idle,
        gateway.connect() as stuck,
    ):
        stuck.send(framed(adt())[:50])
        gateway.process.send_signal(signal.SIGTERM)

        assert idle.answer() is None
        assert stuck.answer() is None
        assert gateway.process.wait(5) == 0


def test_sigterm_ends_a_gateway_whose_redis_hangs(tmp_path: Path, durable_redis: Redis) -> None:
    with running_gateway(tmp_path, durable_redis.url()) as gateway, gateway.connect() as peer:
        os.kill(durable_redis.pid, signal.SIGSTOP)
        peer.send(framed(adt() + b"OBX|1|ED|PDF||" + b"x" * 9_000_000 + b"\r"))
        wait_until(lambda: gateway.metric('mllp_frames_total{listener="mllp"}') == 1)

        gateway.process.send_signal(signal.SIGTERM)

        assert peer.answer() is None
        assert gateway.process.wait(5) == 0


def test_sigterm_lets_a_request_be_answered(tmp_path: Path, durable_redis: Redis) -> None:
    body = adt("over-http")
    head = f"POST /hl7 HTTP/1.0\r\nContent-Type: application/hl7-v2\r\nContent-Length: {len(body)}\r\n\r\n"
    with (
        running_gateway(tmp_path, durable_redis.url()) as gateway,
        socket.create_connection(("127.0.0.1", gateway.http)) as request,
    ):
        os.kill(durable_redis.pid, signal.SIGSTOP)
        request.sendall(head.encode() + body)
        assert gateway.get("/health/live")[0] == 200  # asked later: so the request has arrived

        gateway.process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            gateway.process.wait(0.7)
        os.kill(durable_redis.pid, signal.SIGCONT)

        answer = b"".join(iter(lambda: request.recv(65536), b""))
        assert answer.split(maxsplit=2)[1] == b"200"
        assert b"\rMSA|AA|over-http\r" in answer
        assert gateway.process.wait(5) == 0


def test_a_second_gateway_on_the_port_says_so_in_one_line(tmp_path: Path, gateway: GatewayProcess) -> None:
    second = GatewayProcess(tmp_path, "redis://127.0.0.1:1", mllp_port=gateway.port)

    assert second.process.wait(10) == 1
    assert f"port {gateway.port} of 127.0.0.1 cannot be opened" in second._log.read_text()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
