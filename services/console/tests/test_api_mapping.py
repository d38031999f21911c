"""/api/mapping: layers in and out, tried on stored messages, and stored messages by them."""

from typing import Any

import httpx
import pytest
from redis import Redis

from libs.lanes.contracts import transformation_lane
from libs.store.engine import Pool
from libs.testing.http import Client
from services.console.api.call import MAX_BODY
from services.console.tests import stored
from services.console.tests.stored import REUSED

VIENNA = 'timezone = "Europe/Vienna"\n'
FEMALE_IS_OTHER = '[codes.0001.AdministrativeSex]\nF = "other"\n'


@pytest.fixture(autouse=True)
def _stored(pool: Pool) -> None:
    stored.store(pool)


def send(client: Client, method: str, path: str, document: str | bytes, **headers: str) -> httpx.Response:
    content = document.encode() if isinstance(document, str) else document
    return client.request(
        method, f"mapping/{path}", content=content, headers={"Content-Type": "application/toml"} | headers
    )


def names(client: Client, path: str = "mapping/layers") -> list[tuple[int, str]]:
    return [(one["version"], one["name"]) for one in client.get(path).json()["layers"]]


def test_layers_are_saved_listed_compared_and_exported(admin: Client, viewer: Client) -> None:
    [before] = names(admin)[:1] or [(0, "")]
    versions = [
        send(admin, "PUT", f"layers/{layer}", text).json()["version"] - before[0]
        for layer, text in (
            ("organization", VIENNA),
            ("sender:LAB|NORTH%2FEAST", 'unmapped = "park"\n'),
            ("organization", VIENNA + 'jurisdiction = "AT"\n'),
        )
    ]

    first, second, third = (before[0] + version for version in versions)
    assert versions == [1, 2, 3]
    assert names(viewer) == [(third, "organization"), (second, "sender:LAB|NORTH/EAST")]
    assert [version for version, _ in names(viewer, "mapping/layers?all=true")][:3] == [third, second, first]
    exported = viewer.get(f"mapping/layers/organization?version={second}")
    assert (exported.text, exported.headers["content-type"]) == (VIENNA, "application/toml")
    assert viewer.get("mapping/layers/sender:LAB|NORTH/EAST").text == 'unmapped = "park"\n'
    assert viewer.get(f"mapping/diff?layer=organization&version={first}").text == (
        f"--- version {first}\n+++ in force\n@@ -1 +1,2 @@\n"
        ' timezone = "Europe/Vienna"\n+jurisdiction = "AT"\n'
    )
    assert send(viewer, "POST", "diff?layer=organization", 'jurisdiction = "AT"\n').text == (
        '--- in force\n+++ sent\n@@ -1,2 +1 @@\n-timezone = "Europe/Vienna"\n jurisdiction = "AT"\n'
    )
    for layer in ("organization", "sender:LAB|NORTH/EAST"):  # an empty document withdraws it
        assert send(admin, "PUT", f"layers/{layer}", "").status_code == 200


@pytest.mark.parametrize(
    ("layer", "document", "headers", "status"),
    [
        pytest.param("organization", "colour = 'red'", {}, 422, id="no such setting"),
        pytest.param("organization", "colour = ", {}, 422, id="no TOML"),
        pytest.param("somebody", VIENNA, {}, 422, id="no such layer"),
        pytest.param("organization", b"\xff\xfe", {}, 400, id="not UTF-8"),
        pytest.param("organization", "{}", {"Content-Type": "application/json"}, 415, id="JSON"),
        pytest.param("organization", "#" * (MAX_BODY + 1), {}, 413, id="too large"),
        pytest.param("organization?version=1", VIENNA, {}, 400, id="a parameter that it does not take"),
    ],
)
def test_a_layer_that_cannot_be_is_refused_and_not_saved(
    admin: Client, layer: str, document: str | bytes, headers: dict[str, str], status: int
) -> None:
    before = names(admin, "mapping/layers?all=true")

    answer = send(admin, "PUT", f"layers/{layer}", document, **headers)

    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert names(admin, "mapping/layers?all=true") == before


def test_a_dry_run_shows_what_would_change_and_changes_nothing(operator: Client) -> None:
    before = names(operator)

    answer = send(operator, "POST", "dry-run?layer=organization&count=1&until=2026-03-02T10:15:02Z",
                  FEMALE_IS_OTHER)  # fmt: skip

    [tried] = answer.json()["messages"]
    assert (tried["message_id"], tried["error"]) == (REUSED.message_id, "")
    assert [(change["path"], change["before"], change["after"]) for change in tried["changes"]] == [
        ("gender", "female", "other")
    ]
    assert names(operator) == before


def test_stored_messages_are_put_on_lanes_to_be_transformed_again(admin: Client, redis: Redis) -> None:
    none = admin.post("mapping/retransform")
    some = admin.post("mapping/retransform?all=true")

    assert (none.status_code, some.status_code) == (400, 200)
    assert some.json() == {"messages": 2}
    lane = transformation_lane("default", b"100001")
    assert redis.llen(f"ehr:lane:{lane}") == 2


def test_another_organization_sees_no_layer_of_it(admin: Client, stranger: Client) -> None:
    send(admin, "PUT", "layers/organization", VIENNA)

    assert names(stranger) == []
    assert stranger.get("mapping/layers/organization").status_code == 404
    send(admin, "PUT", "layers/organization", "")


def test_an_operator_does_not_change_the_mapping(operator: Client) -> None:
    before = names(operator)

    answers: list[Any] = [
        send(operator, "PUT", "layers/organization", VIENNA),
        operator.post("mapping/retransform?all=true"),
    ]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert names(operator) == before
