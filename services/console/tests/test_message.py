"""Rule 18 to an operator's eyes: which messages came, and which of them used an MSH-10 again."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from libs.store.engine import open_pool
from services.console.tests.command import Run, ehrconnect
from services.console.tests.stored import DEAD, FIRST, REUSED, store


@pytest.fixture
def installation(postgres_url: str) -> Mapping[str, str]:
    with open_pool(postgres_url, 1) as pool:
        store(pool)
    return {"EHR_DATABASE_URL": postgres_url}


def test_messages_are_listed_the_newest_first(installation: Mapping[str, str]) -> None:
    listed = _json("message", "list", settings=installation)

    assert [(one["id"][-1], one["status"], one["reused_control_id"]) for one in listed] == [
        ("3", "dead", False),
        ("2", "transformed", True),
        ("1", "transformed", False),
    ]
    assert listed[0] == {
        "id": DEAD.message_id,
        "received_at": "2026-03-02 10:15:02+00:00",
        "processed_at": "2026-03-02 11:00:00+00:00",
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
    ("options", "expected"),
    [
        (["--reused"], ["2"]),
        (["--status", "dead"], ["3"]),
        (["--reused", "--status", "dead"], []),
        (["--limit", "2"], ["3", "2"]),
        (["--control-id", "A1"], ["2", "1"]),
        (["--control-id", "A1", "--type", "ADT^A01"], ["2", "1"]),
        (["--type", "ADT"], ["3", "2", "1"]),
        (["--type", "AD"], []),
        (["--sender", "REGISTRATION|NORTH", "--since", "2026-03-02T10:15:01Z"], ["3", "2"]),
        (["--sender", "LAB|NORTH"], []),
        (["--until", "2026-03-02T10:15:01Z"], ["1"]),
    ],
)
def test_the_list_can_be_narrowed(
    installation: Mapping[str, str], options: list[str], expected: list[str]
) -> None:
    listed = _json("message", "list", *options, settings=installation)

    assert [one["id"][-1] for one in listed] == expected


def test_a_message_is_shown_without_its_content_unless_it_is_asked_for(
    installation: Mapping[str, str],
) -> None:
    shown = ehrconnect("message", "show", REUSED.message_id, settings=installation)
    raw = ehrconnect("message", "show", REUSED.message_id, "--raw", settings=installation)

    assert shown.code == 0
    assert "reused control id: True\n" in shown.out
    assert '"position": "PV1[5]-44"' in shown.out
    assert "Example" not in shown.out
    assert raw == Run(0, REUSED.body.decode().replace("\r", "\n"), "")  # text mode reads CR as LF


def test_another_organization_has_none_of_them(installation: Mapping[str, str]) -> None:
    listed = ehrconnect("message", "--org", "north", "list", settings=installation)
    shown = ehrconnect("message", "--org", "north", "show", FIRST.message_id, settings=installation)
    nonsense = ehrconnect("message", "show", "4711", "--raw", settings=installation)

    assert listed == Run(0, "no such messages in north\n", "")
    assert shown == Run(1, "", f"ehrconnect: no message {FIRST.message_id} in the organization north\n")
    assert nonsense == Run(1, "", "ehrconnect: no message 4711 in the organization default\n")


def _json(*arguments: str, settings: Mapping[str, str]) -> list[dict[str, Any]]:
    run = ehrconnect(*arguments, "--json", settings=settings)
    assert (run.code, run.err) == (0, "")
    rows: list[dict[str, Any]] = json.loads(run.out)
    return rows
