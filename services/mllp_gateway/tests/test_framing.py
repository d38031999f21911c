"""What comes over the wire: every way in which TCP and senders cut, pad and break frames."""

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.testing.health import wait_until
from services.mllp_gateway.tests.harness import (
    GatewayProcess,
    Peer,
    adt,
    code,
    fields,
    framed,
    stored_bodies,
)


def control_ids(peer: Peer, number: int) -> list[str]:
    return [fields(peer.answer(), "MSA")[2] for _ in range(number)]


def test_a_message_is_acknowledged_and_in_its_lane(gateway: GatewayProcess, redis_url: str) -> None:
    answer = gateway.ask(adt("A1"))

    assert code(answer) == "AA"
    assert stored_bodies(redis_url) == [adt("A1")]


def test_a_message_may_come_byte_by_byte(gateway: GatewayProcess, redis_url: str) -> None:
    with gateway.connect() as peer:
        for byte in framed(adt()):
            peer.send(bytes([byte]))

        assert code(peer.answer()) == "AA"
    assert stored_bodies(redis_url) == [adt()]


def test_a_message_may_come_in_fifty_packets(gateway: GatewayProcess, redis_url: str) -> None:
    stream = framed(adt())
    step = len(stream) // 49
    with gateway.connect() as peer:
        for start in range(0, len(stream), step):
            peer.send(stream[start : start + step])

        assert code(peer.answer()) == "AA"
    assert stored_bodies(redis_url) == [adt()]


def test_two_messages_in_one_packet_are_two(gateway: GatewayProcess, redis_url: str) -> None:
    with gateway.connect() as peer:
        peer.send(framed(adt("A")) + framed(adt("B")))

        assert control_ids(peer, 2) == ["A", "B"]
    assert stored_bodies(redis_url) == [adt("A"), adt("B")]


def test_answers_come_in_the_order_of_the_messages_whatever_they_say(gateway: GatewayProcess) -> None:
    messages = [adt(str(n), type="ADT^A01" if n % 3 else "QQQ^X01", patient=str(n)) for n in range(50)]
    with gateway.connect() as peer:
        peer.send(b"".join(map(framed, messages)))
        answers = [peer.answer() for _ in messages]

    assert [fields(answer, "MSA")[2] for answer in answers] == [str(n) for n in range(50)]
    assert [code(answer) for answer in answers] == ["AA" if n % 3 else "AR" for n in range(50)]


def test_a_sender_that_stops_writing_is_still_answered(gateway: GatewayProcess) -> None:
    with gateway.connect() as peer:
        peer.send(framed(adt()))
        peer.socket.shutdown(1)

        assert code(peer.answer()) == "AA"
        assert peer.answer() is None


