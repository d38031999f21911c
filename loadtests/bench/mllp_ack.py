"""Durable ACKs a second and their latency: `python -m loadtests.bench.mllp_ack`.

Starts a Redis of its own (append-only file, synced before every answer) and a gateway, and sends ADT
messages of about 1 kB over connections that each wait for an ACK before the next message.
"""

import argparse
import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from typing import Any
from urllib.request import urlopen

from libs.embedded.process import free_port
from libs.embedded.redis import Redis
from loadtests.bench.result import Result, Row, table

_MESSAGE = (
    "\x0bMSH|^~\\&|ADMIT|NORTH|EHR|MAIN|20260302101500||ADT^A01^ADT_A01|{id}|P|2.5.1|||||||\r"
    "EVN|A01|20260302101500||||20260302101400\r"
    "PID|1||{patient}^^^NORTH^MR~900{patient}^^^SSA^SS||Example^Paula^Q^^Ms||19700131|F||2106-3^White^CDCREC|"
    "12 Long Street^^Springfield^IL^62701^USA^H||^PRN^PH^^1^217^5550100|^WPN^PH^^1^217^5550101|en|M|"
    "||||||||||N\r"
    "PD1|||North Clinic^^10001|1234^Family^Fred^^^Dr^MD\r"
    "NK1|1|Example^Peter|SPO^Spouse^HL70063|12 Long Street^^Springfield^IL^62701|^PRN^PH^^1^217^5550102\r"
    "PV1|1|I|WARD1^101^1^NORTH^^N|E|||1111^Attend^Anna^^^Dr|2222^Refer^Rolf^^^Dr||MED||||1|||1111^Attend^Anna|IP|"
    "V{patient}^^^NORTH^VN|SELF|||||||||||||||||||||NORTH||A|||20260302101400\r"
    "AL1|1|DA|70618^Penicillin^RXNORM|SV|Hives\r"
    "DG1|1||I10^Essential hypertension^I10||20260302|A\r\x1c\r"
)


def measure(connections: int, seconds: float, idle: int = 0) -> Row:
    """Throughput and latency at a number of connections, beside `idle` ones, against a fresh gateway."""
    with gateway() as (port, process):
        figures = asyncio.run(load(port, connections, seconds, idle))
        return {"server": "ehrconnect", **figures, "RSS MB": _resident_megabytes(process)}


def measure_python_hl7(connections: int, seconds: float) -> Row:
    """The same against python-hl7's server, which stores nothing."""
    port = free_port()
    with _process("loadtests.bench.mllp_python_hl7", str(port)) as process:
        _wait(lambda: socket.create_connection(("127.0.0.1", port), timeout=2).close())
        figures = asyncio.run(load(port, connections, seconds))
        return {"server": "python-hl7, stores nothing", **figures, "RSS MB": _resident_megabytes(process)}


@contextmanager
def gateway() -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """The MLLP port and the process of a gateway that writes to a durable Redis."""
    with tempfile.TemporaryDirectory() as folder:
        redis = Redis(Path(folder) / "redis", free_port())
        redis.start()
        port, http = free_port(), free_port()
        settings = {
            "EHR_REDIS_URL": redis.url(),
            "EHR_MLLP_PORT": str(port),
            "EHR_GATEWAY_HTTP_PORT": str(http),
            "EHR_MLLP_MAX_CONNECTIONS_PER_ADDRESS": "5000",
        }
        try:
            with _process("services.mllp_gateway", **settings) as process:
                _wait(lambda: urlopen(f"http://127.0.0.1:{http}/health/ready", timeout=2).close())
                yield port, process
        finally:
            redis.stop()


@contextmanager
def _process(module: str, *arguments: str, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """A Python module as a process, its output dropped but read, as a supervisor would."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        env={**os.environ, **settings},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


async def load(port: int, connections: int, seconds: float, idle: int = 0) -> Row:
    """Send for `seconds` over each of the connections, a message at a time."""
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(idle)]
    latencies: list[float] = []
    started = time.perf_counter()
    deadline = started + seconds
    senders = [_send(port, number, deadline, latencies) for number in range(connections)]
    await asyncio.gather(*senders)
    elapsed = time.perf_counter() - started
    for _, writer in silent:
        writer.close()
    cuts = quantiles(latencies, n=100)
    return {
        "connections": connections,
        "idle": idle,
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


def _wait(attempt: Callable[[], object]) -> None:
    """Until an attempt does not raise OSError."""
    deadline = time.monotonic() + 30
    while True:
        try:
            attempt()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _resident_megabytes(process: subprocess.Popen[bytes]) -> float | None:
    """The most memory that a process ever had; None where the system does not say (only Linux does)."""
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        return None
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return round(int(line.split()[1]) / 1024, 1)


def figures(seconds: float) -> list[Row]:
    """What `make bench` prints: 1 to 500 connections, a crowd of idle ones, and python-hl7 beside it."""
    return [
        *(measure(connections, seconds) for connections in (1, 10, 100, 500)),
        measure(100, seconds, idle=2_000),
        measure_python_hl7(100, seconds),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, help="one measurement instead of the usual ones")
    parser.add_argument("--seconds", type=float, default=5)
    arguments = parser.parse_args()
    if arguments.connections:
        rows = [measure(arguments.connections, arguments.seconds)]
    else:
        rows = figures(arguments.seconds)
    print(table(Result("acks", "Durable ACKs, the gateway and Redis alone", rows)))


if __name__ == "__main__":
    main()
