"""Messages that one core reads, and maps, in a second."""

import time
from collections.abc import Callable

from libs.fhir.bundle import transaction
from libs.fhir.json import dumps
from libs.hl7v2.charset import decode_message
from libs.hl7v2.message import Message, parse
from libs.mapping.inbound.config import MappingConfig
from libs.mapping.inbound.layers import configure, read_layer, shipped_profile
from libs.mapping.inbound.mapper import map_message
from libs.testing.messages import adt, oru
from loadtests.bench.result import Result, Row

FIELDS = (
    "MSH-3", "MSH-4", "MSH-7", "MSH-9.2", "MSH-10", "PID-3.1", "PID-3.4.1", "PID-5.1", "PID-5.2", "PID-7",
    "PID-8", "PID-11.5", "PV1-2", "PV1-3.1", "PV1-19.1",
)  # fmt: skip
SAMPLES = {"ADT^A01": adt(), "ORU^R01, 20 OBX": oru()}
CONFIG = MappingConfig()
US_CORE = configure(CONFIG, [read_layer("profile", shipped_profile("us-core"))])


def measure(seconds: float) -> Result:
    rows: list[Row] = []
    for name, body in SAMPLES.items():
        text, _ = decode_message(body)
        message = parse(text)
        stages: dict[str, Callable[[], object]] = {
            "decode, parse, read 15 fields": lambda body=body: _read(body),  # type: ignore[misc]
            "map": lambda message=message: map_message(message, CONFIG),  # type: ignore[misc]
            "map for US Core, with its profiles claimed": lambda message=message: map_message(  # type: ignore[misc]
                message, US_CORE
            ),
            "all, to JSON": lambda body=body: _convert(body),  # type: ignore[misc]
        }
        rows += [_row(name, len(body), stage, work, seconds / 8) for stage, work in stages.items()]
    return Result("conversion", "Conversion, one core", rows)


def _read(body: bytes) -> list[str]:
    text, _ = decode_message(body)
    message: Message = parse(text)
    return [message.at(path) for path in FIELDS]


def _convert(body: bytes) -> bytes:
    text, _ = decode_message(body)
    return dumps(transaction(map_message(parse(text), CONFIG).entries))


def _row(name: str, size: int, stage: str, work: Callable[[], object], seconds: float) -> Row:
    work()
    times = []
    end = time.perf_counter() + seconds
    while (started := time.perf_counter()) < end:
        work()
        times.append(time.perf_counter() - started)
    times.sort()
    return {
        "message": name,
        "bytes": size,
        "stage": stage,
        "per second": round(len(times) / sum(times)),
        "p50 ms": round(times[len(times) // 2] * 1000, 3),
        "p95 ms": round(times[int(len(times) * 0.95)] * 1000, 3),
    }
