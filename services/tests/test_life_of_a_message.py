"""A hospital's message from the wire to the FHIR API, through the real processes."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from libs.hl7v2.mllp import END, frame
from loadtests.system import System, running

ADMISSION = "\r".join(
    [
        "MSH|^~\\&|ADT|NORTH|EHR|EHR|20260301101500+0100||ADT^A01^ADT_A01|LIFE-1|P|2.5.1",
        "EVN|A01|20260301101500+0100",
        "PID|1||L4711^^^NORTH^MR||Quellwasser^Rosalinde^M||19540217|F|||Birkenweg 9^^Lund^^22100^SE",
        "PV1|1|I|W3^12^A|||||||SUR||||||||V-4711^^^NORTH^VN",
        "AL1|1|DA|^Penicillin|SV|Rash",
    ]
).encode()


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    with running() as system:
        yield system


def exchange(system: System, message: bytes) -> bytes:
    """Send one message on a connection of its own; its acknowledgement."""
    with closing(socket.create_connection(system.mllp, timeout=10)) as connection:
        connection.sendall(frame(message))
        answer = b""
        while not answer.endswith(END):
            answer += connection.recv(65536)
        return answer


def fhir(system: System, path: str) -> dict[str, Any]:
    told = system.told()
    headers = {"Authorization": f"Bearer {told['EHR_API_KEY']}"}
    body: dict[str, Any] = httpx.get(f"{told['EHR_FHIR']}/{path}", headers=headers, timeout=10).json()
    return body


def log(system: System, service: str) -> str:
    return (system.home / "log" / f"{service}.log").read_text()


def wait_until(holds: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def patients(system: System) -> list[dict[str, Any]]:
    bundle = fhir(system, "Patient?identifier=L4711")
    return [entry["resource"] for entry in bundle.get("entry", [])]


def test_a_message_comes_in_over_mllp_and_out_over_fhir(system: System) -> None:
    answer = exchange(system, ADMISSION)

    assert b"\rMSA|AA|LIFE-1" in answer
    wait_until(lambda: patients(system))
    [patient] = patients(system)
    assert patient["birthDate"] == "1954-02-17"
    allergies = fhir(system, f"AllergyIntolerance?patient={patient['id']}")
    assert [entry["resource"]["code"]["text"] for entry in allergies["entry"]] == ["Penicillin"]


def test_a_resend_is_acknowledged_again_and_applied_once(system: System) -> None:
    exchange(system, ADMISSION)
    wait_until(lambda: patients(system))

    answer = exchange(system, ADMISSION)

    assert b"\rMSA|AA|LIFE-1" in answer
    wait_until(lambda: "messages were stored already" in log(system, "transformer"))
    [patient] = patients(system)
    assert patient["meta"]["versionId"] == "1"


def test_one_id_follows_the_message_through_the_logs_and_no_log_holds_its_content(system: System) -> None:
    exchange(system, ADMISSION)
    wait_until(lambda: patients(system))

    logs = {service: log(system, service) for service in ("mllp-gateway", "transformer", "fhir-api")}

    lines = [json.loads(line) for log in logs.values() for line in log.splitlines()]
    [transformed] = [line for line in lines if line["event"] == "message transformed"]
    seen = {line["service"] for line in lines if line.get("message_id") == transformed["message_id"]}
    assert seen == {"mllp-gateway", "transformer"}
    for secret in ("Quellwasser", "Rosalinde", "L4711", "Birkenweg"):
        assert not any(secret in log for log in logs.values())
