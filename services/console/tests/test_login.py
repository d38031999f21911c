"""Who gets in, and who is kept out."""

from base64 import b64encode

import anyio
import pytest
from redis import Redis

from libs.embedded.process import free_port
from libs.store.engine import Pool, transaction
from libs.store.organizations import create_client
from libs.store.users import VIEWER, add_user, remove_user
from libs.testing.http import Client, Served, serving
from services.console.app import create_app
from services.console.login import FAILURES, WINDOW, Failures
from services.console.settings import Settings
from services.console.tests.conftest import BASE, HERE, PASSWORD, logged_in


def basic(text: str | bytes) -> str:
    return "Basic " + b64encode(text if isinstance(text, bytes) else text.encode()).decode()


@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param(None, id="nothing"),
        pytest.param("Basic", id="a scheme alone"),
        pytest.param("Basic !!!", id="not base64"),
        pytest.param(basic("viewer@default"), id="no colon"),
        pytest.param(basic(b"viewer@default:\xff"), id="not UTF-8"),
        pytest.param(basic("viewer@default:"), id="no password"),
        pytest.param(basic(":" + PASSWORD), id="no name"),
        pytest.param(basic("viewer@default:wrong"), id="a wrong password"),
        pytest.param(basic("VIEWER@default:" + PASSWORD), id="another case"),
        pytest.param(basic("nobody:" + PASSWORD), id="a name that nobody has"),
        pytest.param(basic("viewer@default\0:" + PASSWORD), id="NUL in the name"),
        pytest.param(basic("viewer@default:" + "x" * 5000), id="a very long password"),
        pytest.param("Bearer ehr_x", id="no such key"),
        pytest.param("Digest username=viewer", id="another scheme"),
    ],
)
@pytest.mark.parametrize("path", ["messages", "nowhere", "messages/1/2/3"])
def test_without_a_name_and_its_password_nothing_is_told(
    anonymous: Client, authorization: str | None, path: str
) -> None:
    headers = {"Authorization": authorization} if authorization else {}

    answer = anonymous.get(path, headers=headers)

    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert answer.headers["www-authenticate"] == 'Basic realm="EHRConnect", charset="UTF-8"'


def test_a_key_of_the_fhir_api_does_not_open_the_console(anonymous: Client, pool: Pool) -> None:
    with transaction(pool, HERE) as connection:
        key = create_client(connection, HERE, "portal")

    for authorization in (f"Bearer {key}", basic(f"{key}:"), basic(f"portal:{key}")):
        assert anonymous.get("messages", headers={"Authorization": authorization}).status_code == 401


def test_a_name_is_not_tried_for_ever_from_one_address(server: Served, redis: Redis, pool: Pool) -> None:
    with transaction(pool, HERE) as connection:
        add_user(connection, HERE, "tried", VIEWER, PASSWORD)
    wrong, right = logged_in(server, "tried", "wrong password"), logged_in(server, "tried")

    statuses = [wrong.get("messages").status_code for _ in range(FAILURES["user and address"] + 1)]
    refused, other = right.get("messages"), logged_in(server, f"{VIEWER}@{HERE}").get("messages")

    assert statuses == [401] * FAILURES["user and address"] + [429]
    assert (refused.status_code, other.status_code) == (429, 200)
    assert 0 < int(refused.headers["retry-after"]) <= WINDOW
    redis.flushall()  # as when the time is over
    assert right.get("messages").status_code == 200


