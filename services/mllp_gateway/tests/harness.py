"""A gateway process and senders for tests."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import orjson
from redis import Redis as RedisClient

from libs.embedded.process import free_port
from libs.lanes.contracts import Envelope
from libs.testing.health import wait_until

PATIENCE = 30.0  # seconds until a test gives up waiting


def adt(control_id: str = "1", **changes: str) -> bytes:
    """A small ADT^A01; `changes` by the names below."""
    field = {
        "application": "ADMIT", "facility": "NORTH", "type": "ADT^A01^ADT_A01", "version": "2.5.1",
        "processing": "P", "msh15": "", "msh16": "", "patient": "4711", **changes,
    }  # fmt: skip
    return (
        f"MSH|^~\\&|{field['application']}|{field['facility']}|EHR|MAIN|20260302101500||{field['type']}|{control_id}|"
        f"{field['processing']}|{field['version']}|||{field['msh15']}|{field['msh16']}\r"
        "EVN|A01|20260302101500\r"
        f"PID|1||{field['patient']}^^^NORTH^MR||Example^Paula||19700131|F\r"
        "PV1|1|I|WARD^1^1\r"
    ).encode("latin-1")


def framed(message: bytes) -> bytes:
    return b"\x0b" + message + b"\x1c\r"


class Peer:
    """A sender's connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self) -> bytes | None:
        """The next answer, unframed; None when the gateway closed the connection instead."""
        while b"\x1c\r" not in self._received:
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                assert self._received == b""
                return None
            self._received += data
        answer, _, self._received = self._received.partition(b"\x1c\r")
        assert answer.startswith(b"\x0b")
        return answer[1:]

    def ask(self, message: bytes) -> bytes | None:
        """Send a message and wait for its answer."""
        self.send(framed(message))
        return self.answer()


def is_refused(port: int) -> bool:
    """Whether a connection is ended before anything was sent on it."""
    try:
        with Peer(port) as peer:
            return peer.answer() is None
    except ConnectionResetError:
        return True


def fields(answer: bytes | None, segment: str) -> list[str]:
    """The fields of an answer's first segment of that name; index 0 is the name."""
    assert answer is not None
    line = next(line for line in answer.decode("latin-1").split("\r") if line.startswith(segment))
    return line.split("|")


def code(answer: bytes | None) -> str:
    return fields(answer, "MSA")[1]


class GatewayProcess:
    def __init__(self, folder: Path, redis_url: str, *, log: Path | None = None, **settings: object) -> None:
        self.port, self.http = free_port(), free_port()
        self._log = log or folder / f"gateway-{self.port}.log"
        environment = {
            "PATH": os.environ["PATH"],
            "EHR_REDIS_URL": redis_url,
            "EHR_MLLP_PORT": str(self.port),
            "EHR_GATEWAY_HTTP_PORT": str(self.http),
            **{f"EHR_{name.upper()}": str(value) for name, value in settings.items()},
        }
        with self._log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "services.mllp_gateway"],
                env=environment, stdout=output, stderr=output, cwd=Path(__file__).parents[3],
            )  # fmt: skip

    def wait_until_ready(self) -> None:
        wait_until(lambda: self.get("/health/ready")[0] == 200)

    def wait_until_up(self) -> None:
        wait_until(lambda: self.get("/health/live")[0] == 200)

    def connect(self) -> Peer:
        return Peer(self.port)

    def ask(self, message: bytes) -> bytes | None:
        with self.connect() as peer:
            return peer.ask(message)

    def get(self, path: str) -> tuple[int, str]:
        """Status and body over HTTP; status 0 while nothing answers."""
        try:
            with urlopen(f"http://127.0.0.1:{self.http}{path}", timeout=PATIENCE) as response:
                return response.status, response.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            assert self.process.poll() is None, self._log.read_text()
            return 0, ""

    def metric(self, name: str) -> float:
        """The value of a metric, named with its labels; 0 when it was never counted."""
        for line in self.get("/metrics")[1].splitlines():
            if line.startswith(f"{name} "):
                return float(line.split()[-1])
        return 0.0

    def log(self) -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in self._log.read_bytes().splitlines()]

    def resident_bytes(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(peak.split()[1]) * 1024

    def terminate(self) -> int:
        """SIGTERM; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def running_gateway(
    folder: Path, redis_url: str, *, log: Path | None = None, **settings: object
) -> Iterator[GatewayProcess]:
    """A gateway that is ready, until the block ends."""
    gateway = GatewayProcess(folder, redis_url, log=log, **settings)
    try:
        gateway.wait_until_ready()
        yield gateway
    finally:
        gateway.kill()


def stored(redis_url: str) -> list[Envelope]:
    """Every message in every lane, lane by lane."""
    with RedisClient.from_url(redis_url) as redis:
        lanes = sorted(redis.scan_iter("ehr:lane:*"))
        return [Envelope.from_wire(wire) for lane in lanes for wire in redis.lrange(lane, 0, -1)]


def stored_bodies(redis_url: str) -> list[bytes]:
    return [envelope.body for envelope in stored(redis_url)]
