"""Rule 16: a sender in enhanced mode hears at once that its message is safe, and later what became of it."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from libs.hl7v2.message import Message, parse
from libs.testing.health import wait_until
from libs.testing.receiver import Receiver, answering
from loadtests.system import System, running
from services.console.tests.command import ehrconnect
from services.tests.clients import exchange


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    with running(longest_pause=1.0) as system:
        yield system


@pytest.fixture(scope="module")
def lab(system: System) -> Iterator[Receiver]:
    """Where the application acknowledgements of LAB|NORTH go."""
    with Receiver(answering("CA")) as receiver:
        to = f"127.0.0.1:{receiver.port}"
        command(system, "destination", "add", "lab", "--to", to, "--acknowledges", "LAB|NORTH")
        yield receiver


def command(system: System, *arguments: str | Path) -> str:
    settings = {name: value for name, value in system.told().items() if name.startswith("EHR_")}
    run = ehrconnect(*arguments, settings=settings)
    assert (run.code, run.err) == (0, "")
    return run.out


def admission(control_id: str, modes: str, *, kind: str = "ADT^A04", application: str = "LAB") -> bytes:
    return (
        f"MSH|^~\\&|{application}|NORTH|EHR|MAIN|20260301||{kind}|{control_id}|P|2.5|||{modes}\r"
        f"PID|1||P{control_id}^^^NORTH^MR||Doe^Jo||19700101|F\r"
    ).encode()


def told(receiver: Receiver, control_id: str) -> list[Message]:
    """What the sender was told of a message."""
    messages = [parse(received.decode()) for received in receiver.received]
    return [message for message in messages if message.at("MSA-2") == control_id]


def code(answer: bytes) -> str:
    return parse(answer.strip(b"\x0b\x1c\r").decode()).at("MSA-1") if answer else ""


def stored(system: System, control_id: str) -> dict[str, Any]:
    [found] = json.loads(command(system, "message", "list", "--control-id", control_id, "--json"))
    shown: dict[str, Any] = json.loads(command(system, "message", "show", found["id"], "--json"))
    return shown


def test_an_accept_acknowledgement_at_once_and_an_application_acknowledgement_after_the_commit(
    system: System, lab: Receiver
) -> None:
    assert code(exchange(system, admission("E1", "AL|AL"))) == "CA"

    wait_until(lambda: told(lab, "E1"))
    [ack] = told(lab, "E1")
    assert [ack.at(path) for path in ("MSA-1", "MSH-5", "MSH-6", "MSH-15", "MSH-16")] == [
        "AA", "LAB", "NORTH", "AL", "NE",
    ]  # fmt: skip
    wait_until(lambda: stored(system, "E1")["deliveries"][0]["state"] == "delivered")
    assert stored(system, "E1")["deliveries"][0]["control_id"] == ack.at("MSH-10")


def test_a_message_that_cannot_be_mapped_is_answered_ae_with_the_reason(
    system: System, lab: Receiver
) -> None:
    # A type that HL7 has, and that becomes nothing.
    assert code(exchange(system, admission("E2", "AL|AL", kind="NMD^N02"))) == "CA"

    wait_until(lambda: told(lab, "E2"))
    [ack] = told(lab, "E2")
    assert [ack.at(path) for path in ("MSA-1", "ERR-3.1", "ERR-2")] == ["AE", "200", "MSH"]


def test_only_what_was_asked_for_is_sent(system: System, lab: Receiver) -> None:
    for control_id, modes, kind in (
        ("E3", "AL|ER", "ADT^A04"), ("E4", "AL|ER", "NMD^N02"), ("E5", "AL|SU", "ADT^A04"),
        ("E6", "AL|SU", "NMD^N02"), ("E7", "AL|NE", "ADT^A04"), ("E8", "NE|AL", "ADT^A04"),
        ("E9", "AL|AL", "ADT^A04"),
    ):  # fmt: skip
        exchange(system, admission(control_id, modes, kind=kind))

    wait_until(lambda: told(lab, "E4") and told(lab, "E5") and told(lab, "E9"))
    assert not any(told(lab, control_id) for control_id in ("E3", "E6", "E7", "E8"))


def test_a_resend_is_acknowledged_by_the_application_once(system: System, lab: Receiver) -> None:
    for control_id in ("E10", "E10", "E11"):
        assert code(exchange(system, admission(control_id, "AL|AL"))) == "CA"

    wait_until(lambda: told(lab, "E11"))
    assert len(told(lab, "E10")) == 1


def test_without_a_destination_it_is_said_and_stays_to_be_seen(system: System, lab: Receiver) -> None:
    exchange(system, admission("E12", "AL|AL", application="WARD"))
    wait_until(lambda: "E12" in command(system, "message", "list"))

    shown = stored(system, "E12")
    assert (shown["status"], shown["deliveries"]) == ("transformed", [])
    assert shown["unsent_acknowledgement"] == "AA"
    assert "--acknowledges 'WARD|NORTH'" in command(system, "message", "show", shown["id"])
    log = (system.home / "log" / "transformer.log").read_text()
    assert "no application acknowledgement: no destination acknowledges the sender" in log
    assert not told(lab, "E12")


def test_nobody_is_answered_for_nothing_whatever_is_killed(system: System, lab: Receiver) -> None:
    """kill -9 of the transformer's workers, most of them right after a commit, and of the outbound-sender."""
    numbers = [f"K{number}" for number in range(40)]
    for number, control_id in enumerate(numbers):
        assert code(exchange(system, admission(control_id, "AL|AL"))) == "CA"
        if number % 8 == 7:
            wait_until(lambda: _owed(system, numbers[number - 3]))  # noqa: B023  # asked at once
            _kill(system, "transformer" if number % 16 == 7 else "outbound-sender")

    wait_until(lambda: all(told(lab, control_id) for control_id in numbers), seconds=90)
    for control_id in numbers:
        acks = told(lab, control_id)
        assert {ack.at("MSA-1") for ack in acks} == {"AA"}
        assert len({ack.at("MSH-10") for ack in acks}) == 1, "sent again it is the same message"
    received = [parse(one.decode()).at("MSH-10") for one in lab.received]
    with psycopg.connect(system.told()["EHR_DATABASE_URL"]) as connection:
        rows = connection.execute("SELECT control_id FROM delivery ORDER BY id").fetchall()
    assert list(dict.fromkeys(received)) == [row[0] for row in rows if row[0] in received], "in order"


def test_another_organization_sees_nothing_of_it(system: System, lab: Receiver) -> None:
    command(system, "org", "add", "other", "Other Hospital")

    assert command(system, "destination", "--org", "other", "list") == "no destinations in other\n"
    assert command(system, "dlq", "--org", "other", "list") == "no open dead letters in other\n"
    [listed] = json.loads(command(system, "destination", "list", "--json"))
    assert (listed["name"], listed["port"], listed["acknowledges"]) == ("lab", lab.port, ["LAB|NORTH"])


def _owed(system: System, control_id: str) -> bool:
    with psycopg.connect(system.told()["EHR_DATABASE_URL"]) as connection:
        rows = connection.execute(
            "SELECT FROM delivery d JOIN message m ON m.org_id = d.org_id AND m.id = d.message_id"
            " WHERE m.control_id = %s",
            (control_id,),
        )
        return rows.rowcount > 0


def _kill(system: System, name: str) -> None:
    """All its processes but a supervising one."""
    first, *children = system.processes()[name]
    for pid in children or [first]:
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.1)
