"""Health, and what the API does when PostgreSQL is away."""

from pathlib import Path

import httpx

from libs.embedded.postgres import Postgres
from libs.embedded.process import free_port
from libs.migrations import upgrade
from libs.store.engine import open_pool, transaction
from libs.store.organizations import create_client, create_organization
from services.fhir_api.tests.conftest import opened


def test_all_parts_up(postgres_url: str, redis_url: str) -> None:
    with opened(database_url=postgres_url, redis_url=redis_url, mllp_host="") as client:
        answer = client.get("health")

    body = answer.json()
    assert (answer.status_code, body["status"]) == (200, "up")
    assert body["checks"] == {"database": "up", "redis": "up"}
    assert body["timestamp"].endswith("+00:00")


def test_a_part_that_is_away_is_named(postgres_url: str) -> None:
    nowhere = free_port()
    with opened(
        database_url=postgres_url, redis_url=f"redis://127.0.0.1:{nowhere}/0", mllp_port=nowhere
    ) as client:
        answer = client.get("health")
        ready = client.get("health/ready")

    assert (answer.status_code, answer.json()["status"]) == (503, "down")
    assert answer.json()["checks"] == {"database": "up", "redis": "down", "mllp": "down"}
    assert (ready.status_code, ready.json()) == (200, {"status": "up", "checks": {"database": "up"}})


def test_without_its_database_the_api_is_alive_but_not_ready() -> None:
    url = f"postgresql://nobody@127.0.0.1:{free_port()}/nowhere"
    with opened(database_url=url, mllp_host="") as client:
        live, ready = client.get("health/live"), client.get("health/ready")

    assert (live.status_code, live.json()) == (200, {"status": "up"})
    assert (ready.status_code, ready.json()) == (503, {"status": "down", "checks": {"database": "down"}})


def test_a_database_that_goes_away_is_a_503_until_it_is_back(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "postgres", free_port(), durable=False)
    server.start()
    try:
        upgrade(server.url())
        with open_pool(server.url(), 1) as pool, transaction(pool, "here") as connection:
            create_organization(connection, "here", "here")
            key = create_client(connection, "here", "tests")
        headers = {"Authorization": f"Bearer {key}"}
        with opened(database_url=server.url(), mllp_host="") as client:

            def read() -> httpx.Response:
                return client.get("fhir/R4/Patient/nobody", headers=headers)

            def write() -> httpx.Response:
                resource = {"resourceType": "Patient"}
                return client.send("POST", "fhir/R4/Patient", resource, Authorization=f"Bearer {key}")

            before = read().status_code, write().status_code
            server.stop()
            away = read(), write()
            ready_while_away = client.get("health/ready").status_code
            server.start()
            after = read().status_code, write().status_code
    finally:
        server.stop()

    assert before == (404, 201)
    for answer in away:
        assert (answer.status_code, answer.json()["issue"][0]["code"]) == (503, "transient")
        assert answer.headers["retry-after"] == "2"
    assert ready_while_away == 503
    assert after == (404, 201)
