"""Rule 19: without Redis nothing is accepted, and with it back everything is again."""

import asyncio
import functools
import os
import signal
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import redis as redis_py

from libs.embedded.process import free_port
from libs.embedded.redis import Redis
from libs.testing.certificates import Authority
from libs.testing.health import wait_until
from services.mllp_gateway.tests.harness import (
    GatewayProcess,
    adt,
    code,
    fields,
    framed,
    running_gateway,
    stored_bodies,
)


@contextmanager
def forwarded(serve: Callable[..., Awaitable[asyncio.Server]], port: int) -> Iterator[None]:
    """A server in front of `port` that hands on what it gets, from a thread of its own."""

    async def hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        other_reader, other_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(copy(reader, other_writer), copy(other_reader, writer))

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError):
                while data := await reader.read(65536):
                    writer.write(data)
        finally:  # also when the server is stopped while the gateway is still connected
            writer.close()

    async def run() -> None:
        server = await serve(hand_on)
        stop.set_result((asyncio.get_running_loop(), done := asyncio.Event()))
        await done.wait()
        server.close()

    stop: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    loop, done = stop.result(10)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join()


def accepted(gateway: GatewayProcess, message: bytes) -> bool:
    answer = gateway.ask(message)
    return answer is not None and code(answer) == "AA"


def senders(folder: Path, when_storage_is_down: str) -> Path:
    file = folder / "senders.toml"
    file.write_text(f'[default]\nwhen_storage_is_down = "{when_storage_is_down}"\n')
    return file


def test_a_gateway_starts_before_redis_and_accepts_once_it_is_there(tmp_path: Path) -> None:
    redis = Redis(tmp_path / "redis", free_port())
    gateway = GatewayProcess(tmp_path, redis.url())
    try:
        gateway.wait_until_up()
        assert gateway.get("/health/ready")[0] == 503
        assert gateway.ask(adt("1")) is None

        redis.start()
        gateway.wait_until_ready()
        assert accepted(gateway, adt("1"))
        assert stored_bodies(redis.url()) == [adt("1")]
    finally:
        gateway.kill()
        redis.stop()


@pytest.mark.parametrize("database", [0, 3])
def test_redis_killed_and_back_again(tmp_path: Path, durable_redis: Redis, database: int) -> None:
    url = durable_redis.url(database)
    with running_gateway(tmp_path, url) as gateway, gateway.connect() as peer:
        assert code(peer.ask(adt("before"))) == "AA"

        durable_redis.kill()
        assert peer.ask(adt("during")) is None

        durable_redis.start()
        wait_until(lambda: accepted(gateway, adt("during")))
        assert stored_bodies(url) == [adt("before"), adt("during")]


def test_redis_killed_in_the_middle_of_a_call(tmp_path: Path, durable_redis: Redis) -> None:
    with running_gateway(tmp_path, durable_redis.url()) as gateway:
        with gateway.connect() as first, gateway.connect() as second:
            os.kill(durable_redis.pid, signal.SIGSTOP)
            first.send(framed(adt("1")))  # goes out with the call
            wait_until(lambda: gateway.metric('mllp_frames_total{listener="mllp"}') == 1)
            second.send(framed(adt("2")) + framed(adt("3")))  # waits for the next
            wait_until(lambda: gateway.metric('mllp_frames_total{listener="mllp"}') == 3)
            durable_redis.kill()

            assert first.answer() is None
            assert second.answer() is None
        durable_redis.start()
        for number in "123":
            wait_until(lambda number=number: accepted(gateway, adt(number)))  # type: ignore[misc]
        assert stored_bodies(durable_redis.url()) == [adt("1"), adt("2"), adt("3")]


@pytest.mark.parametrize("policy", ["close", "AR"])
def test_redis_that_hangs_is_given_up_and_nothing_is_claimed_of_its_message(
    tmp_path: Path, durable_redis: Redis, policy: str
) -> None:
    file = senders(tmp_path, policy)
    with running_gateway(tmp_path, durable_redis.url(), redis_timeout=0.5, senders_file=file) as gateway:
        os.kill(durable_redis.pid, signal.SIGSTOP)

        # It may be stored once Redis goes on: neither a yes nor a no would be true.
        assert gateway.ask(adt("1")) is None

        os.kill(durable_redis.pid, signal.SIGCONT)
        wait_until(lambda: accepted(gateway, adt("1")))
        assert set(stored_bodies(durable_redis.url())) == {adt("1")}


