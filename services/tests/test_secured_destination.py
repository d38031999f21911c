"""A destination that is reached over TLS, and asks who we are."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from libs.store.destinations import DEAD_LETTER, Destination
from libs.testing.certificates import Authority
from libs.testing.receiver import Receiver, answering
from services.outbound_sender.client import Client, NoCertificates
from services.outbound_sender.line import Lost, NotReached

MESSAGE = b"MSH|^~\\&|EHR|MAIN|LAB|NORTH|20260302||ACK^A01^ACK|A1|P|2.5|||AL|NE\rMSA|AA|7\r"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "ca")


@pytest.fixture
def receiver(authority: Authority) -> Iterator[Receiver]:
    certificate, key = authority.issue("localhost", "server")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.certificate)
    context.load_cert_chain(certificate, key)
    context.verify_mode = ssl.CERT_REQUIRED
    with Receiver(answering("CA"), tls=context) as receiver:
        yield receiver


def deliver(client: Client, receiver: Receiver) -> None:
    to = Destination("lab", "localhost", receiver.port, True, [], True, 5, DEAD_LETTER)
    try:
        client.deliver("default", to, MESSAGE, "A1", lambda: None)
    finally:
        client.close_idle(0)


def test_with_a_certificate_that_it_trusts_it_takes_the_message(
    authority: Authority, receiver: Receiver
) -> None:
    own, key = authority.issue("ehr.example", "own")

    deliver(Client(Path(authority.certificate), Path(own), Path(key)), receiver)

    assert receiver.received == [MESSAGE]


def test_without_one_it_does_not(authority: Authority, receiver: Receiver) -> None:
    with pytest.raises((Lost, NotReached)):
        deliver(Client(Path(authority.certificate), None, None), receiver)

    assert receiver.received == []


def test_one_that_we_do_not_trust_is_told_nothing(receiver: Receiver) -> None:
    with pytest.raises(NotReached, match="CERTIFICATE_VERIFY_FAILED"):
        deliver(Client(None, None, None), receiver)

    assert receiver.received == []


def test_files_that_cannot_be_used_are_said(tmp_path: Path, receiver: Receiver) -> None:
    with pytest.raises(NoCertificates, match="EHR_OUTBOUND_AUTHORITY, _CERTIFICATE or _KEY cannot be used"):
        deliver(Client(tmp_path / "none.pem", None, None), receiver)
