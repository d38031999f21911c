"""What operators do over the API: dead letters, lanes; and what a viewer or a stranger may not."""

from typing import Any

import pytest
from redis import Redis

from libs.lanes.contracts import inbound_lane
from libs.lanes.enqueue import enqueue
from libs.store.engine import Pool, transaction
from libs.store.messages import take
from libs.testing.http import Client
from services.console.tests import stored
from services.console.tests.conftest import ROOT, Logs
from services.console.tests.stored import DEAD, LANE


@pytest.fixture(autouse=True)
def _stored(pool: Pool) -> None:
    stored.store(pool)


@pytest.fixture
def letter(viewer: Client) -> dict[str, Any]:
    [found] = viewer.get("dead-letters").json()["dead_letters"]
    assert isinstance(found, dict)
    return found


def test_dead_letters_are_listed_and_shown_without_content(viewer: Client, letter: dict[str, Any]) -> None:
    shown = viewer.get(f"dead-letters/{letter['id']}")

    assert shown.json() == letter
    assert (
        letter.items()
        >= {
            "message_id": DEAD.message_id,
            "lane": LANE,
            "reason": "Unmappable",
            "error": "PID-3 is empty",
            "state": "open",
            "replaying": False,
        }.items()
    )
    assert "Example" not in shown.text


def test_dead_letters_are_listed_a_page_at_a_time(viewer: Client, pool: Pool, letter: dict[str, Any]) -> None:
    with transaction(pool, "default") as connection:
        connection.execute(
            "INSERT INTO dead_letter (org_id, queue, lane, message_id, reason, error, attempts, state)"
            " SELECT org_id, queue, lane, message_id, reason, error, attempts, state FROM dead_letter"
        )

    first = viewer.get("dead-letters?count=1&state=open").json()
    second = viewer.get(ROOT + first["next"]).json()

    assert first["dead_letters"] == [letter]
    assert (len(second["dead_letters"]), second["next"]) == (1, None)
    assert second["dead_letters"][0]["id"] > letter["id"]


def test_a_replayed_letter_is_back_in_its_lane_and_on_record(
    operator: Client, letter: dict[str, Any], redis: Redis, pool: Pool, logs: Logs
) -> None:
    answer = operator.post(f"dead-letters/{letter['id']}/replay")

    assert (answer.status_code, answer.json()) == (
        200,
        {"letter": letter["id"], "message_id": DEAD.message_id, "lane": LANE, "newer": 0},
    )
    assert redis.lrange(f"ehr:lane:{LANE}", 0, -1) == [DEAD.to_wire()]
    with transaction(pool, "default") as connection:
        assert take(connection, "default", [DEAD]) == {DEAD.message_id}
    [lane] = operator.get("lanes").json()["lanes"]
    assert (lane["lane"], lane["depth"]) == (LANE, 1)
    [did] = [line for line in logs if line["event"] == "dead letter replayed"]
    assert (did["user"], did["letter"], did["message_id"]) == (
        "operator@default", letter["id"], DEAD.message_id,
    )  # fmt: skip


def test_a_discarded_letter_is_closed_and_cannot_be_replayed(
    operator: Client, letter: dict[str, Any], redis: Redis
) -> None:
    discarded = operator.post(f"dead-letters/{letter['id']}/discard")
    again = operator.post(f"dead-letters/{letter['id']}/replay")

    assert (discarded.status_code, discarded.json()["state"]) == (200, "discarded")
    assert (again.status_code, again.json()["detail"]) == (409, f"dead letter {letter['id']} is discarded")
    assert operator.get("dead-letters").json()["dead_letters"] == []
    assert len(operator.get("dead-letters?state=discarded").json()["dead_letters"]) == 1
    assert redis.keys("ehr:lane:*") == []


def test_a_lane_is_paused_and_resumed(operator: Client, redis: Redis) -> None:
    enqueue(redis, [(LANE, DEAD.to_wire())])

    paused = [operator.post(f"lanes/{LANE}/pause").json() for _ in range(2)]
    states = [lane["state"] for lane in operator.get("lanes").json()["lanes"]]
    resumed = [operator.post(f"lanes/{LANE}/resume").json() for _ in range(2)]

    assert paused == [{"lane": LANE, "changed": True}, {"lane": LANE, "changed": False}]
    assert states == ["paused"]
    assert resumed == [{"lane": LANE, "changed": True}, {"lane": LANE, "changed": False}]


def test_lanes_are_those_of_the_organization(operator: Client, stranger: Client, redis: Redis) -> None:
    other = inbound_lane("elsewhere", 3, b"1")
    enqueue(redis, [(LANE, DEAD.to_wire()), (other, DEAD.to_wire())])

    assert [lane["lane"] for lane in operator.get("lanes").json()["lanes"]] == [LANE]
    assert [lane["lane"] for lane in stranger.get("lanes").json()["lanes"]] == [other]
    for lane in (other, "nonsense", "hl7.inbound:9/default/1", "hl7.inbound:3", "//", "%00"):
        assert operator.post(f"lanes/{lane}/pause").status_code == 404
    assert redis.smembers("ehr:paused") == set()


def test_another_organization_finds_and_changes_no_dead_letter_of_it(
    stranger: Client, viewer: Client, letter: dict[str, Any], redis: Redis
) -> None:
    answers = [
        stranger.get(f"dead-letters/{letter['id']}"),
        stranger.post(f"dead-letters/{letter['id']}/replay"),
        stranger.post(f"dead-letters/{letter['id']}/discard"),
    ]

    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert stranger.get("dead-letters").json()["dead_letters"] == []
    assert viewer.get("dead-letters").json()["dead_letters"] == [letter]
    assert redis.keys("ehr:lane:*") == []


def test_a_viewer_only_looks(viewer: Client, letter: dict[str, Any], redis: Redis) -> None:
    enqueue(redis, [(LANE, DEAD.to_wire())])

    acts = [
        viewer.post(f"dead-letters/{letter['id']}/replay"),
        viewer.post(f"dead-letters/{letter['id']}/discard"),
        viewer.post(f"lanes/{LANE}/pause"),
        viewer.post(f"lanes/{LANE}/resume"),
        viewer.post("mapping/retransform?all=true"),
        viewer.post("mapping/dry-run?layer=organization", content=b""),
        viewer.put("mapping/layers/organization", content=b""),
    ]

    assert [answer.status_code for answer in acts] == [403] * len(acts)
    assert viewer.get("dead-letters").json()["dead_letters"] == [letter]
    assert [lane["state"] for lane in viewer.get("lanes").json()["lanes"]] == ["waiting"]


def test_a_user_sees_its_own_organization_only(viewer: Client, stranger: Client) -> None:
    found = [
        [one["id"] for one in client.get("organizations").json()["organizations"]]
        for client in (viewer, stranger)
    ]

    assert found == [["default"], ["elsewhere"]]
