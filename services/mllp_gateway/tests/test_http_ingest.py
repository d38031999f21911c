"""HL7 over HTTP."""

from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from libs.embedded.redis import Redis
from libs.testing.health import wait_until
from services.mllp_gateway.tests.harness import (
    GatewayProcess,
    Peer,
    adt,
    code,
    fields,
    running_gateway,
    stored_bodies,
)


def post(gateway: GatewayProcess, content: bytes, **headers: str) -> httpx.Response:
    names = {"content-type": "application/hl7-v2"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    return httpx.post(f"http://127.0.0.1:{gateway.http}/hl7", content=content, headers=names, timeout=20)


def test_a_message_is_stored_and_its_acknowledgement_comes_back(
    gateway: GatewayProcess, redis_url: str
) -> None:
    response = post(gateway, adt("H1"))

    assert (response.status_code, response.headers["content-type"]) == (200, "application/hl7-v2")
    assert fields(response.content, "MSA")[1:3] == ["AA", "H1"]
    assert stored_bodies(redis_url) == [adt("H1")]


@pytest.mark.parametrize(
    ("message", "status", "answer"),
    [
        (adt(type="QQQ"), 400, "AR"),
        (adt(""), 422, "AE"),
        (b"no HL7", 400, "AR"),
        (b"", 400, "AR"),
        (adt() + adt("2", type="QQQ"), 400, "AA"),
    ],
)
def test_the_status_says_what_the_acknowledgement_says(
    gateway: GatewayProcess, message: bytes, status: int, answer: str
) -> None:
    response = post(gateway, message)

    assert (response.status_code, code(response.content)) == (status, answer)


def test_without_an_acknowledgement_wanted_there_is_no_content(gateway: GatewayProcess) -> None:
    response = post(gateway, adt(msh15="NE", msh16="NE"))

    assert (response.status_code, response.content) == (204, b"")


def test_an_acknowledgement_that_arrives_is_not_asked_for_again(gateway: GatewayProcess) -> None:
    response = post(gateway, b"MSH|^~\\&|A|B|C|D|20260302||ACK^A01|9|P|2.5\rMSA|AA|1\r")

    assert (response.status_code, response.content) == (204, b"")


def test_a_refusal_that_no_acknowledgement_may_tell_does_not_ask_for_a_resend(
    gateway: GatewayProcess,
) -> None:
    response = post(gateway, adt(type="QQQ", msh15="NE", msh16="NE"))

    assert (response.status_code, response.text) == (400, "the message was not accepted\n")


def test_other_methods_and_content_types_are_refused(gateway: GatewayProcess) -> None:
    assert httpx.get(f"http://127.0.0.1:{gateway.http}/hl7").status_code == 405
    assert post(gateway, b"{}", content_type="application/json").status_code == 415
    assert httpx.get(f"http://127.0.0.1:{gateway.http}/nothing").status_code == 404
    assert httpx.delete(f"http://127.0.0.1:{gateway.http}/metrics").status_code == 404


def test_a_body_beyond_the_limit_is_cut_off(tmp_path: Path, redis_url: str) -> None:
    with running_gateway(tmp_path, redis_url, mllp_max_message=100_000) as gateway:
        announced = post_or_status(gateway, b"x" * 200_000)
        chunked = post_or_status(gateway, (b"x" * 50_000 for _ in range(4)))

        assert (announced, chunked) == (413, 413)
        assert post(gateway, adt()).status_code == 200


def test_bodies_that_wait_for_their_rest_take_no_more_than_the_memory(tmp_path: Path, redis_url: str) -> None:
    part = (
        b"POST /hl7 HTTP/1.1\r\nHost: ehr\r\nContent-Type: application/hl7-v2\r\n"
        b"Content-Length: 99000\r\n\r\n" + b"x" * 90_000
    )
    with running_gateway(tmp_path, redis_url, mllp_memory=1_000_000) as gateway, ExitStack() as open_peers:
        peers = [open_peers.enter_context(Peer(gateway.http)) for _ in range(12)]
        for peer in peers:
            peer.send(part)
        refused = peers[-1].socket.recv(65536)

        assert refused.startswith(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\n")
        assert code(gateway.ask(adt("1"))) == "AA"
        open_peers.close()
        wait_until(lambda: post(gateway, adt("2") + b"ZZZ|" + b"x" * 90_000 + b"\r").status_code == 200)
        for number in range(3, 30):  # answered ones count no longer
            assert post(gateway, adt(str(number)) + b"ZZZ|" + b"x" * 90_000 + b"\r").status_code == 200


def post_or_status(gateway: GatewayProcess, content: object) -> int:
    """The status, also when the connection is closed before all was sent."""
    try:
        return httpx.post(
            f"http://127.0.0.1:{gateway.http}/hl7",
            content=content,  # type: ignore[arg-type]
            headers={"content-type": "application/hl7-v2"},
        ).status_code
    except httpx.TransportError:
        return 413


def test_a_token_is_asked_for_when_one_is_set(tmp_path: Path, redis_url: str) -> None:
    with running_gateway(tmp_path, redis_url, hl7_http_token="s3cret") as gateway:
        answers = [
            post(gateway, adt()).status_code,
            post(gateway, adt(), authorization="Bearer wrong").status_code,
            post(gateway, adt(), authorization="Bearer s3cret").status_code,
        ]

    assert answers == [401, 401, 200]
    assert stored_bodies(redis_url) == [adt()]


def test_while_storage_is_down_the_sender_is_told_to_try_again(tmp_path: Path, durable_redis: Redis) -> None:
    with running_gateway(tmp_path, durable_redis.url()) as gateway:
        durable_redis.kill()

        response = post(gateway, adt())

        assert (response.status_code, response.headers["retry-after"]) == (503, "2")
