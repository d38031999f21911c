"""How many FHIR reads a second the API answers, and how long each takes.

`python -m loadtests.bench.fhir_read` measures the system that `make run` started. The load comes out of
a process of its own, over connections that stay open, one request at a time on each.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import cast
from urllib.parse import urlsplit

RUN_ENV = Path(".run/env")


@dataclass(frozen=True, slots=True)
class Figures:
    connections: int
    requests: int
    failures: int  # answers other than 200, and lost connections
    seconds: float
    per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float


def measure(base: str, key: str, paths: Sequence[str], *, connections: int, seconds: float) -> Figures:
    """Read `paths` (below `base`) round and round for `seconds`, from another process."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_load, base, key, list(paths), connections, seconds).result()


def table(measured: Sequence[Figures]) -> str:
    """The figures for a person to read."""
    lines = ["FHIR read    connections     req/s  p50 ms  p95 ms  p99 ms  requests  failures"]
    lines += [
        f"{f.connections:24}{f.per_second:10.0f}{f.p50_ms:8.2f}{f.p95_ms:8.2f}{f.p99_ms:8.2f}"
        f"{f.requests:10}{f.failures:10}"
        for f in measured
    ]
    return "\n".join(lines)


def stored_patients(base: str, key: str, count: int) -> list[str]:
    """Paths of up to `count` Patients that the system holds."""
    request = urllib.request.Request(  # noqa: S310  # the URL is the operator's own
        f"{base}/Patient?_count={count}", headers={"Authorization": f"Bearer {key}"}
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        entries = json.load(answer).get("entry", [])
    return [f"Patient/{entry['resource']['id']}" for entry in entries]


def _load(base: str, key: str, paths: list[str], connections: int, seconds: float) -> Figures:
    return asyncio.run(_run(base, key, paths, connections, seconds))


async def _run(base: str, key: str, paths: list[str], connections: int, seconds: float) -> Figures:
    url = urlsplit(base)
    requests = [
        f"GET {url.path}/{path} HTTP/1.1\r\nHost: {url.netloc}\r\nAuthorization: Bearer {key}\r\n"
        "Accept: application/fhir+json\r\n\r\n".encode()
        for path in paths
    ]
    loop = asyncio.get_running_loop()
    started = perf_counter()
    deadline = started + seconds
    readers = []
    for number in range(connections):
        reader = _Reader(requests, number * len(requests) // connections, deadline, loop.create_future())
        await loop.create_connection(partial(_itself, reader), url.hostname or "127.0.0.1", url.port or 80)
        readers.append(reader)
    await asyncio.gather(*(reader.done for reader in readers))
    passed = perf_counter() - started
    times = sorted(time for reader in readers for time in reader.times)
    if not times:
        raise SystemExit("no request was answered")
    return Figures(
        connections=connections,
        requests=len(times),
        failures=sum(reader.failures for reader in readers),
        seconds=round(passed, 2),
        per_second=round(len(times) / passed, 1),
        p50_ms=_percentile(times, 0.50),
        p95_ms=_percentile(times, 0.95),
        p99_ms=_percentile(times, 0.99),
    )


def _itself(reader: "_Reader") -> "_Reader":
    return reader


def _percentile(times: Sequence[float], share: float) -> float:
    return round(times[min(len(times) - 1, int(len(times) * share))] * 1000, 2)


class _Reader(asyncio.Protocol):
    """One connection: asks, waits for the whole answer, asks again until the deadline."""

    def __init__(
        self, requests: list[bytes], first: int, deadline: float, done: "asyncio.Future[None]"
    ) -> None:
        self.times: list[float] = []
        self.failures = 0
        self.done = done
        self._requests = requests
        self._next = first
        self._deadline = deadline
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = bytes(self._buffer[:head_end]).lower()
        _, _, length = head.partition(b"\r\ncontent-length:")
        size = int(length.split(b"\r\n", 1)[0]) if length else 0
        if len(self._buffer) < head_end + 4 + size:
            return
        now = perf_counter()
        self.times.append(now - self._asked)
        self.failures += b" 200 " not in head[:16]
        self._buffer.clear()
        if now < self._deadline:
            self._ask()
        else:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.failures += perf_counter() < self._deadline  # closed by the server, in the middle of it
        self.done.set_result(None)

    def _ask(self) -> None:
        self._asked = perf_counter()
        self._transport.write(self._requests[self._next % len(self._requests)])
        self._next += 1


def main() -> None:
    told = dict(line.split("=", 1) for line in RUN_ENV.read_text().splitlines()) if RUN_ENV.exists() else {}
    told |= os.environ
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", default=told.get("EHR_FHIR", "http://127.0.0.1:8000/fhir/R4"))
    parser.add_argument("--key", default=told.get("EHR_API_KEY", ""))
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    paths = stored_patients(options.base, options.key, 500)
    if not paths:
        raise SystemExit("no Patient is stored; send some messages first")
    measured = [
        measure(options.base, options.key, paths, connections=count, seconds=options.seconds)
        for count in options.connections
    ]
    print(table(measured))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps([asdict(figures) for figures in measured], indent=2) + "\n")


if __name__ == "__main__":
    main()
