"""What an operator sees, and what nobody may see in it."""

import re
from collections.abc import Iterator, MutableMapping
from typing import Any

import httpx
import pytest
from prometheus_client import REGISTRY
from starlette.types import Receive, Scope, Send
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from libs.http.observation import Observe
from services.fhir_api.errors import refusal
from services.fhir_api.observation import answered as counted
from services.fhir_api.tests.conftest import Client
from services.fhir_api.tests.resources import patient

Logs = list[MutableMapping[str, Any]]


@pytest.fixture
def logs() -> Iterator[Logs]:
    with capture_logs(processors=[merge_contextvars]) as lines:
        yield lines


def test_a_request_id_is_taken_over_into_answer_and_log(client: Client, logs: Logs) -> None:
    answer = client.get("Patient/nobody", headers={"X-Request-Id": "from-the-client.1"})

    assert answer.headers["x-request-id"] == "from-the-client.1"
    assert [line["request_id"] for line in logs] == ["from-the-client.1"]


@pytest.mark.parametrize("sent", ["", "a b", "x" * 65, '"quoted"', "{}"])
def test_a_request_id_that_could_spoil_the_log_is_replaced(client: Client, sent: str) -> None:
    answer = client.get("Patient/nobody", headers={"X-Request-Id": sent})

    assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])


def test_the_log_has_the_route_and_never_the_query_or_the_id(client: Client, logs: Logs) -> None:
    client.store(patient("secret-id", family="Secretname"))
    client.get("Patient?name=Secretname")
    client.post("Patient/_search", data={"name": "Secretname"})
    client.get("Patient/secret-id")
    client.get("Patient?birthdate=Secretname")

    assert [line["route"].removeprefix("/fhir/R4") for line in logs] == [
        "/{type}/{id}", "/{type}", "/{type}/_search", "/{type}/{id}", "/{type}",
    ]  # fmt: skip
    assert "ecret" not in str(logs)


def samples(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0


def test_requests_are_counted_by_the_pattern_of_their_route(client: Client) -> None:
    labels = {"method": "GET", "route": "/fhir/R4/{type}/{id}", "status": "404"}
    operation = {"operation": "read", "resource_type": "Patient", "status": "404"}
    before = samples("http_requests_total", **labels), samples("fhir_operations_total", **operation)

    client.get("Patient/nobody")
    client.get("Patient/nobody-else")

    assert samples("http_requests_total", **labels) == before[0] + 2
    assert samples("http_request_duration_seconds_count", **labels) == before[0] + 2
    assert samples("fhir_operations_total", **operation) == before[1] + 2


def test_paths_and_methods_nobody_foresaw_make_no_new_labels(client: Client) -> None:
    client.get("Nonsense/1")
    client.get("Patient/1/2/3/4")
    client.get("http://fhir.test/elsewhere/1")
    client.request("BREW", "Patient/1")

    families = [
        family for family in REGISTRY.collect() if family.name in ("http_requests", "fhir_operations")
    ]
    labels = [sample.labels for family in families for sample in family.samples]
    fhir = {"/metadata", "/{type}", "/{type}/{id}", "/{type}/_search", "/{type}/{id}/_history",
            "/{type}/{id}/_history/{version}"}  # fmt: skip
    other = {None, "unknown", "/metrics", "/health", "/health/live", "/health/ready"}
    routes = {found.get("route") for found in labels}
    console = {route for route in routes if route and route.startswith("/api/")}  # of its tests
    assert routes - console <= other | {f"/fhir/R4{path}" for path in fhir}
    assert not any("Nonsense" in found.values() or "BREW" in found.values() for found in labels)


async def _fail(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("SELECT secret FROM patient")


def test_a_failure_of_ours_says_nothing_of_what_happened_inside(client: Client, logs: Logs) -> None:
    app = Observe(_fail, refusal, counted)
    broken = Client(client.portal, httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x"))

    answer = broken.get("/", headers={"X-Request-Id": "r1"})

    assert (answer.status_code, answer.headers["x-request-id"]) == (500, "r1")
    assert answer.json()["issue"][0]["code"] == "exception"
    assert "secret" not in answer.text
    failure, answered = logs
    assert (failure["event"], failure["cause"], failure["request_id"]) == (
        "request failed",
        "RuntimeError",
        "r1",
    )
    assert failure["at"][-1].endswith("_fail")
    assert answered["status"] == 500


def test_the_metrics_of_the_contract_are_there(anonymous: Client) -> None:
    text = anonymous.get("http://fhir.test/metrics").text

    for name in (
        "http_request_duration_seconds", "http_requests_total", "fhir_operations_total",
        "cache_requests_total", "db_query_duration_seconds", "db_connection_pool_size",
        "db_connection_pool_in_use",
    ):  # fmt: skip
        assert f"\n# TYPE {name.removesuffix('_total')}" in text
