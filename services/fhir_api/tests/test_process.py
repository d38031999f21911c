"""The service as it is run: a process of its own, real sockets, real signals."""

import gzip
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import psycopg
import pytest

from libs.testing.service import ROOT, START, Service, running
from services.fhir_api.tests.resources import patient


class Fhir(Service):
    """The process, and a key that it takes."""

    def __init__(self, url: str, key: str, **settings: str) -> None:
        own = {"EHR_DATABASE_URL": url, "EHR_MLLP_HOST": "", **settings}
        super().__init__("services.fhir_api", "EHR_FHIR_PORT", **own)
        self.key = key

    def client(self) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx.Client(base_url=f"{self.base}/fhir/R4/", headers=headers)


@pytest.fixture(scope="module")
def service(postgres_url: str, api_keys: dict[str, str]) -> Iterator[Fhir]:
    """A service that the tests of this module share."""
    with running(Fhir(postgres_url, api_keys["here"])) as service:
        yield service


@pytest.fixture
def own_service(postgres_url: str, api_keys: dict[str, str]) -> Iterator[Fhir]:
    """A service that the test may stop."""
    with running(Fhir(postgres_url, api_keys["here"])) as service:
        yield service


def put(client: httpx.Client, resource: dict[str, object]) -> httpx.Response:
    return client.put(
        f"{resource['resourceType']}/{resource['id']}",
        content=json.dumps(resource),
        headers={"Content-Type": "application/fhir+json"},
    )


def test_answers_over_a_kilobyte_are_compressed_for_who_takes_it(service: Fhir) -> None:
    with service.client() as client:
        put(client, patient("large", text={"status": "generated", "div": "<div>" + "word " * 500 + "</div>"}))
        put(client, patient("small"))

        large = client.get("Patient/large", headers={"Accept-Encoding": "gzip"})
        small = client.get("Patient/small", headers={"Accept-Encoding": "gzip"})
        plain = client.get("Patient/large", headers={"Accept-Encoding": "identity"})

    assert (large.headers.get("content-encoding"), small.headers.get("content-encoding")) == ("gzip", None)
    assert large.json() == plain.json()
    assert large.headers["etag"] == plain.headers["etag"]
    assert int(large.headers["content-length"]) < len(plain.content) / 2
    assert gzip.compress(plain.content)  # the plain answer is not compressed already
    assert "Accept-Encoding" in large.headers["vary"]


def test_a_body_over_the_limit_is_cut_off_and_the_service_lives(service: Fhir) -> None:
    part = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    with closing(http.client.HTTPConnection("127.0.0.1", service.port, timeout=20)) as connection:
        connection.putrequest("POST", "/fhir/R4/Patient")
        connection.putheader("Authorization", f"Bearer {service.key}")
        connection.putheader("Content-Type", "application/fhir+json")
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders()
        with pytest.raises(OSError, match=r"reset|pipe"):
            connection.send(part * 40)

    with service.client() as client:
        stated = client.post(
            "Patient", content=b" " * (11 * 1024 * 1024), headers={"Content-Type": "application/fhir+json"}
        )
        assert stated.status_code == 413
        assert stated.json()["issue"][0]["code"] == "too-long"
        assert client.get("Patient/nobody").status_code == 404


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        pytest.param(b"\x00\x01\x02\r\n\r\n", 400, id="binary"),
        pytest.param(
            b"GET /fhir/R4/Patient HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n", 400, id="broken header"
        ),
        pytest.param(b"MSH|^~\\&|A|B|C|D\r", 400, id="HL7 on the wrong port"),
        pytest.param(b"GET /\xff\xfe HTTP/1.1\r\n\r\n", 400, id="path not ASCII"),
        pytest.param(b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000, 431, id="a header without an end"),
        pytest.param(b"GET /" + b"x" * 70_000, 431, id="a path without an end"),
    ],
)
def test_what_is_no_http_is_refused_with_an_outcome(service: Fhir, raw: bytes, status: int) -> None:
    with socket.create_connection(("127.0.0.1", service.port), timeout=5) as connection:
        connection.sendall(raw)
        answer = connection.recv(65536)

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert json.loads(body)["resourceType"] == "OperationOutcome"
    with service.client() as client:
        assert client.get("Patient/nobody").status_code == 404