@pytest.mark.parametrize(
    ("stream", "kind"),
    [
        (b"\x0b%s\x1c", "no CR after FS"),
        (b"\x0b%s\x1c\n", "LF after FS"),
        (b"\r\n\0\x0b%s\x1c\r", "padding between frames"),
        (b"noise\x0b%s\x1c\r", "bytes between frames"),
        (b"\x0bMSH|^~\\&|CUT\x0b%s\x1c\r", "VT in frame"),
        (b"\x0b\x1c\r\x0b%s\x1c\r", "blank frame"),
        (b"\x0b\r\n \x1c\r\x0b%s\x1c\r", "blank frame"),
        (b"\x0b\x06\x1c\r\x0b%s\x1c\r", "commit block"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_tolerated_is_counted(
    gateway: GatewayProcess, redis_url: str, stream: bytes, kind: str
) -> None:
    before = gateway.metric(f'mllp_quirks_total{{kind="{kind}"}}')
    with gateway.connect() as peer:
        peer.send(stream % adt("odd"))

        assert fields(peer.answer(), "MSA")[1:3] == ["AA", "odd"]
        assert fields(peer.ask(adt("next")), "MSA")[1:3] == ["AA", "next"]
    assert stored_bodies(redis_url) == [adt("odd"), adt("next")]
    assert gateway.metric(f'mllp_quirks_total{{kind="{kind}"}}') == before + 1


def test_an_fs_inside_a_message_does_not_end_it(gateway: GatewayProcess, redis_url: str) -> None:
    message = adt().replace(b"Paula", b"Pau\x1cla")

    assert code(gateway.ask(message)) == "AA"
    assert stored_bodies(redis_url) == [message]


@pytest.mark.parametrize(
    ("hello", "reason"),
    [
        (b"GET / HTTP/1.1\r\nHost: ehr\r\n\r\n", "http"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "tls"),
    ],
    ids=["HTTP", "TLS"],
)
def test_another_protocol_is_hung_up_on(gateway: GatewayProcess, hello: bytes, reason: str) -> None:
    name = f'mllp_connections_dropped_total{{reason="{reason}"}}'
    before = gateway.metric(name)
    with gateway.connect() as peer:
        peer.send(hello)
        address = "{}:{}".format(*peer.socket.getsockname())

        assert peer.answer() is None
    assert gateway.metric(name) == before + 1
    facts = {"event": "connection dropped", "listener": "mllp", "peer": address, "reason": reason}
    assert [line for line in gateway.log() if line.items() >= facts.items()]


def test_a_sender_that_frames_nothing_is_told_of_in_the_log(gateway: GatewayProcess, redis_url: str) -> None:
    with gateway.connect() as peer:
        peer.send(adt("bare"))
        address = "{}:{}".format(*peer.socket.getsockname())

    facts = {"event": "no whole message came", "peer": address, "bytes": len(adt("bare"))}
    wait_until(lambda: any(line.items() >= facts.items() for line in gateway.log()))


def test_endless_noise_is_hung_up_on(gateway: GatewayProcess) -> None:
    with gateway.connect() as peer:
        peer.send(b"noise " * 20_000)

        assert peer.answer() is None
    assert code(gateway.ask(adt())) == "AA"


def test_a_peer_that_leaves_inside_a_message_leaves_nothing(gateway: GatewayProcess, redis_url: str) -> None:
    before = gateway.metric('mllp_quirks_total{kind="truncated frame"}')
    with gateway.connect() as peer:
        peer.send(framed(adt("whole")) + framed(adt("cut"))[:-40])
        assert control_ids(peer, 1) == ["whole"]

    wait_until(lambda: gateway.metric('mllp_quirks_total{kind="truncated frame"}') == before + 1)
    assert stored_bodies(redis_url) == [adt("whole")]


def test_two_megabytes_are_a_message(gateway: GatewayProcess, redis_url: str) -> None:
    message = adt() + b"OBX|1|ED|PDF||" + b"x" * 2_000_000 + b"\r"

    assert code(gateway.ask(message)) == "AA"
    assert stored_bodies(redis_url) == [message]


def test_a_message_beyond_the_limit_is_refused_and_the_connection_closed(
    gateway: GatewayProcess, redis_url: str
) -> None:
    name = 'mllp_connections_dropped_total{reason="too_large"}'
    before = gateway.metric(name)
    with gateway.connect() as peer:
        peer.send(framed(adt("good")) + b"\x0b" + adt("huge"))
        answers = [peer.answer()]
        try:
            for _ in range(20):
                peer.send(b"x" * 1_000_000)
        except ConnectionError:
            pass  # it was closed while we sent: that is the point
        answers.append(peer.answer())

        assert [fields(answer, "MSA")[1:3] for answer in answers] == [["AA", "good"], ["AR", "huge"]]
        assert fields(answers[1], "ERR")[3] == "104^Value too long^HL70357"
        assert peer.answer() is None
    assert stored_bodies(redis_url) == [adt("good")]
    assert gateway.metric(name) == before + 1
    assert gateway.resident_bytes() < 150_000_000


def test_endless_bytes_without_a_header_are_not_answered(gateway: GatewayProcess) -> None:
    with gateway.connect() as peer, pytest.raises(ConnectionError):
        peer.send(b"\x0b" + b"x" * 40_000_000)

    assert code(gateway.ask(adt())) == "AA"
    assert gateway.resident_bytes() < 150_000_000


@pytest.mark.parametrize("wrap", ["FHS|^~\\&\rBHS|^~\\&\r%sBTS|2\rFTS|1\r", "%s"], ids=["batch", "two MSH"])
def test_messages_in_one_frame_are_acknowledged_one_by_one(
    gateway: GatewayProcess, redis_url: str, wrap: str
) -> None:
    messages = [adt("A"), adt("B", type="QQQ"), adt("C")]
    with gateway.connect() as peer:
        peer.send(framed(wrap.encode() % b"".join(messages) if "%" in wrap else b""))
        answers = [peer.answer() for _ in messages]

    assert [fields(answer, "MSA")[1:3] for answer in answers] == [["AA", "A"], ["AR", "B"], ["AA", "C"]]
    assert stored_bodies(redis_url) == [messages[0], messages[2]]


_GOOD, _UNKNOWN, _HEADLESS = "good", "unknown type", "no MSH"
_PADDING = st.sampled_from(
    [b"", b"\r\n", b"\0", b"noise", b"\x0b\x1c\r", b"\x0b\x06\x1c\r", b"\x0bMSH|^~\\&|CUT"]
)


@given(
    st.lists(st.tuples(st.sampled_from([_GOOD, _UNKNOWN, _HEADLESS]), _PADDING), min_size=1, max_size=12),
    st.lists(st.integers(0, 3000), max_size=12),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_message_is_answered_in_order_whatever_surrounds_and_cuts_it(
    gateway: GatewayProcess, parts: list[tuple[str, bytes]], cuts: list[int]
) -> None:
    stream = b"".join(
        padding + framed(_message(kind, str(number))) for number, (kind, padding) in enumerate(parts)
    )
    edges = [0, *sorted(cut % len(stream) for cut in cuts), len(stream)]
    with gateway.connect() as peer:
        for start, end in pairwise(edges):
            peer.send(stream[start:end])
        answers = [fields(peer.answer(), "MSA")[1:3] for _ in parts]

    expected = {_GOOD: "AA", _UNKNOWN: "AR", _HEADLESS: "AR"}
    assert answers == [
        [expected[kind], "" if kind == _HEADLESS else str(number)] for number, (kind, _) in enumerate(parts)
    ]


def _message(kind: str, control_id: str) -> bytes:
    if kind == _HEADLESS:
        return b"PID|1||4711\r"
    return adt(control_id, type="ADT^A01" if kind == _GOOD else "QQQ")
