"""Destinations and their dead letters, as an operator sets and sees them."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from redis import Redis

from libs.store import deliveries
from libs.store.deliveries import Owed
from libs.store.engine import open_pool, transaction
from libs.store.messages import Finished, finish
from services.console.tests.command import Run, ehrconnect
from services.console.tests.test_operating import ENVELOPE

NOW = datetime(2026, 3, 2, 11, tzinfo=UTC)
LAB = ["destination", "add", "lab", "--to", "10.0.0.7:2575", "--acknowledges", "LAB|NORTH", "LAB|SOUTH"]


@pytest.fixture
def installation(fresh_postgres_url: str, redis_url: str) -> Mapping[str, str]:
    return {"EHR_DATABASE_URL": fresh_postgres_url, "EHR_REDIS_URL": redis_url}


def listed(installation: Mapping[str, str], *arguments: str) -> list[dict[str, Any]]:
    run = ehrconnect(*arguments, "--json", settings=installation)
    assert (run.code, run.err) == (0, "")
    rows: list[dict[str, Any]] = json.loads(run.out)
    return rows


def owe(installation: Mapping[str, str], *, dead: bool = False) -> None:
    with open_pool(installation["EHR_DATABASE_URL"], 1) as pool, transaction(pool, "default") as connection:
        finish(connection, "default", [Finished(ENVELOPE, "BAD1", "ADT^A01", "{}")], NOW)
        owed = Owed("lab", ENVELOPE.message_id, "AA", "A1", b"MSH|^~\\&|")
        [due] = deliveries.owe(connection, "default", [owed], NOW)
        if dead:
            deliveries.give_up(
                connection, "default", due.delivery_id, lane=due.lane, reason="NoAnswer",
                error="no answer within 30 s", now=NOW,
            )  # fmt: skip


def test_a_destination_is_added_changed_and_removed(installation: Mapping[str, str]) -> None:
    assert ehrconnect(*LAB, settings=installation) == Run(0, "lab is at 10.0.0.7:2575\n", "")
    again = ehrconnect(*LAB, settings=installation)
    [lab] = listed(installation, "destination", "list")
    moved = ehrconnect(
        "destination", "add", "lab", "--to", "10.0.0.8:2575", "--block", "--never-answers", "--replace",
        settings=installation,
    )  # fmt: skip
    [changed] = listed(installation, "destination", "show", "lab")
    removed = ehrconnect("destination", "remove", "lab", settings=installation)

    assert again == Run(1, "", "ehrconnect: there is a destination lab already; --replace changes it\n")
    assert lab == {
        "name": "lab", "host": "10.0.0.7", "port": 2575, "tls": False,
        "acknowledges": ["LAB|NORTH", "LAB|SOUTH"], "waits": True, "answer_within": 30,
        "on_failure": "dead-letter", "waiting": 0, "paused": False,
    }  # fmt: skip
    assert moved.code == 0
    assert (changed["host"], changed["on_failure"], changed["waits"]) == ("10.0.0.8", "block", False)
    assert removed == Run(0, "lab is forgotten\n", "")
    assert listed(installation, "destination", "list") == []


def test_what_waits_for_a_destination_is_told_and_keeps_it(installation: Mapping[str, str]) -> None:
    ehrconnect(*LAB, settings=installation)
    owe(installation)

    assert listed(installation, "destination", "list")[0]["waiting"] == 1
    kept = ehrconnect("destination", "remove", "lab", settings=installation)
    assert kept == Run(1, "", "ehrconnect: 1 deliveries wait for lab: they have to be discarded with it\n")
    assert ehrconnect("destination", "remove", "lab", "--discard", settings=installation).code == 0


def test_a_destination_is_paused_and_resumed(installation: Mapping[str, str]) -> None:
    ehrconnect(*LAB, settings=installation)

    assert ehrconnect("destination", "pause", "lab", settings=installation).out == "lab is paused\n"
    assert listed(installation, "destination", "list")[0]["paused"]
    assert ehrconnect("destination", "resume", "lab", settings=installation).out == "lab is sent to again\n"
    assert not listed(installation, "destination", "list")[0]["paused"]
    unknown = ehrconnect("destination", "pause", "ward", settings=installation)
    assert unknown == Run(1, "", "ehrconnect: no destination ward in the organization default\n")


def test_what_could_not_be_delivered_is_a_dead_letter_like_any_other(
    installation: Mapping[str, str], redis: Redis
) -> None:
    ehrconnect(*LAB, settings=installation)
    owe(installation, dead=True)

    [letter] = listed(installation, "dlq", "list")
    replayed = ehrconnect("dlq", "replay", str(letter["id"]), settings=installation)

    assert (letter["queue"], letter["reason"], letter["error"]) == (
        "hl7.outbound", "NoAnswer", "no answer within 30 s",
    )  # fmt: skip
    assert replayed == Run(0, f"dead letter {letter['id']} is back in hl7.outbound/default/lab\n", "")
    [lane] = listed(installation, "lanes")
    assert (lane["lane"], lane["depth"]) == ("hl7.outbound/default/lab", 1)
    shown = ehrconnect("message", "show", ENVELOPE.message_id, "--json", settings=installation)
    [delivery] = json.loads(shown.out)["deliveries"]
    assert (delivery["destination"], delivery["purpose"], delivery["state"]) == ("lab", "AA", "pending")


@pytest.mark.parametrize(
    "arguments",
    [["add", "LAB", "--to", "h:1"], ["add", "lab", "--to", "h"], [*LAB[1:-1], "LAB"],
     [*LAB[1:], "--answer-within", "0"]],
    ids=["name", "address", "sender", "seconds"],
)  # fmt: skip
def test_what_is_written_wrongly_is_refused(installation: Mapping[str, str], arguments: list[str]) -> None:
    assert ehrconnect("destination", *arguments, settings=installation).code == 2