@pytest.mark.parametrize(
    ("policy", "modes", "expected"),
    [("AR", {}, "AR"), ("AE", {}, "AE"), ("AE", {"msh15": "AL"}, "CR"), ("close", {"msh15": "AL"}, None)],
)
def test_a_sender_is_told_as_its_rule_says(
    tmp_path: Path, durable_redis: Redis, policy: str, modes: dict[str, str], expected: str | None
) -> None:
    file = senders(tmp_path, policy)
    with running_gateway(tmp_path, durable_redis.url(), senders_file=file) as gateway:
        durable_redis.kill()
        with gateway.connect() as peer:
            answer = peer.ask(adt("no", **modes))
            if expected:
                assert code(answer) == expected
                assert fields(answer, "ERR")[3].startswith("207^")
                durable_redis.start()
                wait_until(lambda: code(peer.ask(adt("yes"))) == "AA")
                assert stored_bodies(durable_redis.url()) == [adt("yes")]
            else:
                assert answer is None


def test_redis_without_memory_refuses_and_nothing_is_stored(tmp_path: Path, durable_redis: Redis) -> None:
    file = senders(tmp_path, "AR")
    with (
        running_gateway(tmp_path, durable_redis.url(), senders_file=file) as gateway,
        redis_py.Redis.from_url(durable_redis.url()) as redis,
        gateway.connect() as peer,
    ):
        redis.config_set("maxmemory", 1)
        assert code(peer.ask(adt("no"))) == "AR"

        redis.config_set("maxmemory", 0)
        assert code(peer.ask(adt("yes"))) == "AA"
        assert stored_bodies(durable_redis.url()) == [adt("yes")]


def test_redis_that_forgot_the_script_is_told_it_again(gateway: GatewayProcess, redis_url: str) -> None:
    assert code(gateway.ask(adt("1"))) == "AA"
    with redis_py.Redis.from_url(redis_url) as redis:
        redis.script_flush()

    assert code(gateway.ask(adt("2"))) == "AA"
    assert stored_bodies(redis_url) == [adt("1"), adt("2")]


def test_a_password_that_is_wrong_for_a_while_is_tried_again(tmp_path: Path, durable_redis: Redis) -> None:
    url = durable_redis.url().replace("redis://", "redis://:secret@")
    gateway = GatewayProcess(tmp_path, url)
    try:
        gateway.wait_until_up()
        assert gateway.ask(adt("1")) is None
        with redis_py.Redis.from_url(durable_redis.url()) as redis:
            redis.config_set("requirepass", "secret")

        gateway.wait_until_ready()
        assert accepted(gateway, adt("1"))
    finally:
        gateway.kill()


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:6379", "redis://127.0.0.1:port", "rediss://h?ssl_ca_certs=/no"]
)
def test_a_bad_url_is_said_in_one_line(tmp_path: Path, url: str) -> None:
    gateway = GatewayProcess(tmp_path, url)

    assert gateway.process.wait(10) == 1
    assert "mllp-gateway: EHR_REDIS_URL: not a redis://" in gateway._log.read_text()
    assert "Traceback" not in gateway._log.read_text()


@pytest.mark.parametrize("way", ["TLS", "unix socket"])
def test_redis_behind_tls_or_a_unix_socket(tmp_path: Path, durable_redis: Redis, way: str) -> None:
    if way == "TLS":
        authority = Authority(tmp_path, "redis-ca")
        secured = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        secured.load_cert_chain(*authority.issue("localhost", "redis"))
        port = free_port()
        url = f"rediss://localhost:{port}/2?ssl_ca_certs={authority.certificate}"
        serve = functools.partial(asyncio.start_server, host="127.0.0.1", port=port, ssl=secured)
    else:
        path = tmp_path / "s"
        url = f"unix://{path}?db=2"
        serve = functools.partial(asyncio.start_unix_server, path=path)

    with forwarded(serve, durable_redis.port), running_gateway(tmp_path, url) as gateway:
        assert accepted(gateway, adt("1"))
    assert stored_bodies(durable_redis.url(2)) == [adt("1")]


def test_with_replicas_asked_for_a_message_is_acknowledged_only_when_they_have_it(
    tmp_path: Path, durable_redis: Redis
) -> None:
    replica = Redis(tmp_path / "replica" / "redis", free_port())
    with running_gateway(tmp_path, durable_redis.url(), ack_replicas=1, redis_timeout=1) as gateway:
        assert gateway.ask(adt("1")) is None

        replica.start()
        with redis_py.Redis.from_url(durable_redis.url()) as client:
            client.config_set("repl-diskless-sync-delay", 0)
        try:
            with redis_py.Redis.from_url(replica.url()) as client:
                client.replicaof("127.0.0.1", durable_redis.port)
                wait_until(lambda: client.info("replication")["master_link_status"] == "up")
            wait_until(lambda: accepted(gateway, adt("2")))
            assert adt("2") in stored_bodies(replica.url())
        finally:
            replica.kill()
