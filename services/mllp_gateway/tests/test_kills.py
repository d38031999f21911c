"""The gateway, or its Redis, killed again and again, while senders resend what was not acknowledged."""

import asyncio
import os
import random
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from libs.embedded.redis import Redis
from services.mllp_gateway.tests.harness import GatewayProcess, adt, framed, stored

KILLS = int(os.environ.get("KILLS", "4"))
SENDERS = 50


@pytest.mark.parametrize("victim", ["gateway", "redis"])
def test_nothing_acknowledged_is_lost_and_order_holds(
    tmp_path: Path, durable_redis: Redis, victim: str
) -> None:
    """KILLS=100 for the long form."""
    acknowledged = asyncio.run(_send_through_kills(tmp_path, durable_redis, victim))

    kept: dict[int, dict[str, int]] = defaultdict(dict)  # sender -> message id -> number, in lane order
    for envelope in stored(durable_redis.url()):
        sender, number = envelope.body.split(b"|")[9].split(b"-")
        kept[int(sender)].setdefault(envelope.message_id, int(number))  # a resend is applied once
    assert sum(acknowledged) > KILLS * SENDERS
    for sender_number, count in enumerate(acknowledged):
        numbers = list(kept[sender_number].values())
        assert numbers in (list(range(count)), list(range(count + 1)))  # the last may be unanswered


async def _send_through_kills(folder: Path, redis: Redis, victim: str) -> list[int]:
    """How many messages each sender got acknowledged."""
    acknowledged, progress = [0] * SENDERS, asyncio.Event()
    gateway = GatewayProcess(folder, redis.url())
    ports: dict[str, Any] = {"mllp_port": gateway.port, "gateway_http_port": gateway.http}
    senders = [asyncio.create_task(_send(gateway.port, n, acknowledged, progress)) for n in range(SENDERS)]
    try:
        for _ in range(KILLS):
            progress.clear()
            await progress.wait()
            await asyncio.sleep(random.uniform(0, 0.1))
            if victim == "redis":
                redis.kill()
                await asyncio.to_thread(redis.start)
            else:
                gateway.kill()
                gateway = GatewayProcess(folder, redis.url(), **ports)
    finally:
        for sender in senders:
            sender.cancel()
        await asyncio.gather(*senders, return_exceptions=True)
        gateway.kill()
    return acknowledged


async def _send(port: int, sender: int, acknowledged: list[int], progress: asyncio.Event) -> None:
    """Send one message after the other, each again until it is acknowledged."""
    while True:
        async with _connection(port) as (reader, writer):
            try:
                while True:
                    control_id = f"{sender}-{acknowledged[sender]}"
                    writer.write(framed(adt(control_id, patient=str(sender))))
                    answer = await reader.readuntil(b"\x1c\r")
                    assert f"MSA|AA|{control_id}\r".encode() in answer
                    acknowledged[sender] += 1
                    progress.set()
            except (ConnectionError, asyncio.IncompleteReadError):
                continue


@asynccontextmanager
async def _connection(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.02)
        else:
            break
    try:
        yield reader, writer
    finally:
        writer.close()
