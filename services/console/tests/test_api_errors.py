"""Every error is a problem document with the right status, and no input makes the console fail."""

from typing import Any
from urllib.parse import quote, quote_from_bytes

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.testing.http import Client

MODERATE = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and detail of an error; what every one of them must carry is checked on the way."""
    body: dict[str, Any] = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"]
    assert body.keys() == {"title", "status", "detail"}
    assert body["status"] == answer.status_code
    return answer.status_code, str(body["detail"])


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("nowhere", (404, "no such path")),
        ("", (404, "no such path")),
        ("messages/", (404, "no such path")),
        ("messages/zz", (404, "no message zz in the organization default")),
        ("messages/%00", (404, "no message \0 in the organization default")),
        ("dead-letters/x", (404, "no such dead letter")),
        ("dead-letters/-1", (404, "no such dead letter")),
        ("dead-letters/9223372036854775808", (404, "no such dead letter")),
        ("dead-letters/9223372036854775807",
         (404, "no dead letter 9223372036854775807 in the organization default")),
        ("messages?colour=red",
         (400, "'colour' is no parameter here; known are: after, control_id, count, reused, sender, since,"
               " status, type, until")),
        ("lanes?count=1", (400, "'count' is no parameter here; known are: none")),
        ("messages?count=many", (400, "count is a number from 1 to 1000")),
        ("messages?count=0", (400, "count is a number from 1 to 1000")),
        ("messages?count=1001", (400, "count is a number from 1 to 1000")),
        ("messages?count=1&count=2", (400, "count is there twice")),
        ("messages?status=odd", (400, "status is one of transformed, dead, replaying, parked")),
        ("messages?reused=1", (400, "reused is true or false")),
        ("messages?sender=", (400, "sender is there without a value")),
        ("messages?since=yesterday", (400, "since is a time such as 2026-11-24T08:30:00+01:00")),
        ("messages?after=1", (400, "after is not of a `next` link")),
        ("messages?after=2026-01-01,zz", (400, "after is not of a `next` link")),
        ("messages?sender=%ff", (400, "the query is not UTF-8")),
        ("messages?sender=%00", (400, "the query contains NUL")),
        ("messages?" + "&".join(["a=1"] * 101), (400, "the query has more than 100 parameters")),
        ("dead-letters?state=odd", (400, "state is one of open, replayed, discarded")),
        ("dead-letters?after=-1", (400, "after is a number from 0 to 9223372036854775807")),
        ("mapping/layers/somebody",
         (404, "'somebody' is no layer; a layer is profile, organization or sender:APPLICATION|FACILITY"
               " (MSH-3|MSH-4)")),
        ("mapping/layers/profile", (404, "the organization default has no layer profile")),
        ("mapping/layers/profile?version=9999999999", (400, "version is a number from 0 to 2147483647")),
        ("mapping/diff", (400, "version is missing")),
        ("mapping/diff?version=1", (400, "layer is missing")),
    ],
)  # fmt: skip
def test_a_bad_get(viewer: Client, path: str, expected: tuple[int, str]) -> None:
    assert problem(viewer.get(path)) == expected


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "messages", {"GET", "HEAD"}),
        ("DELETE", "messages/1", {"GET", "HEAD"}),
        ("GET", "dead-letters/1/replay", {"POST"}),
        ("PATCH", "mapping/layers/profile", {"GET", "HEAD", "PUT"}),
        ("PUT", "mapping/dry-run", {"POST"}),
        ("BREW", "lanes", {"GET", "HEAD"}),
    ],
)
def test_a_method_that_a_path_does_not_have(admin: Client, method: str, path: str, allowed: set[str]) -> None:
    answer = admin.request(method, path)

    assert problem(answer) == (405, f"{method} is not supported here")
    assert set(answer.headers["allow"].split(", ")) == allowed


def test_a_path_outside_the_api_is_a_problem_too(anonymous: Client) -> None:
    assert problem(anonymous.get("http://console.test/")) == (404, "no such path")


def test_every_answer_says_that_it_is_not_to_be_kept_or_framed(viewer: Client, anonymous: Client) -> None:
    for answer in (viewer.get("messages"), viewer.get("nowhere"), anonymous.get("messages")):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_health_and_metrics_need_no_credential(anonymous: Client, viewer: Client) -> None:
    viewer.get("messages/" + "0" * 32)
    ready = anonymous.get("http://console.test/health/ready")
    metrics = anonymous.get("http://console.test/metrics").text

    assert ready.json() == {"status": "up", "checks": {"database": "up", "redis": "up"}}
    assert anonymous.get("http://console.test/health/live").status_code == 200
    assert 'http_requests_total{method="GET",route="/api/messages/{id}",status="404"}' in metrics
    assert "0" * 32 not in metrics


texts = st.text(max_size=20)
paths = st.sampled_from(
    ["messages", "dead-letters", "lanes", "mapping/layers", "mapping/diff", "organizations"]
)
parameters = st.sampled_from(
    ["status", "type", "sender", "control_id", "since", "until", "reused", "count", "after", "state", "layer",
     "version", "all"]
)  # fmt: skip
awkward = st.sampled_from(
    ["'", '"', "%", "\0", "|", "ADT^A01", "0001-01-01", "9999-12-31T23:59:59-14:00", "2026-W01-1", "1e9",
     "-1", "9" * 30, "2026-01-01T00:00:00+00:00," + "0" * 32, "true", "open", "organization", "sender:|", "٣"]
)  # fmt: skip


@MODERATE
@given(path=paths, query=st.lists(st.tuples(parameters | texts, awkward | texts), max_size=3))
def test_any_query(viewer: Client, path: str, query: list[tuple[str, str]]) -> None:
    text = "&".join(
        f"{quote(name, safe='')}={quote_from_bytes(value.encode('utf-8', 'surrogatepass'))}"
        for name, value in query
    )

    answer = viewer.get(f"{path}?{text}")

    assert answer.status_code in (200, 400, 404)
    assert answer.status_code == 200 or problem(answer)


@MODERATE
@given(path=st.lists(texts, max_size=4), method=st.sampled_from(["GET", "POST", "PUT"]))
def test_any_path(admin: Client, path: list[str], method: str) -> None:
    quoted = "/".join(quote(part.encode("utf-8", "surrogatepass"), safe="") for part in path)

    answer = admin.request(method, quoted)

    assert answer.status_code in (200, 400, 404, 405)


@MODERATE
@given(layer=texts | awkward, document=st.binary(max_size=60) | texts.map(str.encode))
def test_any_layer(admin: Client, layer: str, document: bytes) -> None:
    name = quote(layer.encode("utf-8", "surrogatepass"), safe="")

    answer = admin.request(
        "POST",
        f"mapping/dry-run?layer={name}",
        content=document,
        headers={"Content-Type": "application/toml"},
    )

    assert answer.status_code in (200, 400, 422)
