from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from libs.hl7v2.mllp import ForeignProtocol, FrameDecoder, FrameTooLarge, frame

A01 = b"MSH|^~\\&|LAB|NORTH|EHR|NORTH|20240102||ADT^A01|1|P|2.5.1\rPID|1||42\r"
A08 = A01.replace(b"A01", b"A08")
LIMIT = 10_000_000


def receive(decoder: FrameDecoder, stream: bytes, size: int, messages: list[bytes]) -> None:
    """Feed a stream in chunks of `size`; `messages` has what came before an error, too."""
    for start in range(0, len(stream), size):
        for message in decoder.feed(stream[start : start + size]):
            messages.append(message)


def decoded(*chunks: bytes, limit: int = LIMIT) -> list[bytes]:
    decoder = FrameDecoder(limit)
    return [message for chunk in chunks for message in decoder.feed(chunk)]


@pytest.mark.parametrize("cut", range(len(frame(A01)) + 1))
def test_a_message_is_found_wherever_tcp_cuts_it(cut: int) -> None:
    stream = frame(A01)

    assert decoded(stream[:cut], stream[cut:]) == [A01]


def test_a_message_is_found_byte_by_byte() -> None:
    stream = frame(A01) + frame(A08)

    assert decoded(*(stream[i : i + 1] for i in range(len(stream)))) == [A01, A08]


def test_fifty_messages_in_one_packet_come_out_in_order() -> None:
    messages = [A01.replace(b"|1|P", b"|%d|P" % number) for number in range(50)]

    assert decoded(b"".join(map(frame, messages))) == messages


@pytest.mark.parametrize(
    ("stream", "messages", "quirks"),
    [
        pytest.param(b"\r\n\0" + frame(A01), [A01], {"padding between frames": 1}, id="padding before VT"),
        pytest.param(b"junk" + frame(A01), [A01], {"bytes between frames": 1}, id="junk before VT"),
        pytest.param(
            frame(A01) + b"junk" + frame(A08),
            [A01, A08],
            {"bytes between frames": 1},
            id="junk between frames",
        ),
        pytest.param(
            b"\x0b" + A01 + b"\x1c" + frame(A08),
            [A01, A08],
            {"no CR after FS": 1},
            id="FS VT: two neighbours",
        ),
        pytest.param(b"\x0b" + A01 + b"\x1c\n", [A01], {"LF after FS": 1}, id="FS LF"),
        pytest.param(frame(A01) + b"\n", [A01], {"padding between frames": 1}, id="FS CR LF"),
        pytest.param(b"\x0b" + A01 + b"\x1cNTE\r\x1c\r", [A01 + b"\x1cNTE\r"], {}, id="FS inside data"),
        pytest.param(b"\x0b" + A01 + b"\x1c\x1c\r", [A01 + b"\x1c"], {}, id="FS FS CR"),
        pytest.param(b"\x0bMSH|half" + frame(A01), [A01], {"VT in frame": 1}, id="VT inside a frame"),
        pytest.param(b"\x0bMSH|a\x0bPID|b\x1c\r", [b"PID|b"], {"VT in frame": 1}, id="a remnant has no MSH"),
        pytest.param(b"\x0b\x1c\r" + frame(A01), [A01], {"blank frame": 1}, id="empty frame"),
        pytest.param(b"\x0b \r\n\x1c\r" + frame(A01), [A01], {"blank frame": 1}, id="blank frame"),
        pytest.param(b"\x0b\x06\x1c\r" + frame(A01), [A01], {"commit block": 1}, id="MLLP R2 commit"),
        pytest.param(b"\x0b\x15\x1c\r" + frame(A01), [A01], {"commit block": 1}, id="MLLP R2 refusal"),
        pytest.param(frame(b"MSH|\0|"), [b"MSH|\0|"], {}, id="NUL is content"),
    ],
)
def test_what_senders_do_is_tolerated_and_counted(
    stream: bytes, messages: list[bytes], quirks: dict[str, int]
) -> None:
    whole, single = FrameDecoder(LIMIT), FrameDecoder(LIMIT)

    assert list(whole.feed(stream)) == messages
    assert [message for byte in stream for message in single.feed(bytes([byte]))] == messages
    assert whole.quirks == quirks
    assert single.quirks.keys() == quirks.keys()


def test_a_lone_fs_ends_the_frame_once_nothing_followed_it() -> None:
    decoder = FrameDecoder(LIMIT)

    assert list(decoder.feed(b"\x0b" + A01 + b"\x1c")) == []
    assert decoder.awaiting_cr
    assert list(decoder.grace_elapsed()) == [A01]
    assert not decoder.awaiting_cr
    assert list(decoder.feed(b"\r" + frame(A08))) == [A08]
    assert decoder.quirks == {"no CR after FS": 1, "padding between frames": 1}