def test_sigterm_under_load_ends_in_time_and_breaks_no_answer(own_service: Fhir) -> None:
    with own_service.client() as client:
        put(client, patient("p1"))
    answered: list[int] = []
    broken: list[BaseException] = []
    stopping = threading.Event()

    def read() -> None:
        with own_service.client() as client:
            while True:
                try:
                    answered.append(client.get("Patient/p1").status_code)
                except httpx.RemoteProtocolError as error:
                    # A connection may be closed as the next request leaves; half an answer may not come.
                    if "without sending" not in str(error):
                        broken.append(error)
                    return
                except httpx.TransportError:
                    return
                if len(answered) > 50:
                    stopping.set()

    readers = [threading.Thread(target=read) for _ in range(8)]
    for reader in readers:
        reader.start()
    assert stopping.wait(20)
    status, seconds = own_service.stop()
    for reader in readers:
        reader.join(10)

    assert (status, broken, set(answered)) == (0, [], {200})
    assert seconds < 5


def test_sigterm_does_not_wait_for_a_write_that_hangs(own_service: Fhir, postgres_url: str) -> None:
    with own_service.client() as client:
        put(client, patient("locked"))
    refused: list[int | str] = []

    def write() -> None:
        with own_service.client() as client:
            try:
                refused.append(put(client, patient("locked", gender="other")).status_code)
            except httpx.TransportError:
                refused.append("closed")

    with psycopg.connect(postgres_url) as holder:
        holder.execute("SELECT FROM fhir_resource WHERE id = 'locked' FOR UPDATE")
        writer = threading.Thread(target=write)
        writer.start()
        with psycopg.connect(postgres_url, autocommit=True) as observer:
            while not observer.execute("SELECT FROM pg_locks WHERE NOT granted").fetchall():
                time.sleep(0.02)
        status, seconds = own_service.stop()
        writer.join()

    assert refused in ([500], [503], ["closed"])  # anything but an acknowledgement
    assert status == 0
    assert seconds < 5


def test_the_log_is_json_and_the_memory_small(own_service: Fhir) -> None:
    with own_service.client() as client:
        client.get("Patient?name=Secretname")
        assert client.get("metadata").status_code == 200  # it reads the whole of the definitions
        memory = Path(f"/proc/{own_service.process.pid}/status").read_text()
    own_service.stop()
    output = own_service.output()

    lines = [json.loads(line) for line in output.splitlines()]
    assert {line["service"] for line in lines} == {"fhir-api"}
    assert b"Secretname" not in output
    kilobytes = int(next(line.split()[1] for line in memory.splitlines() if line.startswith("VmRSS")))
    assert kilobytes < 150 * 1024


def test_several_processes_count_together(postgres_url: str, api_keys: dict[str, str]) -> None:
    with running(Fhir(postgres_url, api_keys["here"], EHR_FHIR_WORKERS="2")) as service:
        for _ in range(40):
            with service.client() as client:  # a new connection each, for either process
                client.get("Patient/nobody")
        scraped = [httpx.get(f"{service.base}/metrics").text for _ in range(4)]
        status, seconds = service.stop()

    label = 'http_requests_total{method="GET",route="/fhir/R4/{type}/{id}",status="404"} 40.0'
    assert [label in text for text in scraped] == [True] * 4
    assert status == 0
    assert seconds < 5


def test_a_taken_port_is_said_in_one_line(postgres_url: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        environment = os.environ | {"EHR_DATABASE_URL": postgres_url, "EHR_FHIR_PORT": str(port)}

        ended = subprocess.run(
            [sys.executable, "-m", "services.fhir_api"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=START,
            check=False,
        )

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f"EHR_FHIR_PORT={port}: cannot listen on 127.0.0.1: Address already in use\n"
