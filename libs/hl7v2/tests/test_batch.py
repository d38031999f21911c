from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.hl7v2.batch import split_messages

A01 = b"MSH|^~\\&|LAB|||||||1\rPID|1||42\r"
A08 = b"MSH#*%!?#LAB#######2\rPID#1##43\r"


@pytest.mark.parametrize(
    ("body", "messages"),
    [
        pytest.param(A01, [A01], id="one message"),
        pytest.param(b"\xef\xbb\xbf\r\n" + A01, [b"\xef\xbb\xbf\r\n" + A01], id="one message after a mark"),
        pytest.param(A01 + A08, [A01, A08], id="MSH after MSH"),
        pytest.param(A01 + A01[:-1], [A01, A01[:-1]], id="no last segment end"),
        pytest.param(
            b"FHS|^~\\&|F\rBHS|^~\\&|B\r" + A01 + A08 + b"BTS|2\rFTS|1\r", [A01, A08], id="FHS BHS BTS FTS"
        ),
        pytest.param(
            b"\xef\xbb\xbfBHS|^~\\&\r\n" + A01
            + b"BTS|1\r\nBHS|^~\\&\n"
            + A08 + b"BTS|1\n", [A01, A08], id="two batches"
        ),
        pytest.param(A01 + b"BTS|1\r", [A01], id="a trailer without a header"),
        pytest.param(b"BHS|^~\\&\rBTS|0\r", [], id="an empty batch"),
        pytest.param(b"FHS|^~\\&\rNTE|1\r" + A01, [A01], id="a note of the file"),
        pytest.param(A01 + b"NTE|1||the MSH|x\r", [A01 + b"NTE|1||the MSH|x\r"], id="MSH as content"),
        pytest.param(A01 + b"MSHX|1\r", [A01 + b"MSHX|1\r"], id="a longer name"),
        pytest.param(b"junk\r" + A01, [b"junk\r" + A01], id="junk first"),
        pytest.param(b"MSHX|1\rBTS|1\r", [b"MSHX|1\rBTS|1\r"], id="no message first"),
        pytest.param(b"BTS|1\r" + A01, [b"BTS|1\r" + A01], id="a trailer first"),
        pytest.param(b"", [b""], id="nothing"),
    ],
)  # fmt: skip
def test_each_message_of_a_block_is_taken_by_itself(body: bytes, messages: list[bytes]) -> None:
    assert list(split_messages(body)) == messages


@given(st.lists(st.sampled_from([A01, A08]), min_size=1), st.booleans())
def test_any_number_of_messages_comes_out_as_it_went_in(messages: list[bytes], wrapped: bool) -> None:
    body = b"".join(messages)
    if wrapped:
        body = b"BHS|^~\\&\r" + body + b"BTS|1\r"

    assert list(split_messages(body)) == messages


@given(
    st.lists(st.sampled_from([b"MSH", b"BHS", b"BTS", b"FTS", b"|", b"\r", b"\n", b"x", A01])).map(b"".join)
)
def test_any_bytes_are_messages_or_given_back_whole(body: bytes) -> None:
    messages = list(split_messages(body))

    assert messages == [body] or all(message.startswith(b"MSH") for message in messages)


def test_messages_are_looked_for_only_as_they_are_asked_for() -> None:
    """A receiver takes them a few at a time, and a block can hold hundreds of thousands."""
    messages = split_messages((A01 + A08) * 100_000)

    assert [next(messages) for _ in range(3)] == [A01, A08, A01]
    assert isinstance(messages, Iterator)
