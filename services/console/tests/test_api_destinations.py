"""Destinations over the API."""

from collections.abc import Iterator
from typing import Any

import pytest

from libs.store import deliveries
from libs.store.deliveries import Owed
from libs.store.engine import Pool, transaction
from libs.testing.http import Client
from services.console.tests.test_destination import NOW

LAB = {"host": "10.0.0.7", "port": 2575, "acknowledges": ["LAB|NORTH"]}
STORED = {
    "name": "lab", "host": "10.0.0.7", "port": 2575, "tls": False, "acknowledges": ["LAB|NORTH"],
    "waits": True, "answer_within": 30, "on_failure": "dead-letter", "waiting": 0, "paused": False,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _none_remain(pool: Pool) -> Iterator[None]:
    yield
    with transaction(pool, "default") as connection:
        connection.execute("UPDATE delivery SET state = 'discarded' WHERE org_id = 'default'")
        connection.execute("DELETE FROM destination WHERE org_id = 'default'")


def test_an_admin_sets_changes_and_removes_one_and_a_viewer_sees_it(admin: Client, viewer: Client) -> None:
    assert admin.put("destinations/lab", json=LAB).json() == STORED
    assert viewer.get("destinations").json() == {"destinations": [STORED]}
    assert viewer.get("destinations/lab").json() == STORED

    moved = admin.put("destinations/lab", json={**LAB, "port": 2576, "on_failure": "block"}).json()
    assert moved == {**STORED, "port": 2576, "on_failure": "block"}

    assert admin.delete("destinations/lab").json() == {"name": "lab", "removed": True}
    assert viewer.get("destinations/lab").status_code == 404


def test_what_waits_keeps_it_unless_it_is_discarded(admin: Client, pool: Pool) -> None:
    admin.put("destinations/lab", json=LAB)
    with transaction(pool, "default") as connection:
        deliveries.owe(connection, "default", [Owed("lab", f"{1:032x}", "AA", "A1", b"MSH|^~")], NOW)

    kept = admin.delete("destinations/lab")

    assert (kept.status_code, admin.get("destinations/lab").json()["waiting"]) == (409, 1)
    assert admin.delete("destinations/lab?discard=true").status_code == 200


def test_an_operator_pauses_and_resumes_one_and_a_new_one_of_its_name_is_not_paused(
    admin: Client, operator: Client
) -> None:
    admin.put("destinations/lab", json=LAB)

    assert operator.post("destinations/lab/pause").json() == {"name": "lab", "changed": True}
    assert operator.get("destinations/lab").json()["paused"]
    assert operator.post("destinations/lab/resume").json() == {"name": "lab", "changed": True}
    operator.post("destinations/lab/pause")
    admin.delete("destinations/lab")
    assert not admin.put("destinations/lab", json=LAB).json()["paused"]


def test_who_may_not_is_told_so(admin: Client, operator: Client, viewer: Client, stranger: Client) -> None:
    admin.put("destinations/lab", json=LAB)

    assert operator.put("destinations/lab", json=LAB).status_code == 403
    assert operator.delete("destinations/lab").status_code == 403
    assert viewer.post("destinations/lab/pause").status_code == 403
    assert stranger.get("destinations").json() == {"destinations": []}
    assert stranger.post("destinations/lab/pause").status_code == 404
    assert stranger.delete("destinations/lab").status_code == 404


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("LAB", {}, "name"),
        ("lab", {"port": 0}, "port"),
        ("lab", {"port": "2575"}, "port"),
        ("lab", {"host": "a b"}, "host"),
        ("lab", {"acknowledges": ["LAB"]}, "acknowledges.0"),
        ("lab", {"acknowledges": ["L\0|N"]}, "acknowledges.0"),
        ("lab", {"on_failure": "drop"}, "on_failure"),
        ("lab", {"prot": 1}, "prot"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_set(
    admin: Client, name: str, changes: dict[str, Any], said: str
) -> None:
    refused = admin.put(f"destinations/{name}", json={**LAB, **changes})

    assert refused.status_code == 400
    assert said in refused.json()["detail"]
    assert admin.get("destinations").json() == {"destinations": []}
