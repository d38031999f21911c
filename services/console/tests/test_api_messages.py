"""/api/messages: what was received, and what became of each."""

from typing import Any

import pytest

from libs.fhir.bundle import Entry
from libs.hl7v2.message import parse
from libs.mapping.inbound.segments.msh import provenance_id
from libs.store import writer
from libs.store.engine import Pool, transaction
from libs.testing.http import Client
from services.console.tests import stored
from services.console.tests.conftest import ROOT, Logs
from services.console.tests.stored import DEAD, FIRST, NOW, REUSED


@pytest.fixture(autouse=True)
def _stored(pool: Pool) -> None:
    stored.store(pool)


def ids(page: dict[str, Any]) -> list[str]:
    return [message["id"][-1] for message in page["messages"]]


def test_messages_are_listed_the_newest_first(viewer: Client) -> None:
    answer = viewer.get("messages")

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert ids(answer.json()) == ["3", "2", "1"]
    assert answer.json()["next"] is None
    assert answer.json()["messages"][0] == {
        "id": DEAD.message_id,
        "received_at": "2026-03-02T10:15:02+00:00",
        "processed_at": "2026-03-02T11:00:00+00:00",
        "sender": "REGISTRATION|NORTH",
        "control_id": "A2",
        "message_type": "ADT^A01",
        "status": "dead",
        "reused_control_id": False,
        "charset": "",
        "timezone": "Europe/Berlin",
        "peer": "10.0.0.1:4000",
        "size": len(DEAD.body),
        "mapping_version": None,
        "error": "PID-3 is empty",
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=dead", ["3"]),
        ("type=ADT^A01&control_id=A1", ["2", "1"]),
        ("type=ADT", ["3", "2", "1"]),
        ("type=ADT^A08", []),
        ("sender=REGISTRATION|NORTH&reused=true", ["2"]),
        ("reused=false", ["3", "2", "1"]),
        ("since=2026-03-02T10:15:01Z", ["3", "2"]),
        ("since=2026-03-02T11:15:01+01:00", ["3", "2"]),
        ("until=2026-03-02T10:15:01", ["1"]),
        ("since=2026-03-03", []),
        ("control_id=' OR 1=1 --", []),
    ],
)
def test_the_list_can_be_narrowed(viewer: Client, query: str, expected: list[str]) -> None:
    assert ids(viewer.get(f"messages?{query}").json()) == expected


def test_pages_follow_each_other_and_keep_the_filters(viewer: Client) -> None:
    pages = []
    following = "messages?count=1&type=ADT&since=2026-03-02T10:15:00%2B00:00&reused=false"
    while following:
        page = viewer.get(following).json()
        pages.append(ids(page))
        following = page["next"] and ROOT + page["next"]

    assert pages == [["3"], ["2"], ["1"]]


def test_messages_of_the_same_moment_are_on_one_page_each(viewer: Client, pool: Pool) -> None:
    with transaction(pool, "default") as connection:
        connection.execute("UPDATE message SET received_at = %s", (NOW,))

    first = viewer.get("messages?count=2").json()
    second = viewer.get(ROOT + first["next"]).json()

    assert (ids(first), ids(second), second["next"]) == (["3", "2"], ["1"], None)


def test_a_message_is_shown_with_its_report_but_not_its_content(viewer: Client) -> None:
    answer = viewer.get(f"messages/{FIRST.message_id}")

    shown = answer.json()
    assert shown["report"] == {
        "fields": {"unused": ["PID[2]-8"]},
        "warnings": [{"position": "PV1[5]-44", "text": "no date"}],
    }
    assert (shown["status"], shown["resources"], shown["dead_letters"], shown["deliveries"]) == (
        "transformed", None, [], [],
    )  # fmt: skip
    assert "Example" not in answer.text


def test_a_message_names_the_resources_that_it_has_made(viewer: Client, pool: Pool) -> None:
    identity = provenance_id("default", parse(REUSED.body.decode()).header)
    provenance = {
        "resourceType": "Provenance",
        "id": identity,
        "target": [{"reference": "Patient/p1"}, {"reference": "Encounter/e1"}],
    }
    with transaction(pool, "default") as connection:
        entry = Entry(provenance, f"urn:uuid:{identity}", "PUT", f"Provenance/{identity}")
        writer.apply(connection, "default", [[entry]], NOW)

    shown = viewer.get(f"messages/{REUSED.message_id}").json()

    assert shown["resources"] == ["Patient/p1", "Encounter/e1"]


def test_a_dead_message_names_its_letters(viewer: Client) -> None:
    shown = viewer.get(f"messages/{DEAD.message_id}").json()

    assert (shown["status"], shown["report"], shown["error"]) == ("dead", None, "PID-3 is empty")
    assert [(letter["state"], letter["reason"]) for letter in shown["dead_letters"]] == [
        ("open", "Unmappable")
    ]


def test_an_operator_reads_a_message_and_the_log_tells_who_did(operator: Client, logs: Logs) -> None:
    answer = operator.get(f"messages/{FIRST.message_id}/raw")

    assert (answer.status_code, answer.content) == (200, FIRST.body)
    assert answer.headers["content-type"] == "application/hl7-v2"
    [read] = [line for line in logs if line["event"] == "message read"]
    assert read == {
        "event": "message read",
        "log_level": "info",
        "module": "services.console.api.call",
        "message_id": FIRST.message_id,
        "user": "operator@default",
        "role": "operator",
        "organization": "default",
    }
    assert "Example" not in str(logs)


def test_a_viewer_does_not_read_messages(viewer: Client, logs: Logs) -> None:
    answer = viewer.get(f"messages/{FIRST.message_id}/raw")

    assert answer.status_code == 403
    assert answer.json()["detail"] == "this takes the role operator, and yours is viewer"
    assert not [line for line in logs if line["event"] == "message read"]


@pytest.mark.parametrize("path", ["", "/raw"])
def test_another_organization_finds_no_message_of_it(stranger: Client, path: str) -> None:
    known, unknown = (stranger.get(f"messages/{identity}{path}") for identity in (FIRST.message_id, "f" * 32))

    assert (known.status_code, unknown.status_code) == (404, 404)
    assert known.json()["detail"] == f"no message {FIRST.message_id} in the organization elsewhere"
    assert stranger.get("messages").json() == {"messages": [], "next": None}
