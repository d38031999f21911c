"""What counts as delivered, and what goes wrong with a receiver, over real sockets."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from libs.embedded.process import free_port
from libs.errors import Unavailable
from libs.hl7v2.ack import AckError
from libs.store.destinations import DEAD_LETTER, Destination
from libs.testing.receiver import Receiver, answering, hanging_up, silent
from services.outbound_sender.answer import Answer, read_answer
from services.outbound_sender.client import Client, NoAnswer, Refused
from services.outbound_sender.line import CannotBeSent, Lost, NotReached


def message(control_id: str = "A1") -> bytes:
    return (
        f"MSH|^~\\&|EHR|MAIN|LAB|NORTH|20260302||ACK^A01^ACK|{control_id}|P|2.5|||AL|NE\rMSA|AA|7\r".encode()
    )


def to(receiver: Receiver, *, waits: bool = True) -> Destination:
    return Destination("lab", "127.0.0.1", receiver.port, False, [], waits, 1, DEAD_LETTER)


def patience() -> None:
    """Waits as long as it takes."""


def deliver(client: Client, destination: Destination, control_id: str = "A1", body: bytes = b"") -> None:
    client.deliver("default", destination, body or message(control_id), control_id, patience)


@pytest.fixture
def client() -> Iterator[Client]:
    client = Client(None, None, None)
    yield client
    client.close_idle(0)


@pytest.mark.parametrize("code", ["AA", "CA"])
def test_what_is_accepted_is_delivered_over_one_connection(client: Client, code: str) -> None:
    with Receiver(answering(code)) as receiver:
        for number in range(3):
            deliver(client, to(receiver), f"A{number}")

    assert receiver.received == [message(f"A{number}") for number in range(3)]
    assert receiver.connections == 1


@pytest.mark.parametrize("code", ["AE", "AR", "CE", "CR"])
def test_what_is_refused_is_not_delivered_and_the_reason_holds_no_content(client: Client, code: str) -> None:
    error = AckError("204", "unknown patient Example", "PID^1^3")

    with Receiver(answering(code, error)) as receiver:
        with pytest.raises(Refused) as refused:
            deliver(client, to(receiver))
        receiver.answer = answering("AA")
        deliver(client, to(receiver))

    assert str(refused.value) == f"refused with {code}: 204 Unknown key identifier"
    assert receiver.connections == 1


def test_silence_is_no_answer_and_a_late_one_is_not_taken_for_the_next(client: Client) -> None:
    with Receiver(silent) as receiver:
        with pytest.raises(NoAnswer, match=r"^no answer within 1 s$"):
            deliver(client, to(receiver), "A1")
        receiver.answer = answering("AA")
        deliver(client, to(receiver), "A2")

    assert receiver.connections == 2


def test_an_answer_to_another_message_is_passed_over(client: Client) -> None:
    good = answering("AA")
    with (
        Receiver(lambda received: good(received.replace(b"A1", b"B9"))) as receiver,
        pytest.raises(NoAnswer, match="1 came whose MSA-2 is not our MSH-10"),
    ):
        deliver(client, to(receiver))


@pytest.mark.parametrize(
    "answer",
    [b"no HL7", b"MSH|^~\\&|||||||ACK|1|P|2.5\r", b"MSH|^~\\&|||||||ACK|1|P|2.5\rMSA||A1\r"],
    ids=["no HL7", "no MSA", "no code"],
)
def test_what_is_no_acknowledgement_delivers_nothing(client: Client, answer: bytes) -> None:
    with Receiver(lambda _: answer) as receiver, pytest.raises((NoAnswer, Refused)):
        deliver(client, to(receiver))


def test_a_receiver_that_hangs_up_instead_has_not_taken_it(client: Client) -> None:
    with Receiver(hanging_up) as receiver, pytest.raises(Lost, match="closed the connection"):
        deliver(client, to(receiver))

    assert len(receiver.received) == 1


def test_nobody_listens(client: Client) -> None:
    receiver = Receiver(silent, port=free_port())

    with pytest.raises(NotReached, match=f"127.0.0.1:{receiver.port} cannot be reached: Connection refused"):
        deliver(client, to(receiver))


def test_a_connection_that_was_closed_meanwhile_is_made_again(client: Client) -> None:
    with Receiver(answering("AA")) as receiver:
        deliver(client, to(receiver), "A1")
    with receiver:
        deliver(client, to(receiver), "A2")

    assert (receiver.connections, len(receiver.received)) == (2, 2)


def test_a_used_connection_that_breaks_is_made_again_at_once(client: Client) -> None:
    good, times = answering("AA"), iter((False, True, False))

    def answer(received: bytes) -> bytes | None:
        return hanging_up(received) if next(times) else good(received)

    with Receiver(answer) as receiver:
        deliver(client, to(receiver), "A1")
        deliver(client, to(receiver), "A2")

    assert receiver.received == [message("A1"), message("A2"), message("A2")], "the same bytes"


def test_a_receiver_that_never_answers_is_not_waited_for(client: Client) -> None:
    with Receiver(silent) as receiver:
        deliver(client, to(receiver, waits=False), "A1")
        deliver(client, to(receiver, waits=False), "A2")
        receiver.wait_for(2)

    assert receiver.connections == 1


def test_what_mllp_cannot_carry_is_not_sent(client: Client) -> None:
    with Receiver(silent) as receiver, pytest.raises(CannotBeSent):
        deliver(client, to(receiver), body=message() + b"\x0b")


def test_waiting_can_be_ended(client: Client) -> None:
    def stop() -> None:
        raise Unavailable("stopping")

    with Receiver(silent) as receiver, pytest.raises(Unavailable):
        client.deliver("default", replace(to(receiver), answer_within=600), message(), "A1", stop)


def test_before_version_2_5_the_condition_is_in_err_1() -> None:
    answer = b"MSH|^~\\&|||||||ACK|1|P|2.3\rMSA|AE|A1|Example\rERR|PID^1^3^204&Example&HL70357\r"

    assert read_answer(answer).refusal == "refused with AE: 204 Unknown key identifier"
    assert read_answer(b"") == Answer("", None)


@pytest.mark.parametrize("host", ["a..b", ".leading", "x" * 64])
def test_a_host_that_cannot_be_one_is_not_reached(client: Client, host: str) -> None:
    with pytest.raises(NotReached, match="no such host"):
        deliver(client, Destination("lab", host, 2575, False, [], True, 1, DEAD_LETTER))
