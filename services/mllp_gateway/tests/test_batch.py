import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.mllp_gateway.batch import messages_of

A, B = b"MSH|^~\\&|A\rPID|1\r", b"MSH|^~\\&|B\rPID|2\r"


@pytest.mark.parametrize(
    ("frame", "messages"),
    [
        (A, [A]),
        (b"\r" + A, [b"\r" + A]),
        (A + B, [A, B]),
        (b"\xef\xbb\xbf" + A + B, [b"\xef\xbb\xbf" + A, B]),
        (b"FHS|^~\\&\rBHS|^~\\&\r" + A + B + b"BTS|2\rFTS|1\r", [A, B]),
        (b"BHS|^~\\&\n" + A + b"BTS|1", [A]),
        (b"BHS|^~\\&\rBTS|0\r", [b"BHS|^~\\&\rBTS|0\r"]),
        (A + b"NTE|1||see MSH|^~ of FHS\r", [A + b"NTE|1||see MSH|^~ of FHS\r"]),
        (A + b"MSHX|1\r", [A + b"MSHX|1\r"]),
        (b"PID|0\r" + A, [b"PID|0\r", A]),
    ],
    ids=[
        "one", "leading CR", "two", "two after a BOM", "file and batch", "batch", "empty batch",
        "MSH in a text", "a segment like MSH", "a segment before MSH",
    ],
)  # fmt: skip
def test_messages_of(frame: bytes, messages: list[bytes]) -> None:
    assert messages_of(frame) == messages


@given(
    st.lists(st.sampled_from([b"MSH|", b"FHS|", b"BTS|", b"PID|", b"\r", b"\n", b"x", b"\xef"])).map(b"".join)
)
def test_no_message_is_lost_or_doubled(frame: bytes) -> None:
    messages = messages_of(frame)

    assert messages
    position = 0
    for message in messages:
        position = frame.index(message, position) + len(message)
    whole = frame.replace(b"\n", b"\r").split(b"\r")
    assert sum(message.startswith(b"MSH") for message in messages) <= sum(
        line.startswith(b"MSH") for line in whole
    )
