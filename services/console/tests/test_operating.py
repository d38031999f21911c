"""What operators do to a running installation: keys, organizations, dead letters, lanes."""

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from libs.embedded.process import free_port
from libs.lanes.contracts import Envelope, message_id
from libs.lanes.enqueue import enqueue
from libs.store.engine import open_pool, transaction
from libs.store.messages import Finished, bury, finish
from libs.store.users import authenticate
from libs.testing.messages import adt
from services.console.tests.command import Run, ehrconnect
from services.console.tests.stored import LANE, PATIENT, unmappable

MESSAGE = adt(control_id="BAD1")
ENVELOPE = Envelope(
    message_id=message_id("default", b"REGISTRATION", b"NORTH", b"BAD1", MESSAGE),
    organization="default",
    received_at=1_772_446_500.0,
    sender="REGISTRATION|NORTH",
    peer="10.0.0.1",
    charset="",
    body=MESSAGE,
)


def test_a_key_is_shown_once_and_can_be_revoked(postgres_url: str) -> None:
    added = ehrconnect("client", "add", "laboratory portal", settings={"EHR_DATABASE_URL": postgres_url})
    assert added.code == 0
    assert added.out.startswith("ehr_")

    (client,) = _json("client", "list", settings={"EHR_DATABASE_URL": postgres_url})
    assert (client["name"], client["revoked_at"]) == ("laboratory portal", None)
    assert added.out.strip() not in json.dumps(client)

    revoked = ehrconnect("client", "revoke", client["id"], settings={"EHR_DATABASE_URL": postgres_url})
    assert revoked == Run(0, f"client {client['id']} is revoked\n", "")
    again = ehrconnect("client", "revoke", client["id"], settings={"EHR_DATABASE_URL": postgres_url})
    assert again == Run(
        1, "", f"ehrconnect: no API client {client['id']} is in force in the organization default\n"
    )


def test_organizations_have_keys_of_their_own(postgres_url: str) -> None:
    installation = {"EHR_DATABASE_URL": postgres_url}
    assert ehrconnect("org", "add", "north", "North Hospital", settings=installation).code == 0
    assert ehrconnect("client", "--org", "north", "add", "x", settings=installation).code == 0

    organizations = _json("org", "list", settings=installation)
    clients = _json("client", "--org", "north", "list", settings=installation)
    after = _json("client", "list", "--org", "north", settings=installation)
    again = ehrconnect("org", "add", "north", "North Hospital", settings=installation)

    assert [(one["id"], one["name"]) for one in organizations] == [
        ("default", "Default organization"),
        ("north", "North Hospital"),
    ]
    assert [client["name"] for client in clients] == ["x"]
    assert after == clients
    assert again == Run(1, "", "ehrconnect: the organization north exists already\n")


def test_a_user_is_added_listed_given_another_password_and_removed(postgres_url: str, tmp_path: Path) -> None:
    installation = {"EHR_DATABASE_URL": postgres_url}
    (tmp_path / "one").write_text("correct horse battery\nnot this\n")
    (tmp_path / "two").write_text("another password")

    added = ehrconnect("user", "add", "anna", "--role", "viewer", "--password-file", tmp_path / "one",
                       settings=installation)  # fmt: skip
    listed = _json("user", "list", settings=installation)
    changed = ehrconnect(
        "user", "password", "anna", "--password-file", tmp_path / "two", settings=installation
    )
    with open_pool(postgres_url, 1) as pool:
        found = [authenticate(pool, "anna", one) for one in ("correct horse battery", "another password")]
    removed = ehrconnect("user", "remove", "anna", settings=installation)
    again = ehrconnect("user", "remove", "anna", settings=installation)

    assert added == Run(0, "anna may log in to the console of default as viewer\n", "")
    assert [(one["name"], one["role"]) for one in listed] == [("anna", "viewer")]
    assert changed == Run(0, "anna has a new password\n", "")
    assert [user and user.name for user in found] == [None, "anna"]
    assert removed == Run(0, "anna may not log in any more\n", "")
    assert again == Run(1, "", "ehrconnect: the organization default has no user anna\n")


def test_a_password_is_not_asked_for_without_a_terminal(postgres_url: str) -> None:
    run = ehrconnect("user", "add", "bob", "--role", "admin", settings={"EHR_DATABASE_URL": postgres_url})

    assert run == Run(
        1,
        "",
        "ehrconnect: no terminal to ask for a password: use --password-file FILE (- is standard input)\n",
    )


@pytest.mark.parametrize(
    "command",
    [
        "client list",
        "client add x",
        "dlq list",
        "dlq replay 1",
        "message list",
        "message show 1",
        "mapping list",
        "user list",
    ],
)
def test_the_organization_may_be_named_after_the_action(command: str) -> None:
    run = ehrconnect(
        *command.split(), "--org", "north", settings={"EHR_DATABASE_URL": "postgresql://127.0.0.1:1/x"}
    )

    assert "unrecognized arguments" not in run.err
    assert run.code == 1  # no such database


def test_a_dead_letter_is_listed_shown_and_replayed_into_its_lane(
    postgres_url: str, redis_url: str, redis: Redis
) -> None:
    _bury(postgres_url)
    installation = {"EHR_DATABASE_URL": postgres_url, "EHR_REDIS_URL": redis_url}

    (letter,) = _json("dlq", "list", settings=installation)
    shown = ehrconnect("dlq", "show", str(letter["id"]), settings=installation)
    replayed = ehrconnect("dlq", "replay", str(letter["id"]), settings=installation)

    assert (letter["control_id"], letter["reason"], letter["error"]) == (
        "BAD1",
        "Unmappable",
        "PID-3 is empty",
    )
    assert shown.out.endswith("\n\n" + MESSAGE.decode().replace("\r", "\n") + "\n")
    assert replayed == Run(0, f"dead letter {letter['id']} is back in {LANE}\n", "")
    (waiting,) = _json("dlq", "list", settings=installation)
    assert waiting == letter | {"replaying": True}, "open until the message is applied"
    again = ehrconnect("dlq", "replay", str(letter["id"]), settings=installation)
    assert again == replayed
    (lane,) = _json("lanes", settings=installation)
    assert (lane["lane"], lane["depth"]) == (LANE, 2)