def test_the_grace_ends_nothing_while_a_frame_is_open() -> None:
    decoder = FrameDecoder(LIMIT)

    assert list(decoder.feed(b"\x0b" + A01)) == []
    assert list(decoder.grace_elapsed()) == []
    assert decoder.in_frame
    assert list(decoder.feed(b"\x1c\r")) == [A01]


def test_what_is_incomplete_when_the_peer_leaves_is_truncated() -> None:
    decoder = FrameDecoder(LIMIT)

    assert list(decoder.feed(frame(A01) + b"\x0b" + A08)) == [A01]
    decoder.close()

    assert not decoder.in_frame
    assert decoder.quirks == {"truncated frame": 1}
    assert decoder.dropped == len(A08)


def test_a_message_of_the_largest_size_passes() -> None:
    assert decoded(frame(A01), limit=len(A01)) == [A01]
    assert decoded(*(bytes([byte]) for byte in frame(A01)), limit=len(A01)) == [A01]


@pytest.mark.parametrize("size", [1, 1400, 65536])
def test_a_message_beyond_the_limit_is_refused_with_its_head_and_memory_stays_bounded(size: int) -> None:
    endless = frame(A08) + b"\x0b" + A01 + b"x" * 200_000
    decoder = FrameDecoder(1000)
    messages: list[bytes] = []

    with pytest.raises(FrameTooLarge, match="exceeds 1000 bytes") as refused:
        receive(decoder, endless, size, messages)

    assert messages == [A08]
    assert refused.value.head.startswith(A01)
    assert list(decoder.feed(frame(A08))) == []
    assert not decoder.in_frame


@pytest.mark.parametrize(
    ("opening", "protocol"),
    [
        (b"GET /hl7 HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP"),
        (b"POST /hl7 HTTP/1.1\r\n\r\n\x0b" + A01 + b"\x1c\r", "HTTP"),
        (b"PRI * HTTP/2.0\r\n", "HTTP"),
        (b"\x16\x03\x01\x02\x00\x01\x0b\x1c\r", "TLS"),
    ],
)
@pytest.mark.parametrize("size", [1, 1000])
def test_other_protocols_are_named_and_never_read_as_messages(
    opening: bytes, protocol: str, size: int
) -> None:
    decoder = FrameDecoder(LIMIT)
    messages: list[bytes] = []

    with pytest.raises(ForeignProtocol) as refused:
        receive(decoder, opening, size, messages)

    assert (refused.value.protocol, messages) == (protocol, [])
    assert list(decoder.feed(frame(A01))) == []


def test_what_only_begins_like_another_protocol_is_junk() -> None:
    assert decoded(b"GET", frame(A01)) == [A01]


@pytest.mark.parametrize("message", [b"a\x0bb", b"a\x1c\rb", b"a\x1c"])
def test_a_message_that_would_break_its_frame_is_not_framed(message: bytes) -> None:
    with pytest.raises(ValueError, match="cannot be framed"):
        frame(message)


STREAMS = st.lists(
    st.sampled_from([b"\x0b", b"\x1c", b"\r", b"\n", b"\0", b"MSH|x", b"\x06", frame(A01), b"PID", b"G"]),
    max_size=30,
).map(b"".join)


def outcome(chunks: list[bytes], limit: int) -> tuple[list[bytes], type[Exception] | None]:
    decoder = FrameDecoder(limit)
    messages: list[bytes] = []
    try:
        for chunk in chunks:
            receive(decoder, chunk, len(chunk) or 1, messages)
    except (FrameTooLarge, ForeignProtocol) as error:
        return messages, type(error)
    return messages, None


@given(STREAMS, st.lists(st.integers(0, 400), max_size=8))
@example(frame(A01) * 2, [len(A01) + 2])
def test_chunking_changes_nothing(stream: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    chunks = [stream[start:end] for start, end in pairwise(edges)]

    for limit in (LIMIT, len(A01), 5):
        assert outcome(chunks, limit) == outcome([stream], limit)


MESSAGES = st.binary(max_size=40).map(
    lambda rest: b"M" + rest.replace(b"\x0b", b"").replace(b"\x1c", b"\x1cF")
)


@given(st.lists(MESSAGES))
def test_every_message_that_can_be_framed_comes_back(messages: list[bytes]) -> None:
    assert decoded(b"".join(map(frame, messages))) == messages


@given(st.binary(max_size=300), st.integers(0, 50))
def test_any_bytes_give_messages_or_a_documented_refusal(stream: bytes, limit: int) -> None:
    decoder = FrameDecoder(limit)
    try:
        messages = [*decoder.feed(stream), *decoder.grace_elapsed()]
    except (FrameTooLarge, ForeignProtocol):
        return
    decoder.close()

    assert all(len(message) <= limit and b"\x0b" not in message for message in messages)
