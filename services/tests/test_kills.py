"""Nothing acknowledged is lost or doubled, and a patient's order is kept, whatever is killed.

Senders do what hospitals do: send, wait for the acknowledgement, and send again what was not
acknowledged. Meanwhile processes die by SIGKILL. CHAOS_KILLS sets how many (`make chaos`).
"""

import os
import random
import signal
import socket
import threading
import time
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path

import psycopg

from libs.hl7v2.mllp import frame
from services.tests.system import System, receive, running_system, wait_until

KILLS = int(os.environ.get("CHAOS_KILLS", "8"))
SENDERS = 6  # each has a patient of its own
PAUSE = 1.5  # seconds between two kills
RECOVER_WITHIN = 120.0  # seconds, from the last kill until everything is applied


class Sender(threading.Thread):
    """Sends one patient's messages in order; goes on only when one is acknowledged."""

    def __init__(self, address: tuple[str, int], patient: str) -> None:
        super().__init__(daemon=True)
        self.patient = patient
        self.acknowledged = 0  # messages; their sequence numbers are 1, 2, 3 ...
        self.resent = 0
        self.stopping = threading.Event()
        self._address = address

    def run(self) -> None:
        while not self.stopping.is_set():
            with suppress(OSError), closing(socket.create_connection(self._address, timeout=5)) as connection:
                while not self.stopping.is_set():
                    connection.sendall(frame(update(self.patient, self.acknowledged + 1)))
                    assert b"\rMSA|AA|" in receive(connection)
                    self.acknowledged += 1
            if not self.stopping.is_set():
                self.resent += 1
                time.sleep(0.1)


def update(patient: str, sequence: int) -> bytes:
    """An update that makes a new version of the patient, whose address line tells the sequence."""
    return "\r".join(
        [
            f"MSH|^~\\&|ADT|NORTH|||20260301||ADT^A08^ADT_A01|{patient}-{sequence}|P|2.5",
            "EVN|A08|20260301",
            f"PID|1||{patient}^^^NORTH^MR||Doe^Jo||19700101|M|||{sequence} Street^^Town",
            "PV1|1|O",
        ]
    ).encode()


def test_kills_under_load_lose_double_and_reorder_nothing(tmp_path: Path) -> None:
    chance = random.Random(7)
    with running_system(tmp_path / "run", EHR_TRANSFORMER_PROCESSES="2") as system:
        senders = [Sender(system.mllp, f"P{number}") for number in range(SENDERS)]
        for sender in senders:
            sender.start()

        killed = Counter(kill_something(system, chance) for _ in range(KILLS))
        for sender in senders:
            sender.stopping.set()
        for sender in senders:
            sender.join(20)

        url = system.facts["EHR_DATABASE_URL"]
        sent = {sender.patient: sender.acknowledged for sender in senders}
        wait_until(
            lambda: not missing(url, sent), RECOVER_WITHIN, lambda: f"{missing(url, sent)} after {killed}"
        )
        for patient, acknowledged in sent.items():
            sequences = applied(url, patient)
            # One more may have been taken and not acknowledged when the sending stopped.
            assert sequences in (upto(acknowledged), upto(acknowledged + 1)), (patient, killed)
        assert min(sent.values()) > 0
        assert dead_letters(url) == 0


def kill_something(system: System, chance: random.Random) -> str:
    time.sleep(PAUSE)
    name = chance.choice(["mllp-gateway", "transformer", "worker", "worker", "redis", "postgres", "fhir-api"])
    with suppress(ProcessLookupError, IndexError, KeyError, FileNotFoundError):
        pid = chance.choice(system.worker_pids()) if name == "worker" else system.pid(name)
        os.kill(pid, signal.SIGKILL)
    return name


def upto(last: int) -> list[int]:
    return list(range(1, last + 1))


def applied(url: str, patient: str) -> list[int]:
    """The sequence numbers that the patient's versions tell, in the order of the versions."""
    rows = query(
        url,
        "SELECT v.content::json #>> '{address,0,line,0}' FROM fhir_identifier i JOIN ("
        " SELECT org_id, type, id, version, content FROM fhir_version UNION ALL"
        " SELECT org_id, type, id, version, content FROM fhir_resource"
        ") v ON v.org_id = i.org_id AND v.type = i.type AND v.id = i.id"
        " WHERE i.type = 'Patient' AND i.value = %s ORDER BY v.version",
        patient,
    )
    return [int(str(row[0]).split()[0]) for row in rows]


def missing(url: str, sent: dict[str, int]) -> dict[str, int]:
    """How many acknowledged messages of each patient are not stored."""
    with suppress(psycopg.OperationalError):
        rows = query(url, "SELECT control_id FROM message WHERE status = 'transformed'")
        stored = Counter(str(row[0]).partition("-")[0] for row in rows)
        return {
            patient: count - stored[patient] for patient, count in sent.items() if stored[patient] < count
        }
    return sent


def dead_letters(url: str) -> int:
    return int(str(query(url, "SELECT count(*) FROM dead_letter")[0][0]))


def query(url: str, statement: str, *values: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, connect_timeout=5) as connection:
        return connection.execute(statement.encode(), values).fetchall()
