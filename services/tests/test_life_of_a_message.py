"""A hospital's message from the wire to the FHIR API, through the real processes."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from services.tests.system import System, exchange, running_system, wait_until

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
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running_system(tmp_path_factory.mktemp("life") / "run") as running:
        yield running


def patients(system: System) -> list[dict[str, Any]]:
    bundle = system.fhir("Patient?identifier=L4711")
    return [entry["resource"] for entry in bundle.get("entry", [])]


def test_a_message_comes_in_over_mllp_and_out_over_fhir(system: System) -> None:
    answer = exchange(system.mllp, ADMISSION)

    assert b"\rMSA|AA|LIFE-1" in answer
    wait_until(lambda: patients(system), 20)
    [patient] = patients(system)
    assert patient["birthDate"] == "1954-02-17"
    allergies = system.fhir(f"AllergyIntolerance?patient={patient['id']}")
    assert [entry["resource"]["code"]["text"] for entry in allergies["entry"]] == ["Penicillin"]


def test_a_resend_is_acknowledged_again_and_applied_once(system: System) -> None:
    exchange(system.mllp, ADMISSION)
    wait_until(lambda: patients(system), 20)

    answer = exchange(system.mllp, ADMISSION)

    assert b"\rMSA|AA|LIFE-1" in answer
    wait_until(lambda: "messages were stored already" in system.log("transformer"), 20)
    [patient] = patients(system)
    assert patient["meta"]["versionId"] == "1"


def test_one_id_follows_the_message_through_the_logs_and_no_log_holds_its_content(system: System) -> None:
    exchange(system.mllp, ADMISSION)
    wait_until(lambda: patients(system), 20)

    logs = {service: system.log(service) for service in ("mllp-gateway", "transformer", "fhir-api")}

    lines = [json.loads(line) for log in logs.values() for line in log.splitlines()]
    [transformed] = [line for line in lines if line["event"] == "message transformed"]
    seen = {line["service"] for line in lines if line.get("message_id") == transformed["message_id"]}
    assert seen == {"mllp-gateway", "transformer"}
    for secret in ("Quellwasser", "Rosalinde", "L4711", "Birkenweg"):
        assert not any(secret in log for log in logs.values())
