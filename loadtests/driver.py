"""Senders as a hospital has them: many MLLP connections, each waiting for its ACK before the next message."""

import asyncio
import math
import multiprocessing
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from libs.hl7v2.mllp import END, frame
from libs.testing.messages import adt, oru

PATIENTS = 10_000

MESSAGES: dict[str, Callable[[str, int], bytes]] = {
    "ADT": lambda run, number: adt(
        "A08" if number >= PATIENTS else "A01",
        control_id=f"{run}-{number}",
        patient_id=str(100_000 + number % PATIENTS),
        bed=str(number % 40),
    ),
    "ORU": lambda run, number: oru(
        control_id=f"{run}-{number}", patient_id=str(100_000 + number % PATIENTS), order_id=f"{run}-{number}"
    ),
}


@dataclass(slots=True)
class Sent:
    """What became of a load."""

    accepted: int = 0
    refused: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)  # seconds from sent to acknowledged


@dataclass(frozen=True, slots=True)
class Load:
    kind: str  # of MESSAGES
    run: str  # makes the messages' control ids different from those of another load
    to: tuple[str, int]
    connections: int
    seconds: float
    rate: float = 0.0  # messages a second in all; 0: as fast as they are acknowledged
    at_most: float = math.inf  # messages


@contextmanager
def sending(load: Load) -> Iterator["Future[Sent]"]:
    """Send from another process, so that the load does not wait for who measures it."""
    context = multiprocessing.get_context("spawn")  # a fork would copy this process's event loops
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        yield pool.submit(_run, load)


def _run(load: Load) -> Sent:
    return asyncio.run(_send(load))


async def _send(load: Load) -> Sent:
    sent = Sent()
    numbers = count()
    started = time.perf_counter()
    end = started + load.seconds

    async def connection() -> None:
        reader, writer = await asyncio.open_connection(*load.to)
        while time.perf_counter() < end:
            number = next(numbers)
            if number >= load.at_most:
                break
            if load.rate:
                due = started + number / load.rate
                if due > end:
                    break
                await asyncio.sleep(due - time.perf_counter())
            message = frame(MESSAGES[load.kind](load.run, number))
            asked = time.perf_counter()
            writer.write(message)
            answer = await reader.readuntil(END)
            sent.latencies.append(time.perf_counter() - asked)
            if b"MSA|AA|" in answer:
                sent.accepted += 1
            else:
                sent.refused += 1
        writer.close()

    await asyncio.gather(*(connection() for _ in range(load.connections)))
    sent.seconds = time.perf_counter() - started
    return sent
