"""`ehrconnect mapping`: layers in and out, tried on stored messages, and stored messages by them."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from libs.lanes.contracts import Envelope, message_id
from libs.store import messages
from libs.store.engine import open_pool, transaction
from libs.store.messages import Finished
from libs.testing.messages import SENT, adt
from services.console.tests.command import Run, ehrconnect

RECEIVED = datetime(2026, 11, 24, 8, tzinfo=UTC)
VIENNA = 'timezone = "Europe/Vienna"\n'
FEMALE_IS_OTHER = '[codes.0001.AdministrativeSex]\nF = "other"\n'


@pytest.fixture
def installation(fresh_postgres_url: str, redis_url: str) -> dict[str, str]:
    return {"EHR_DATABASE_URL": fresh_postgres_url, "EHR_REDIS_URL": redis_url}


def mapping(*arguments: str | Path, settings: Mapping[str, str]) -> Run:
    return ehrconnect("mapping", *arguments, settings=settings)


def as_json(*arguments: str | Path, settings: Mapping[str, str]) -> list[dict[str, Any]]:
    run = mapping(*arguments, "--json", settings=settings)
    assert (run.code, run.err) == (0, "")
    rows: list[dict[str, Any]] = json.loads(run.out)
    return rows


def document(folder: Path, text: str) -> Path:
    (folder / "layer.toml").write_text(text)
    return folder / "layer.toml"


def stored(url: str, number: int, *, parked: bool = False, patient: int = 1, timezone: str = "") -> str:
    """A stored message, received so many minutes after RECEIVED; its id."""
    sent = SENT[:14] if timezone else SENT
    body = adt(control_id=f"M{number}", patient_id=f"P{patient}", sent=sent)
    identity = message_id("default", b"REGISTRATION", b"NORTH", f"M{number}".encode(), body)
    at = (RECEIVED + timedelta(minutes=number)).timestamp()
    envelope = Envelope(identity, "default", at, "REGISTRATION|NORTH", "10.0.0.1", "", body, timezone)
    record = messages.park if parked else messages.finish
    with open_pool(url, 1) as pool, transaction(pool, "default") as connection:
        finished = Finished(envelope, f"M{number}", "ADT^A01", "{}", patient)
        record(connection, "default", [finished], datetime.now(UTC))
    return identity


def test_layers_are_saved_listed_compared_and_exported(installation: dict[str, str], tmp_path: Path) -> None:
    empty = mapping("list", settings=installation)
    saved = [
        mapping("import", layer, document(tmp_path, text), settings=installation)
        for layer, text in (
            ("organization", VIENNA),
            ("sender:LAB|NORTH", 'unmapped = "park"\n'),
            ("organization", VIENNA + 'jurisdiction = "AT"\n'),
        )
    ]

    assert empty.out == "default has no layers: its messages are mapped by the guide\n"
    assert [run.out for run in saved] == [f"the mapping of default is at version {n}\n" for n in (1, 2, 3)]
    in_force = [(row["version"], row["name"]) for row in as_json("list", settings=installation)]
    assert in_force == [(3, "organization"), (2, "sender:LAB|NORTH")]
    assert len(as_json("list", "--all", settings=installation)) == 3
    assert mapping("export", "organization", "--version", "2", settings=installation).out == VIENNA
    assert mapping("diff", "organization", "--version", "1", settings=installation) == Run(
        0,
        '--- version 1\n+++ in force\n@@ -1 +1,2 @@\n timezone = "Europe/Vienna"\n+jurisdiction = "AT"\n',
        "",
    )
    file = document(tmp_path, 'jurisdiction = "AT"\n')
    assert mapping("diff", "organization", file, settings=installation).out == (
        f'--- in force\n+++ {file}\n@@ -1,2 +1 @@\n-timezone = "Europe/Vienna"\n jurisdiction = "AT"\n'
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("import", "organization"), "layer organization: colour is no setting of a layer; known are"),
        (("import", "somebody"), "'somebody' is no layer; a layer is profile, organization or sender:"),
        (("dry-run", "organization"), "layer organization: colour is no setting of a layer; known are"),
    ],
)
def test_a_bad_layer_is_said_in_one_line_and_not_saved(
    installation: dict[str, str], tmp_path: Path, arguments: tuple[str, str], says: str
) -> None:
    stored(installation["EHR_DATABASE_URL"], 1)

    run = mapping(*arguments, document(tmp_path, "colour = 'red'"), settings=installation)

    assert (run.code, run.out) == (1, "")
    assert run.err.startswith(f"ehrconnect: {says}")
    assert run.err.count("\n") == 1
    assert as_json("list", settings=installation) == []


def test_a_profile_that_is_shipped_can_be_saved(installation: dict[str, str], tmp_path: Path) -> None:
    names = mapping("shipped", settings=installation).out.split()
    text = mapping("shipped", "abdm", settings=installation).out

    run = mapping("import", "profile", document(tmp_path, text), settings=installation)

    assert names == ["abdm", "us-core"]
    assert run == Run(0, "the mapping of default is at version 1\n", "")
    assert mapping("export", "profile", settings=installation).out == text


def test_a_dry_run_shows_what_would_change_and_changes_nothing(
    installation: dict[str, str], tmp_path: Path
) -> None:
    identities = [stored(installation["EHR_DATABASE_URL"], number) for number in (1, 2)]
    file = document(tmp_path, FEMALE_IS_OTHER)

    shown = mapping("dry-run", "organization", file, "--limit", "1", settings=installation)
    outcomes = as_json("dry-run", "organization", file, settings=installation)

    url = "Patient?identifier=urn:ehrconnect:default:authority:NORTH|P1"
    assert shown == Run(
        0,
        "ADT^A01 M2 of REGISTRATION|NORTH, 2026-11-24 08:02:00+00:00\n"
        f'  {url} gender: "female" -> "other"\n'
        "1 messages, 1 of them would differ\n",
        "",
    )
    assert [one["message_id"] for one in outcomes] == identities[::-1]
    assert outcomes[0]["changes"] == [
        {"resource": "Patient", "url": url, "path": "gender", "before": "female", "after": "other"}
    ]
    assert as_json("list", settings=installation) == []


def test_a_dry_run_takes_times_as_of_the_zone_that_the_gateway_knew(
    installation: dict[str, str], tmp_path: Path
) -> None:
    stored(installation["EHR_DATABASE_URL"], 1, timezone="Asia/Tokyo")
    file = document(tmp_path, VIENNA)

    def admitted(layer: str) -> list[tuple[str, str]]:
        [outcome] = as_json("dry-run", layer, file, settings=installation)
        return [
            (one["before"][19:], one["after"][19:]) for one in outcome["changes"] if "period" in one["path"]
        ]

    assert admitted("organization") == []
    assert admitted("sender:REGISTRATION|NORTH") == [("+09:00", "+01:00")]


def test_stored_messages_are_put_on_the_lanes_of_their_patients(
    installation: dict[str, str], redis: Redis
) -> None:
    for number, patient in ((1, 1), (2, 1), (3, 2)):
        stored(installation["EHR_DATABASE_URL"], number, patient=patient)

    unclear = mapping("retransform", settings=installation)
    none = mapping("retransform", "--sender", "LAB|SOUTH", settings=installation)
    run = mapping("retransform", "--since", "2026-11-24T08:00+00:00", settings=installation)

    assert unclear.err.startswith("ehrconnect: say which: --message")
    assert none == Run(0, "there are no such messages\n", "")
    assert run.out == "2 messages, with all about their patients, are transformed again\n"
    waiting = [
        wire for key in redis.scan_iter("ehr:lane:transformations/default/*") for wire in _lane(redis, key)
    ]
    assert sorted(Envelope.from_wire(wire).body.split(b"|")[9] for wire in waiting) == [b"M1", b"M3"]


def test_saving_a_layer_tries_parked_messages_again(
    installation: dict[str, str], redis: Redis, tmp_path: Path
) -> None:
    stored(installation["EHR_DATABASE_URL"], 1, parked=True)

    run = mapping("import", "organization", document(tmp_path, FEMALE_IS_OTHER), settings=installation)

    assert run.out == "the mapping of default is at version 1\n1 parked messages are tried again\n"
    assert len(list(redis.scan_iter("ehr:lane:transformations/default/*"))) == 1


def _lane(redis: Redis, key: bytes) -> list[bytes]:
    found: list[bytes] = redis.lrange(key.decode(), 0, -1)  # type: ignore[assignment]
    return found
