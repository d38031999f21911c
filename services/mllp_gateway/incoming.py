"""What has arrived on one MLLP connection: bytes in, messages out, one at a time as they are asked for."""

import time
from collections.abc import Callable, Generator, Iterator
from itertools import chain

from libs.hl7v2.batch import split_messages
from libs.hl7v2.mllp import FrameDecoder
from libs.metrics import MLLP_FRAMES, MLLP_QUIRKS
from services.mllp_gateway.exchange import Block
from services.mllp_gateway.limits import Limits
from services.mllp_gateway.listeners import Listener

MAX_GARBAGE = 65_536  # bytes without any message, after which a peer is not taken for an HL7 sender


class Incoming:
    def __init__(self, listener: Listener, limits: Limits, end: Callable[[Block], None]) -> None:
        """`end` is told when no message of a frame is still to come."""
        self.silent = False  # nothing follows what has arrived: a lone FS ends a frame
        self.open_frame_only = False  # no frame after the one that is open counts
        self.frame_began = 0.0  # monotonic seconds; of the open frame
        self.had_message = False  # on this connection
        self._decoder = FrameDecoder(listener.max_message)
        self._frame_timeout = listener.frame_timeout
        self._limits = limits
        self._end = end
        self._frames = MLLP_FRAMES.labels(listener.name)
        self._messages = self._split()
        self._at_hand = 0  # bytes of the frame whose messages are being taken
        self._counted = 0  # bytes, as the limits have it
        self._garbage = 0  # bytes outside messages since the last message, less the decoder's total

    @property
    def in_frame(self) -> bool:
        return self._decoder.in_frame

    @property
    def awaiting_cr(self) -> bool:
        return self._decoder.awaiting_cr

    @property
    def garbage(self) -> int:
        """Bytes outside messages since the last message."""
        return self._garbage + self._decoder.dropped

    @property
    def problem(self) -> str:
        """Why the peer is not to be heard further: it sends what becomes no message; "" when it may be."""
        if self.in_frame:
            return "memory" if self._limits.is_overrun else ""
        return "garbage" if self.garbage > MAX_GARBAGE else ""

    def is_late(self, now: float) -> bool:
        """Whether the open frame does not become whole."""
        return self.in_frame and now - self.frame_began > self._frame_timeout

    def feed(self, data: bytes, now: float) -> None:
        if not self._decoder.in_frame:
            self.frame_began = now
        self._decoder.feed(data)

    def take(self) -> tuple[bytes, Block] | None:
        """The next message; None when there is none now. Raises FrameTooLarge, ForeignProtocol."""
        message = next(self._messages, None)
        if message is None:
            self._messages = self._split()
            self.silent = False
        return message

    def abandon(self) -> None:
        """Give nothing more of what has arrived; once, before the connection ends."""
        self._messages.close()
        self._decoder.close()
        self.measure()

    def measure(self) -> None:
        """Bring the limits and metrics up to date."""
        held = self._decoder.held + self._at_hand
        self._limits.incomplete += held - self._counted
        self._counted = held
        if self._decoder.quirks:
            for kind, number in self._decoder.quirks.items():
                MLLP_QUIRKS.labels(kind).inc(number)
            self._decoder.quirks.clear()

    def _split(self) -> Generator[tuple[bytes, Block], None, None]:
        for content in self._contents():
            self._frames.inc()
            self.had_message = True
            self.frame_began = time.monotonic()
            self._garbage = -self._decoder.dropped
            self._at_hand = len(content)
            is_last = self.open_frame_only
            block, bodies = Block(), split_messages(content)
            try:
                # An empty batch is refused, not passed over.
                for body in chain((next(bodies, content),), bodies):
                    yield body, block
            finally:
                self._at_hand = 0
                self._end(block)
            if is_last:
                return

    def _contents(self) -> Iterator[bytes]:
        yield from self._decoder.feed(b"")
        if self.silent:
            yield from self._decoder.grace_elapsed()
