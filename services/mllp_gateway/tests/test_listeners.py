"""Ports besides the default: TLS, client certificates, proxies, organizations, take-over."""

import signal
import socket
import ssl
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from libs.embedded.process import free_port
from libs.testing.certificates import Authority
from libs.testing.health import wait_until
from services.mllp_gateway.tests.harness import (
    GatewayProcess,
    Peer,
    adt,
    code,
    framed,
    is_refused,
    running_gateway,
    stored,
    stored_bodies,
)


def proxy_v2(sender: str, receiver: str) -> bytes:
    """What a proxy says of a connection, in the binary form of its protocol."""
    source = ip_address(sender)
    family = b"\x11" if source.version == 4 else b"\x21"
    ports = (40000).to_bytes(2, "big") + (2575).to_bytes(2, "big")
    addresses = source.packed + ip_address(receiver).packed + ports
    return b"\r\n\r\n\0\r\nQUIT\n\x21" + family + len(addresses).to_bytes(2, "big") + addresses


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "hospital-ca")


@pytest.fixture
def tls_port() -> int:
    return free_port()


@pytest.fixture
def secured(tmp_path: Path, redis_url: str, authority: Authority, tls_port: int) -> Iterator[GatewayProcess]:
    """A gateway with a TLS port that knows the clients lab.example and ward.example."""
    certificate, key = authority.issue("localhost", "server")
    listeners = tmp_path / "listeners.toml"
    listeners.write_text(f"""
        [[listener]]
        name = "secured"
        port = {tls_port}

        [listener.tls]
        certificate = "{certificate}"
        key = "{key}"
        client_authority = "{authority.certificate}"

        [listener.tls.clients]
        "lab.example" = "laboratory"
        "ward.example" = "wards"
        """)
    with running_gateway(tmp_path, redis_url, listeners_file=listeners) as gateway:
        yield gateway


def tls_peer(port: int, authority: Authority, client: tuple[Path, Path] | None) -> Peer:
    context = ssl.create_default_context(cafile=str(authority.certificate))
    if client:
        context.load_cert_chain(*client)
    peer = Peer(port)
    peer.socket = context.wrap_socket(peer.socket, server_hostname="localhost")
    return peer


def test_a_client_certificate_stands_for_an_organization(
    secured: GatewayProcess, redis_url: str, authority: Authority, tls_port: int
) -> None:
    for name in ("lab.example", "ward.example"):
        with tls_peer(tls_port, authority, authority.issue(name, name)) as peer:
            peer.send(framed(adt("1")) + framed(adt("2")))

            assert [code(peer.answer()), code(peer.answer())] == ["AA", "AA"]
            assert isinstance(peer.socket, ssl.SSLSocket)
            assert peer.socket.version() == "TLSv1.3"
    organizations = sorted(envelope.organization for envelope in stored(redis_url))
    assert organizations == ["laboratory", "laboratory", "wards", "wards"]


def heard(port: int, authority: Authority, client: tuple[Path, Path] | None) -> bool:
    """Whether a client gets an answer; a connection that ends, however it does, is none."""
    try:
        with tls_peer(port, authority, client) as peer:
            return peer.ask(adt()) is not None
    except OSError:
        return False


def test_a_client_that_is_not_listed_is_hung_up_on(
    secured: GatewayProcess, redis_url: str, authority: Authority, tls_port: int
) -> None:
    assert not heard(tls_port, authority, authority.issue("stranger.example", "stranger"))

    assert stored(redis_url) == []
    name = 'mllp_connections_dropped_total{reason="unknown_client"}'
    wait_until(lambda: secured.metric(name) == 1)


def test_a_client_without_a_certificate_of_the_authority_is_not_heard(
    secured: GatewayProcess, redis_url: str, authority: Authority, tls_port: int, tmp_path: Path
) -> None:
    forged = Authority(tmp_path, "other-ca").issue("lab.example", "forged")

    assert not heard(tls_port, authority, None)
    assert not heard(tls_port, authority, forged)

    assert stored(redis_url) == []
    name = 'mllp_connections_dropped_total{reason="tls_handshake"}'
    wait_until(lambda: secured.metric(name) == 2)
    failed = [line for line in secured.log() if line["event"] == "tls handshake failed"]
    assert "peer did not return a certificate" in [line["reason"] for line in failed]
    assert all(line["peer"].startswith("127.0.0.1:") for line in failed)


@pytest.mark.filterwarnings("ignore:.*TLSVersion:DeprecationWarning")
def test_old_tls_is_refused(secured: GatewayProcess, authority: Authority, tls_port: int) -> None:
    context = ssl.create_default_context(cafile=str(authority.certificate))
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    plain = socket.create_connection(("127.0.0.1", tls_port), timeout=10)

    with plain, pytest.raises((ssl.SSLError, ConnectionError)):
        context.wrap_socket(plain, server_hostname="localhost")