@pytest.mark.parametrize(
    ("failures", "blocked", "free"),
    [
        ([("anna", "10.0.0.1")] * 10, ("anna", "10.0.0.1"), ("anna", "10.0.0.2")),
        ([("anna", "10.0.0.1")] * 10, ("anna", "10.0.0.1"), ("bob", "10.0.0.1")),
        ([(f"user{n}", "10.0.0.1") for n in range(50)], ("carl", "10.0.0.1"), ("carl", "10.0.0.2")),
        ([("anna", f"10.0.0.{n}") for n in range(100)], ("anna", "10.0.1.1"), ("bob", "10.0.1.1")),
    ],
    ids=["other addresses", "other names", "many names from an address", "a name from many addresses"],
)
def test_failures_are_counted_by_name_and_by_address(
    redis: Redis, failures: list[tuple[str, str]], blocked: tuple[str, str], free: tuple[str, str]
) -> None:
    counted = Failures(redis)
    for name, address in failures[:-1]:
        counted.count(name, address)
    assert counted.wait(*blocked) == 0

    counted.count(*failures[-1])

    assert 0 < counted.wait(*blocked) <= WINDOW
    assert counted.wait(*free) == 0


def test_failures_are_forgotten_after_a_while_and_name_nobody_in_redis(redis: Redis) -> None:
    Failures(redis).count("anna", "10.0.0.1")
    Failures(redis).count("anna", "10.0.0.1")

    keys = redis.keys("*")
    assert isinstance(keys, list)
    assert len(keys) == 3
    assert all(0 < int(str(redis.ttl(key))) <= WINDOW for key in keys)
    assert not any(b"anna" in key or b"10.0.0" in key for key in keys)


def test_log_ins_do_not_pile_up(
    server: Served, redis: Redis, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.console.login.WAITING", 1)

    http = server.client(BASE, {})

    async def together() -> list[int]:
        statuses: list[int] = []

        async def try_one(number: int) -> None:
            headers = {"Authorization": basic(f"user{number}:wrong")}
            statuses.append((await http.get("messages", headers=headers)).status_code)

        async with anyio.create_task_group() as group:
            for number in range(8):
                group.start_soon(try_one, number)
        return statuses

    statuses = server.portal.call(together)

    assert sorted(statuses) == [401, 401, 401, 429, 429, 429, 429, 429]


def test_a_user_that_was_removed_is_out_when_the_time_is_over(
    server: Served, redis: Redis, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("libs.http.remembered.KEPT", -1.0)
    with transaction(pool, HERE) as connection:
        add_user(connection, HERE, "leaver", VIEWER, PASSWORD)
    leaver = logged_in(server, "leaver")
    before = leaver.get("messages").status_code

    with transaction(pool, HERE) as connection:
        remove_user(connection, HERE, "leaver")

    assert (before, leaver.get("messages").status_code) == (200, 401)


@pytest.mark.parametrize(
    ("origin", "status"),
    [(None, 404), ("http://console.test", 404), ("https://console.test", 404), ("http://evil.test", 403),
     ("http://console.test.evil.test", 403), ("null", 403), ("", 403)],
)  # fmt: skip
def test_a_page_of_another_site_makes_no_browser_act(
    operator: Client, origin: str | None, status: int
) -> None:
    headers = {} if origin is None else {"Origin": origin}

    assert operator.post("dead-letters/1/replay", headers=headers).status_code == status
    assert operator.get("messages", headers=headers).status_code == 200


def test_without_redis_nobody_logs_in_and_the_console_is_not_ready(postgres_url: str, pool: Pool) -> None:
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    settings = Settings.model_validate({"database_url": postgres_url, "redis_url": nowhere})
    with serving(create_app(settings)) as served:
        client = logged_in(served, f"{VIEWER}@{HERE}")
        answer = client.get("messages")
        ready = client.get("http://console.test/health/ready")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert (ready.status_code, ready.json()["checks"]) == (503, {"database": "up", "redis": "down"})


def test_without_postgresql_nobody_logs_in_and_the_console_is_not_ready(redis_url: str) -> None:
    nowhere = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    settings = Settings.model_validate({"database_url": nowhere, "redis_url": redis_url})
    with serving(create_app(settings)) as served:
        client = Client(served.portal, served.client(BASE, {"Authorization": basic("a:b")}))
        answer = client.get("messages")
        ready = client.get("http://console.test/health/ready")

    assert answer.status_code == 503
    assert (ready.status_code, ready.json()["checks"]) == (503, {"database": "down", "redis": "up"})
