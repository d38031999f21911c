"""`make chaos`: kill processes under load, then prove that nothing was lost, doubled or reordered.

Each patient's messages carry a number, as the family name. A sender repeats a message until it is
acknowledged, as hospitals' senders do. At the end every message must be stored once, and every Patient's
history must count upwards to the last message. SECONDS (60) is how long, or KILLS how often; TARGET is the
one service that is killed (mllp-gateway, transformer, ...; else any); CONNECTIONS (20) and RATE (200 messages
a second in all) are the load; SEED repeats the choices.
"""

import asyncio
import json
import os
import random
import signal
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg
from redis import Redis

from libs.hl7v2.mllp import END, frame
from libs.testing.messages import adt
from loadtests.bench.end_to_end import drained
from loadtests.system import System, running

PATIENTS_EACH = 5  # patients that one connection sends for, in turn
KILL_EVERY = (1.0, 4.0)  # seconds, between these
LONGEST_PAUSE = 1.0  # seconds before a restart; the usual back-off would leave little to kill
RECOVERED_WITHIN = 120.0  # seconds


@dataclass(frozen=True, slots=True)
class Plan:
    seed: int
    seconds: float = 60.0  # of load and kills; when `kills` is 0
    kills: int = 0  # end after that many
    target: str = ""  # the service that is killed; "" for any, embedded servers included
    connections: int = 20
    rate: float = 200.0  # messages a second, in all


@dataclass(slots=True)
class Load:
    """What was sent and acknowledged."""

    last: dict[str, int] = field(default_factory=dict)  # patient -> number of the last message
    sent: int = 0  # repetitions of unanswered messages included
    ended: bool = False  # the senders' message at hand is their last

    @property
    def messages(self) -> int:
        return sum(self.last.values())


def main() -> None:
    plan = _asked()
    print(f"chaos: {plan}", flush=True)
    with running(LONGEST_PAUSE) as system:
        if plan.target and plan.target not in system.processes():
            sys.exit(f"TARGET: {plan.target} is none of {', '.join(system.processes())}")
        faults = disturb(system, plan)
    for fault in faults[:20]:
        print(f"FAULT: {fault}")
    print(f"{len(faults)} faults" if faults else "nothing lost, nothing doubled, every patient in order")
    sys.exit(1 if faults else 0)


def _asked() -> Plan:
    asked = os.environ.get
    return Plan(
        seed=int(asked("SEED", time.time())),
        seconds=float(asked("SECONDS", "60")),
        kills=int(asked("KILLS", "0")),
        target=asked("TARGET", ""),
        connections=int(asked("CONNECTIONS", "20")),
        rate=float(asked("RATE", "200")),
    )


def disturb(system: System, plan: Plan) -> list[str]:
    """Kill what runs, as planned, under load; what is wrong once all of it runs again."""
    load, kills = asyncio.run(_disturbed(system, plan))
    told = ", ".join(f"{name} {count}" for name, count in sorted(kills.items()))
    repeated = load.sent - load.messages
    print(f"killed: {told}\nacknowledged: {load.messages} messages, {repeated} sent again", flush=True)
    _recovered(system)
    return [*_stored_once(system, load), *_in_order(system, load)]


async def _disturbed(system: System, plan: Plan) -> tuple[Load, Counter[str]]:
    """Send and kill; the senders go on until their last message is acknowledged."""
    load = Load()
    kills: Counter[str] = Counter()
    chance = random.Random(plan.seed)
    end = time.monotonic() + plan.seconds
    senders = [asyncio.create_task(_sender(system.mllp, n, plan, load)) for n in range(plan.connections)]
    while kills.total() < plan.kills if plan.kills else time.monotonic() < end:
        before = load.messages
        await asyncio.sleep(chance.uniform(*KILL_EVERY))
        if load.messages == before:
            continue  # what was killed last is not back yet
        processes = system.processes()
        name = plan.target or chance.choice(sorted(processes))
        with suppress(ProcessLookupError):
            os.kill(chance.choice(processes[name]), signal.SIGKILL)
            kills[name] += 1
    load.ended = True
    await asyncio.gather(*senders)
    return load, kills


