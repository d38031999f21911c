"""Durable ACKs a second and their latency: `python -m loadtests.bench.mllp_ack [--connections 1,10,100]`.

Starts a Redis of its own (append-only file, synced before every answer) and a gateway, and sends ADT
messages of about 1 kB over connections that each wait for an ACK before the next message.
"""

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from typing import Any

from libs.embedded.process import free_port
from libs.embedded.redis import Redis

_MESSAGE = (
    "\x0bMSH|^~\\&|ADMIT|NORTH|EHR|MAIN|20260302101500||ADT^A01^ADT_A01|{id}|P|2.5.1|||||||\r"
    "EVN|A01|20260302101500||||20260302101400\r"
    "PID|1||{patient}^^^NORTH^MR~900{patient}^^^SSA^SS||Example^Paula^Q^^Ms||19700131|F||2106-3^White^CDCREC|"
    "12 Long Street^^Springfield^IL^62701^USA^H||^PRN^PH^^1^217^5550100|^WPN^PH^^1^217^5550101|en|M|||||||||||N\r"
    "PD1|||North Clinic^^10001|1234^Family^Fred^^^Dr^MD\r"
    "NK1|1|Example^Peter|SPO^Spouse^HL70063|12 Long Street^^Springfield^IL^62701|^PRN^PH^^1^217^5550102\r"
    "PV1|1|I|WARD1^101^1^NORTH^^N|E|||1111^Attend^Anna^^^Dr|2222^Refer^Rolf^^^Dr||MED||||1|||1111^Attend^Anna|IP|"
    "V{patient}^^^NORTH^VN|SELF|||||||||||||||||||||NORTH||A|||20260302101400\r"
    "AL1|1|DA|70618^Penicillin^RXNORM|SV|Hives\r"
    "DG1|1||I10^Essential hypertension^I10||20260302|A\r\x1c\r"
)


def measure(connections: int, seconds: float) -> dict[str, float]:
    """Throughput and latency at a number of connections, against a fresh gateway and Redis."""
    with gateway() as port:
        return asyncio.run(load(port, connections, seconds))


@contextmanager
def gateway() -> Iterator[int]:
    """The MLLP port of a gateway that writes to a durable Redis."""
    with tempfile.TemporaryDirectory() as folder:
        redis = Redis(Path(folder) / "redis", free_port())
        redis.start()
        port, http = free_port(), free_port()
        environment = {
            **os.environ,
            "EHR_REDIS_URL": redis.url(),
            "EHR_MLLP_PORT": str(port),
            "EHR_GATEWAY_HTTP_PORT": str(http),
        }
        with (Path(folder) / "gateway.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "services.mllp_gateway"], env=environment, stdout=log
            )
        try:
            asyncio.run(_until_open(http))
            yield port
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()
            redis.stop()


async def load(port: int, connections: int, seconds: float) -> dict[str, float]:
    """Send for `seconds` over each of the connections, a message at a time."""
    latencies: list[float] = []
    started = time.perf_counter()
    deadline = started + seconds
    senders = [_send(port, number, deadline, latencies) for number in range(connections)]
    await asyncio.gather(*senders)
    elapsed = time.perf_counter() - started
    cuts = quantiles(latencies, n=100)
    return {
        "connections": connections,
        "acks_per_second": round(len(latencies) / elapsed),
        "p50_ms": round(cuts[49] * 1000, 2),
        "p95_ms": round(cuts[94] * 1000, 2),
        "p99_ms": round(cuts[98] * 1000, 2),
    }


class _Sender(asyncio.Protocol):
    """Sends its next message when the ACK of the last one has come."""

    def __init__(self, number: int, deadline: float, latencies: list[float]) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._number = number
        self._deadline = deadline
        self._latencies = latencies
        self._count = 0
        self._sent = 0.0
        self._received = b""
        self._head, _, rest = _MESSAGE.partition("{id}")
        self._rest = rest.replace("{patient}", str(100_000 + number))
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._received.endswith(b"\x1c\r"):
            return
        if b"MSA|AA|" not in self._received:
            self.done.set_exception(RuntimeError("a message was not accepted"))
            self._transport.close()
            return
        self._received = b""
        now = time.perf_counter()
        self._latencies.append(now - self._sent)
        if now < self._deadline:
            self._send()
        else:
            self._transport.close()
            self.done.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the gateway closed a connection"))

    def _send(self) -> None:
        self._count += 1
        self._sent = time.perf_counter()
        self._transport.write(f"{self._head}{self._number}-{self._count}{self._rest}".encode())


async def _send(port: int, number: int, deadline: float, latencies: list[float]) -> None:
    loop = asyncio.get_running_loop()
    _, sender = await loop.create_connection(lambda: _Sender(number, deadline, latencies), "127.0.0.1", port)
    await sender.done


async def _until_open(port: int) -> None:
    for _ in range(500):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            return
    raise RuntimeError("the gateway did not start")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", default="1,10,100")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    arguments = parser.parse_args()
    rows = [measure(int(number), arguments.seconds) for number in arguments.connections.split(",")]
    print(f"{'connections':>11} {'ACKs/s':>8} {'p50 ms':>8} {'p95 ms':>8} {'p99 ms':>8}")
    for row in rows:
        print("{connections:>11} {acks_per_second:>8} {p50_ms:>8} {p95_ms:>8} {p99_ms:>8}".format(**row))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
