"""The console as it is run: a process of its own, real sockets, real signals."""

import json
import socket
import threading
import time
from collections.abc import Iterator

import httpx
import psycopg
import pytest

from libs.store.engine import open_pool, transaction
from libs.store.users import ADMIN, add_user
from libs.testing.service import Service, running
from services.console.tests.conftest import PASSWORD


@pytest.fixture(scope="module")
def settings(postgres_url: str, redis_session_url: str) -> dict[str, str]:
    with open_pool(postgres_url, 1) as pool, transaction(pool, "default") as connection:
        add_user(connection, "default", "anna", ADMIN, PASSWORD)
    return {"EHR_DATABASE_URL": postgres_url, "EHR_REDIS_URL": redis_session_url}


@pytest.fixture
def service(settings: dict[str, str], redis_url: str) -> Iterator[Service]:
    with running(Service("services.console", "EHR_CONSOLE_PORT", **settings)) as service:
        yield service


def client(service: Service) -> httpx.Client:
    return httpx.Client(base_url=f"{service.base}/api/", auth=("anna", PASSWORD), timeout=20)


def test_sigterm_under_load_ends_in_time_and_breaks_no_answer(service: Service) -> None:
    with client(service) as http:
        assert http.get("messages").status_code == 200
    answered: list[int] = []
    started = threading.Event()

    def read() -> None:
        with client(service) as http:
            while True:
                try:
                    answered.append(http.get("messages").status_code)
                except httpx.TransportError:
                    return
                started.set()

    reader = threading.Thread(target=read)
    reader.start()
    assert started.wait(20)
    status, seconds = service.stop()
    reader.join(20)

    assert (status, set(answered)) == (0, {200})
    assert seconds < 5


def test_sigterm_does_not_wait_for_an_act_that_hangs(service: Service, settings: dict[str, str]) -> None:
    refused: list[int | str] = []

    def save() -> None:
        with client(service) as http:
            try:
                answer = http.put(
                    "mapping/layers/organization",
                    content="",
                    headers={"Content-Type": "application/toml"},
                )
                refused.append(answer.status_code)
            except httpx.TransportError:
                refused.append("closed")

    with psycopg.connect(settings["EHR_DATABASE_URL"]) as holder:
        holder.execute("SELECT FROM organization FOR UPDATE")
        saver = threading.Thread(target=save)
        saver.start()
        with psycopg.connect(settings["EHR_DATABASE_URL"], autocommit=True) as observer:
            while not observer.execute("SELECT FROM pg_locks WHERE NOT granted").fetchall():
                time.sleep(0.02)
        status, seconds = service.stop()
        saver.join()

    assert refused in ([500], [503], ["closed"])  # anything but a success
    assert status == 0
    assert seconds < 5


def test_the_log_is_json_and_holds_no_password(service: Service) -> None:
    with client(service) as http:
        http.get("messages?sender=Secretname")
        http.get("messages", auth=("Secretname", "Secretpassword"))
    service.stop()

    output = service.output()
    lines = [json.loads(line) for line in output.splitlines()]
    assert {line["service"] for line in lines} == {"console"}
    assert "log-in failed" in {line["event"] for line in lines}
    for secret in (b"Secret", PASSWORD.encode()):
        assert secret not in output


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        pytest.param(b"MSH|^~\\&|A|B|C|D\r", 400, id="HL7 on the wrong port"),
        pytest.param(b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000, 431, id="a header without an end"),
    ],
)
def test_what_is_no_http_is_refused_with_a_problem(service: Service, raw: bytes, status: int) -> None:
    with socket.create_connection(("127.0.0.1", service.port), timeout=5) as connection:
        connection.sendall(raw)
        answer = connection.recv(65536)

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert json.loads(body)["status"] == status