def test_a_renewed_certificate_is_used_for_new_connections_and_drops_none(
    secured: GatewayProcess, authority: Authority, tls_port: int
) -> None:
    client = authority.issue("lab.example", "client")

    def serial(peer: Peer) -> object:
        assert isinstance(peer.socket, ssl.SSLSocket)
        certificate = peer.socket.getpeercert()
        assert certificate
        return certificate["serialNumber"]

    with tls_peer(tls_port, authority, client) as before:
        assert code(before.ask(adt("1"))) == "AA"
        old = serial(before)
        authority.issue("localhost", "server")  # the same files

        def is_renewed() -> bool:
            with tls_peer(tls_port, authority, client) as peer:
                return serial(peer) != old

        wait_until(is_renewed)
        assert code(before.ask(adt("2"))) == "AA"


def test_the_tls_port_of_the_settings(
    tmp_path: Path, redis_url: str, authority: Authority, tls_port: int
) -> None:
    certificate, key = authority.issue("localhost", "settings")
    with (
        running_gateway(
            tmp_path, redis_url, mllps_port=tls_port, mllps_certificate=certificate, mllps_key=key
        ),
        tls_peer(tls_port, authority, None) as peer,
    ):
        assert code(peer.ask(adt("1"))) == "AA"


def test_a_client_that_never_finishes_its_handshake_is_hung_up_on(
    tmp_path: Path, redis_url: str, authority: Authority, tls_port: int
) -> None:
    certificate, key = authority.issue("localhost", "settings")
    with (
        running_gateway(
            tmp_path,
            redis_url,
            mllps_port=tls_port,
            mllps_certificate=certificate,
            mllps_key=key,
            mllp_frame_timeout=1,
        ) as gateway,  # fmt: skip
        Peer(tls_port) as silent,
        tls_peer(tls_port, authority, None) as idle,
    ):
        assert silent.answer() is None
        assert gateway.metric('mllp_connections_dropped_total{reason="tls_handshake"}') == 1
        assert code(idle.ask(adt("1"))) == "AA"


def test_a_port_stands_for_an_organization_and_a_proxy_says_who_calls(tmp_path: Path, redis_url: str) -> None:
    port = free_port()
    listeners = tmp_path / "listeners.toml"
    listeners.write_text(f"""
        [[listener]]
        name = "proxied"
        port = {port}
        organization = "north"
        charset = "8859/15"
        processing_ids = ["P"]
        proxy = true
        """)
    with running_gateway(tmp_path, redis_url, listeners_file=listeners), Peer(port) as peer:
        peer.send(b"PROXY TCP4 203.0.113.7 192.0.2.1 40000 2575\r\n" + framed(adt("1")))
        assert code(peer.answer()) == "AA"
        assert code(peer.ask(adt("2", processing="T"))) == "AR"
        with Peer(port) as liar:
            liar.send(framed(adt("3")))
            assert liar.answer() is None

    envelopes = [(e.organization, e.charset, e.peer, e.body) for e in stored(redis_url)]
    assert envelopes == [("north", "8859/15", "203.0.113.7:40000", adt("1"))]


