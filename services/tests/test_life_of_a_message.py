"""A hospital's message from the wire to the FHIR API, through the real processes."""

import json
from typing import Any

from libs.testing.health import wait_until
from loadtests.system import System
from services.console.tests.command import ehrconnect
from services.tests.clients import console, exchange, fhir

ADMISSION = "\r".join(
    [
        "MSH|^~\\&|ADT|NORTH|EHR|EHR|20260301101500+0100||ADT^A01^ADT_A01|LIFE-1|P|2.5.1",
        "EVN|A01|20260301101500+0100",
        "PID|1||L4711^^^NORTH^MR||Quellwasser^Rosalinde^M||19540217|F|||Birkenweg 9^^Lund^^22100^SE",
        "PV1|1|I|W3^12^A|||||||SUR||||||||V-4711^^^NORTH^VN",
        "AL1|1|DA|^Penicillin|SV|Rash",
    ]
).encode()


def log(system: System, service: str) -> str:
    return (system.home / "log" / f"{service}.log").read_text()


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

    logs = {
        service: log(system, service) for service in ("mllp-gateway", "transformer", "fhir-api", "console")
    }

    lines = [json.loads(line) for log in logs.values() for line in log.splitlines()]
    [transformed] = [line for line in lines if line["event"] == "message transformed"]
    seen = {line["service"] for line in lines if line.get("message_id") == transformed["message_id"]}
    assert seen == {"mllp-gateway", "transformer"}
    for secret in ("Quellwasser", "Rosalinde", "L4711", "Birkenweg"):
        assert not any(secret in log for log in logs.values())


def test_its_conversion_report_is_shown_by_the_console_and_by_the_command(system: System) -> None:
    sent = ADMISSION.replace(b"LIFE-1", b"LIFE-2").replace(b"|W3^12^A|", b"|W3^12^A|||X|")
    exchange(system, sent + b"\rZXX|1|nobody reads this")
    wait_until(lambda: console(system, "messages?control_id=LIFE-2").json()["messages"])
    [message] = console(system, "messages?control_id=LIFE-2").json()["messages"]

    shown = console(system, f"messages/{message['id']}").json()
    settings = {name: value for name, value in system.told().items() if name.startswith("EHR_")}
    command = ehrconnect("message", "show", message["id"], "--json", settings=settings)

    assert shown["report"]["segments"]["unused"] == ["ZXX[5]"]
    assert {resource.partition("/")[0] for resource in shown["resources"]} >= {"Patient", "Encounter"}
    for resource in shown["resources"]:
        assert fhir(system, resource)["id"] == resource.partition("/")[2]
    assert json.loads(command.out)["report"] == shown["report"]
    assert console(system, f"messages/{message['id']}/raw").content == sent + b"\rZXX|1|nobody reads this"


def test_an_application_finds_the_history_of_a_patient_that_was_merged_with_the_survivor(
    system: System,
) -> None:
    old, survivor = (ADMISSION.replace(b"4711", number) for number in (b"4712", b"4713"))
    header, _, identification, *_ = survivor.split(b"\r")
    header = header.replace(b"A01^ADT_A01", b"A40^ADT_A39")
    merge = b"\r".join([header, identification, b"MRG|L4712^^^NORTH^MR"])
    for number, message in enumerate((old, survivor, merge)):
        assert b"\rMSA|AA|" in exchange(system, message.replace(b"LIFE-1", b"MERGE-%d" % number))

    def found(query: str) -> list[dict[str, Any]]:
        return [entry["resource"] for entry in fhir(system, query).get("entry", [])]

    wait_until(lambda: len(found("Patient?identifier=L4712")) == 2)
    [left] = found("Patient?identifier=L4712&active=true")
    [gone] = found("Patient?identifier=L4712&active=false")
    assert gone["link"] == [{"other": {"reference": f"Patient/{left['id']}"}, "type": "replaced-by"}]
    wait_until(lambda: len(found(f"AllergyIntolerance?patient={left['id']}")) == 2)
    assert found(f"Encounter?patient={gone['id']}") == []