async def _sender(to: tuple[str, int], number: int, plan: Plan, load: Load) -> None:
    patients = [f"C{number}P{patient}" for patient in range(PATIENTS_EACH)]
    line: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    turn = 0
    while not load.ended:
        patient = patients[turn % len(patients)]
        count = load.last.get(patient, 0) + 1
        message = adt("A08", control_id=f"{patient}-{count}", patient_id=patient, family=f"N{count}")
        accepted = False
        while not accepted:
            try:
                line = line or await asyncio.open_connection(*to)
                line[1].write(frame(message))
                load.sent += 1
                async with asyncio.timeout(10):
                    accepted = b"MSA|AA|" in await line[0].readuntil(END)
            except (OSError, EOFError, TimeoutError):
                if line:
                    line[1].close()
                line = None
            if not accepted:
                await asyncio.sleep(0.1)
        load.last[patient] = count
        turn += 1
        await asyncio.sleep(plan.connections / plan.rate)
    if line:
        line[1].close()


def _recovered(system: System) -> None:
    """Return once everything runs again and every acknowledged message is committed."""
    deadline = time.monotonic() + RECOVERED_WITHIN
    while True:
        with suppress(Exception):  # whatever is not there yet
            _get(system, "metadata")
            with Redis.from_url(system.told()["EHR_REDIS_URL"]) as redis:
                drained(redis)
            return
        if time.monotonic() > deadline:
            sys.exit(f"not recovered after {RECOVERED_WITHIN:.0f} s")
        time.sleep(0.5)


def _stored_once(system: System, load: Load) -> Iterator[str]:
    expected = {f"{patient}-{count}" for patient, last in load.last.items() for count in range(1, last + 1)}
    with psycopg.connect(system.told()["EHR_DATABASE_URL"]) as connection:
        rows = connection.execute("SELECT control_id, status FROM message").fetchall()
    stored = Counter(control_id for control_id, _ in rows)
    yield from (
        f"{control_id} was acknowledged and is not stored" for control_id in sorted(expected - set(stored))
    )
    yield from (f"{control_id} is stored {count} times" for control_id, count in stored.items() if count > 1)
    yield from (f"{control_id} is {status}" for control_id, status in rows if status != "transformed")


def _in_order(system: System, load: Load) -> Iterator[str]:
    for patient, last in sorted(load.last.items()):
        found = _get(system, f"Patient?identifier={patient}").get("entry", [])
        if len(found) != 1:
            yield f"{len(found)} Patients have the identifier {patient}"
            continue
        numbers = list(_history(system, found[0]["resource"]["id"]))
        if numbers != sorted(set(numbers)):
            yield f"the history of {patient} is out of order: {numbers}"
        if numbers[-1:] != [last]:
            yield f"{patient} ends with {numbers[-1:]}, the last message was {last}"


def _history(system: System, patient: str) -> list[int]:
    """The numbers that the Patient's versions carry, the oldest first."""
    url: str | None = f"Patient/{patient}/_history?_count=200"
    numbers: list[int] = []
    while url:
        page = _get(system, url)
        numbers += [int(entry["resource"]["name"][0]["family"][1:]) for entry in page.get("entry", [])]
        url = next((link["url"] for link in page.get("link", []) if link["relation"] == "next"), None)
    return numbers[::-1]


def _get(system: System, path: str) -> dict[str, Any]:
    told = system.told()
    url = path if path.startswith("http") else f"{told['EHR_FHIR']}/{path}"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {told['EHR_API_KEY']}"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  # our own
        body: dict[str, Any] = json.load(answer)
        return body


if __name__ == "__main__":
    main()