@pytest.mark.parametrize(
    ("hello", "peer"),
    [
        pytest.param(b"PROXY TCP4 203.0.113.7 192.0.2.1 40000 2575\r\n", "203.0.113.7:40000", id="v1"),
        pytest.param(
            b"PROXY TCP6 2001:db8::7 2001:db8::1 40000 2575\r\n", "2001:db8::7:40000", id="v1, IPv6"
        ),
        pytest.param(proxy_v2("203.0.113.7", "192.0.2.1"), "203.0.113.7:40000", id="v2"),
        pytest.param(proxy_v2("2001:db8::7", "2001:db8::1"), "2001:db8:0:0:0:0:0:7:40000", id="v2, IPv6"),
        pytest.param(b"PROXY UNKNOWN\r\n", "127.0.0.1", id="v1, of the proxy itself"),
        pytest.param(b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", "127.0.0.1", id="v2, of the proxy itself"),
    ],
)
def test_a_proxy_may_speak_either_version(tmp_path: Path, redis_url: str, hello: bytes, peer: str) -> None:
    port = free_port()
    listeners = tmp_path / "listeners.toml"
    listeners.write_text(f'[[listener]]\nname = "proxied"\nport = {port}\nproxy = true\n')
    with running_gateway(tmp_path, redis_url, listeners_file=listeners), Peer(port) as proxy:
        proxy.send(hello + framed(adt("1")))
        assert code(proxy.answer()) == "AA"
        proxy.send(framed(adt("2")))
        proxy.socket.shutdown(1)
        assert code(proxy.answer()) == "AA"
        assert proxy.answer() is None

    assert all(e.peer.startswith(peer) for e in stored(redis_url))


def test_character_set_and_time_zone_are_the_ports_unless_the_senders_rule_says(
    tmp_path: Path, redis_url: str
) -> None:
    port = free_port()
    senders, listeners = tmp_path / "senders.toml", tmp_path / "listeners.toml"
    senders.write_text("""
        [[sender]]
        application = "LAB"
        charset = "8859/5"
        timezone = "Asia/Tokyo"
        """)
    listeners.write_text(f"""
        [[listener]]
        name = "clinic"
        port = {port}
        charset = "8859/15"
        timezone = "Europe/Berlin"
        """)
    with (
        running_gateway(tmp_path, redis_url, senders_file=senders, listeners_file=listeners) as gateway,
        Peer(port) as clinic,
    ):
        for message in (adt("1"), adt("2", application="LAB")):
            assert [code(clinic.ask(message)), code(gateway.ask(message + b"ZZZ|1\r"))] == ["AA", "AA"]

    assert sorted((e.sender, e.charset, e.timezone) for e in stored(redis_url)) == [
        ("ADMIT|NORTH", "", ""),
        ("ADMIT|NORTH", "8859/15", "Europe/Berlin"),
        ("LAB|NORTH", "8859/5", "Asia/Tokyo"),
        ("LAB|NORTH", "8859/5", "Asia/Tokyo"),
    ]


def test_a_port_has_limits_of_its_own(tmp_path: Path, redis_url: str) -> None:
    port = free_port()
    listeners = tmp_path / "listeners.toml"
    listeners.write_text(f"""
        [[listener]]
        name = "small"
        port = {port}
        max_message = 1000
        max_connections = 1
        idle_timeout = 2
        """)
    with running_gateway(tmp_path, redis_url, listeners_file=listeners) as gateway:
        with Peer(port) as first:
            assert code(first.ask(adt("1"))) == "AA"
            assert gateway.metric('mllp_listener_connections{listener="small"}') == 1
            assert is_refused(port)
            assert first.answer() is None  # it was silent for too long
            assert gateway.metric('mllp_connections_dropped_total{reason="idle_timeout"}') == 1
        wait_until(lambda: gateway.metric('mllp_listener_connections{listener="small"}') == 0)
        with Peer(port) as third:
            assert code(third.ask(adt("2") + b"Z" * 1000)) == "AR"
        name = 'hl7_naks_total{code="AR",listener="small",reason="too_large"}'
        assert gateway.metric(name) == 1
        assert code(gateway.ask(adt("3") + b"Z" * 1000)) == "AA"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("[[listener]]\nname = 'x'\n", "listener 1: port: "),
        ("[[listener]]\nname = 'mllp'\nport = 1\n", "two listeners are called mllp"),
        (
            "[[listener]]\nname = 'x'\nport = 1\ntimezone = 'Europe'\n",
            "listener 1: timezone: Value error, not a time zone of the IANA database, such as Europe/Berlin",
        ),
        (
            "[[listener]]\nname = 'x'\nport = 1\ntls = {certificate = '/no', key = '/no'}\n",
            "/no: No such file",
        ),
    ],
)
def test_a_gateway_does_not_start_with_bad_listeners(tmp_path: Path, content: str, problem: str) -> None:
    file = tmp_path / "listeners.toml"
    file.write_text(content)

    gateway = GatewayProcess(tmp_path, "redis://127.0.0.1:1", listeners_file=file)

    assert gateway.process.wait(10) == 1
    assert problem in gateway._log.read_text()


def test_a_new_gateway_takes_the_ports_over(tmp_path: Path, redis_url: str) -> None:
    with running_gateway(tmp_path, redis_url, reuse_port=True) as old:
        ports: dict[str, Any] = {"mllp_port": old.port, "gateway_http_port": old.http}
        new = GatewayProcess(tmp_path, redis_url, reuse_port=True, **ports)
        try:
            wait_until(lambda: any(line.get("listener") == "http" for line in new.log()))
            assert old.terminate() == 0

            assert code(old.ask(adt("1"))) == "AA"
            assert new.process.poll() is None
        finally:
            new.process.send_signal(signal.SIGKILL)
            new.process.wait()
    assert stored_bodies(redis_url) == [adt("1")]


@pytest.mark.parametrize("given", ["mllps_certificate", "mllps_key", "mllps_client_authority"])
def test_a_gateway_does_not_start_with_a_part_of_what_its_tls_port_needs(tmp_path: Path, given: str) -> None:
    gateway = GatewayProcess(tmp_path, "redis://127.0.0.1:1", **{given: tmp_path / "x.pem"})

    assert gateway.process.wait(10) == 1
    said = "mllp-gateway: the TLS port needs both EHR_MLLPS_CERTIFICATE and EHR_MLLPS_KEY\n"
    assert gateway._log.read_text() == said
