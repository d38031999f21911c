"""One message between its arrival and its answer."""

from typing import Protocol

from libs.hl7v2.ack import ORIGINAL, AnswerMode
from libs.hl7v2.header import Header
from services.mllp_gateway.listeners import Listener
from services.mllp_gateway.senders import Sender
from services.mllp_gateway.sequence import Sequence


class Client(Protocol):
    """Where a message came from and its answer goes: an MLLP connection or an HTTP request."""

    listener: Listener
    address: str  # the peer's host and port
    organization: str  # that the listener or the peer's certificate stands for; "" when neither does
    sequence: Sequence

    def answer(self) -> None:
        """Send the answers that are ready; called when some of this client's exchanges were settled."""


class Block:
    """The messages of one frame or request."""

    __slots__ = ("refused", "unsettled", "whole")

    def __init__(self) -> None:
        self.unsettled = 0  # messages
        self.whole = False  # no message of it is still to come
        self.refused: dict[str, int] = {}  # messages by the reason why they were not accepted


class Exchange:
    """What is known of a message so far; `settled` once its answer is decided."""

    __slots__ = (
        "answer", "arrived", "block", "client", "closes", "code", "expected_sequence", "header", "lane",
        "message_id", "mode", "numbered", "reason", "sender", "settled", "size", "wire",
    )  # fmt: skip

    def __init__(self, client: Client, block: Block, size: int, arrived: float) -> None:
        block.unsettled += 1
        self.client = client
        self.block = block
        self.size = size  # bytes of the message
        self.arrived = arrived  # monotonic seconds when its last byte came
        self.header: Header | None = None
        self.sender: Sender | None = None
        self.mode: AnswerMode = ORIGINAL
        self.message_id = ""
        self.lane = ""  # "" when nothing is to be stored
        self.wire = b""
        self.numbered = False  # it takes its place in the client's sequence
        self.expected_sequence: int | None = None  # MSA-4
        self.settled = False
        self.answer: bytes | None = None  # None: the sender is not to be answered
        self.code = ""  # of the answer
        self.reason = ""  # why it was not accepted, as the metrics name it; "" when it was
        self.closes = False  # the connection ends after this
