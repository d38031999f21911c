"""The whole system under load: from the first byte over MLLP to committed FHIR.

At full rate, senders push as fast as they are acknowledged, and the clock stops when the last of these
messages is committed. At 10,000 messages a minute, what matters is how much waits, how late a message is
readable, and how long a FHIR read takes meanwhile.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path

from redis import Redis

from libs.lanes.depth import depths
from loadtests.bench import fhir_read, memory
from loadtests.bench.result import Result, Row, percentile
from loadtests.driver import Load, Sent, sending
from loadtests.system import System, running

CONNECTIONS = 50
PACE = 10_000 / 60  # messages a second
DRAINED_WITHIN = 600.0  # seconds
MESSAGES = {"ADT": 1000, "ORU": 250}  # at most, for each second of the measurement
READERS = 2  # connections that read without pause, so that most of the machine is left to the messages


def measure(seconds: float, paced_seconds: float) -> Iterator[Result]:
    with running() as system:
        with Redis.from_url(system.told()["EHR_REDIS_URL"]) as redis:
            rows = [_full_rate(system, redis, kind, seconds) for kind in ("ADT", "ORU")]
            yield Result("end_to_end", "End to end at full rate", rows)
            yield Result("paced", "At 10,000 messages a minute", [_paced(system, redis, paced_seconds)])
        yield Result("fhir_read", "FHIR reads of a Patient", _reads(system, seconds))
        yield Result("memory", "Memory after that", memory.resident(system.processes()))


def _full_rate(system: System, redis: "Redis", kind: str, seconds: float) -> Row:
    started = time.perf_counter()
    full = Load(kind, f"full-{kind}", system.mllp, CONNECTIONS, seconds, at_most=MESSAGES[kind] * seconds)
    with sending(full) as load:
        most = 0
        while not load.done():
            most = max(most, waiting(redis))
            time.sleep(0.2)
        sent: Sent = load.result()
    drained(redis)
    elapsed = time.perf_counter() - started
    return {
        "message": "ADT, 0.8 kB" if kind == "ADT" else "ORU, 20 OBX, 2.1 kB",
        "messages": sent.accepted,
        "refused": sent.refused,
        "ACKs/s": round(sent.accepted / sent.seconds),
        "committed/s": round(sent.accepted / elapsed),
        "committed/min": round(sent.accepted / elapsed * 60),
        "ACK p95 ms": percentile(sent.latencies, 0.95) * 1000,
        "most waiting": most,
    }


def _paced(system: System, redis: "Redis", seconds: float) -> Row:
    log = system.home / "log" / "transformer.log"
    read_from = log.stat().st_size
    told = system.told()
    patients = fhir_read.stored_patients(told["EHR_FHIR"], told["EHR_API_KEY"], 200)
    pace = Load("ADT", "paced", system.mllp, CONNECTIONS, seconds, PACE)
    with sending(pace) as load:
        waited = []
        half = time.perf_counter() + seconds / 2
        while time.perf_counter() < half:
            waited.append(waiting(redis))
            time.sleep(0.2)
        reads = fhir_read.measure(
            told["EHR_FHIR"], told["EHR_API_KEY"], patients, connections=READERS, seconds=seconds / 2 - 2
        )
        while not load.done():
            waited.append(waiting(redis))
            time.sleep(0.2)
        sent: Sent = load.result()
    drained(redis)
    commits = _commit_seconds(log, read_from)
    return {
        "messages": sent.accepted,
        "per min": round(sent.accepted / sent.seconds * 60),
        "ACK p50 ms": percentile(sent.latencies, 0.5) * 1000,
        "ACK p95 ms": percentile(sent.latencies, 0.95) * 1000,
        "commit p50 ms": percentile(commits, 0.5) * 1000,
        "commit p95 ms": percentile(commits, 0.95) * 1000,
        "most waiting": max(waited),
        "reads/s": round(reads.per_second),
        "read p95 ms": reads.p95_ms,
        "read failures": reads.failures,
    }


def _reads(system: System, seconds: float) -> list[Row]:
    """What the API serves when nothing else is going on."""
    told = system.told()
    patients = fhir_read.stored_patients(told["EHR_FHIR"], told["EHR_API_KEY"], 500)
    figures = [
        fhir_read.measure(
            told["EHR_FHIR"], told["EHR_API_KEY"], patients, connections=connections, seconds=seconds / 2
        )
        for connections in (1, 16, 64)
    ]
    return [
        {
            "connections": one.connections,
            "reads/s": round(one.per_second),
            "p50 ms": one.p50_ms,
            "p95 ms": one.p95_ms,
            "p99 ms": one.p99_ms,
            "failures": one.failures,
        }
        for one in figures
    ]


def waiting(redis: "Redis") -> int:
    """Acknowledged messages that are not committed yet."""
    return sum(depths(redis).values())


def drained(redis: "Redis") -> None:
    """Return once every acknowledged message is committed."""
    deadline = time.monotonic() + DRAINED_WITHIN
    while waiting(redis):
        if time.monotonic() > deadline:
            raise SystemExit(f"{waiting(redis)} messages still wait after {DRAINED_WITHIN:.0f} s")
        time.sleep(0.05)


def _commit_seconds(log: Path, start: int) -> list[float]:
    """From receipt to commit, of each message that the transformer has logged since `start`."""
    with log.open("rb") as lines:
        lines.seek(start)
        entries = [json.loads(line) for line in lines if line.startswith(b"{")]
    return [entry["seconds"] for entry in entries if entry["event"] == "message transformed"]