def test_a_replay_says_when_newer_messages_of_the_patient_are_applied(
    fresh_postgres_url: str, redis_url: str, redis: Redis
) -> None:
    _bury(fresh_postgres_url)
    later = replace(ENVELOPE, message_id="f" * 32, received_at=ENVELOPE.received_at + 60)
    applied = Finished(later, "GOOD", "ADT^A08", "{}", patient_key=PATIENT)
    with open_pool(fresh_postgres_url, 1) as pool, transaction(pool, "default") as connection:
        finish(connection, "default", [applied], datetime.now(UTC))

    replayed = ehrconnect(
        "dlq", "replay", "1", settings={"EHR_DATABASE_URL": fresh_postgres_url, "EHR_REDIS_URL": redis_url}
    )

    assert replayed == Run(
        0,
        f"dead letter 1 is back in {LANE}\nit may undo what came later (newer messages of its patient: 1)\n",
        "",
    )


def test_a_dead_letter_is_discarded_once(fresh_postgres_url: str, redis_url: str) -> None:
    _bury(fresh_postgres_url)
    installation = {"EHR_DATABASE_URL": fresh_postgres_url, "EHR_REDIS_URL": redis_url}

    discarded = ehrconnect("dlq", "discard", "1", settings=installation)
    again = ehrconnect("dlq", "discard", "1", settings=installation)

    assert discarded == Run(0, "dead letter 1 is discarded; its message stays stored\n", "")
    assert again == Run(1, "", "ehrconnect: dead letter 1 is discarded\n")
    assert [one["id"] for one in _json("dlq", "list", "--state", "discarded", settings=installation)] == [1]


def test_an_unknown_dead_letter_is_said_in_one_line(postgres_url: str, redis_url: str) -> None:
    run = ehrconnect(
        "dlq", "replay", "4711", settings={"EHR_DATABASE_URL": postgres_url, "EHR_REDIS_URL": redis_url}
    )

    assert run == Run(1, "", "ehrconnect: no dead letter 4711 in the organization default\n")


def test_lanes_show_what_waits(redis_url: str, redis: Redis) -> None:
    assert ehrconnect("lanes", settings={"EHR_REDIS_URL": redis_url}) == Run(0, "nothing is waiting\n", "")

    fresh = replace(ENVELOPE, received_at=time.time())
    enqueue(redis, [(LANE, fresh.to_wire())] * 2)
    (lane,) = _json("lanes", settings={"EHR_REDIS_URL": redis_url})

    assert (lane["lane"], lane["state"], lane["depth"]) == (LANE, "waiting", 2)
    assert lane["age"] < 60


def test_a_lane_is_paused_and_resumed(redis_url: str, redis: Redis) -> None:
    enqueue(redis, [(LANE, ENVELOPE.to_wire())])
    settings = {"EHR_REDIS_URL": redis_url}

    paused = [ehrconnect("lanes", "pause", LANE, settings=settings).out for _ in range(2)]
    states = [lane["state"] for lane in _json("lanes", settings=settings)]
    resumed = [ehrconnect("lanes", "resume", LANE, settings=settings).out for _ in range(2)]
    unknown = ehrconnect("lanes", "pause", "nonsense", settings=settings)

    assert paused == [f"{LANE} is paused\n", f"{LANE} was already paused\n"]
    assert states == ["paused"]
    assert resumed == [f"{LANE} goes on\n", f"{LANE} was not paused\n"]
    assert unknown == Run(1, "", "ehrconnect: there is no lane nonsense\n")


def test_the_installation_of_this_folder_is_used_when_no_settings_say_otherwise(
    redis_url: str, tmp_path: Path
) -> None:
    (tmp_path / ".run").mkdir()
    (tmp_path / ".run" / "env").write_text(f"EHR_REDIS_URL={redis_url}\nEHR_PIDS='a=1 b=2'\n")

    assert ehrconnect("lanes", folder=tmp_path) == Run(0, "nothing is waiting\n", "")


@pytest.mark.parametrize("command", [("lanes",), ("client", "list"), ("org", "list")])
def test_an_installation_that_does_not_answer_is_said_in_one_line(command: tuple[str, ...]) -> None:
    nowhere = f"127.0.0.1:{free_port()}"

    urls = {"EHR_REDIS_URL": f"redis://{nowhere}/0", "EHR_DATABASE_URL": f"postgresql://{nowhere}/none"}
    run = ehrconnect(*command, settings=urls)

    assert run.code == 1
    assert run.err.startswith("ehrconnect: ")
    assert run.err.count("\n") == 1


def _bury(url: str) -> None:
    letter = unmappable(ENVELOPE, "BAD1")
    with open_pool(url, 1) as pool, transaction(pool, "default") as connection:
        bury(connection, "default", letter, datetime.now(UTC))


def _json(*arguments: str, settings: Mapping[str, str]) -> list[dict[str, Any]]:
    run = ehrconnect(*arguments, "--json", settings=settings)
    assert (run.code, run.err) == (0, "")
    rows: list[dict[str, Any]] = json.loads(run.out)
    return rows
