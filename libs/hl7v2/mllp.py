"""The framing of messages on a byte stream: VT message FS CR.

Source: HL7 MLLP Release 1 and Release 2 (transport specification); the tolerances are those that
senders in the field need.
"""

from collections import Counter
from collections.abc import Iterator

from libs.errors import Permanent

VT, FS, CR = b"\x0b", b"\x1c", b"\r"
END = FS + CR

GRACE = 0.3  # seconds of silence after which a lone FS ends a frame

_ENDS = b"\r\n\x0b"  # what after an FS makes it the end of a frame; only CR is by the book
_COMMITS = (b"\x06", b"\x15")  # MLLP Release 2: the peer's transport took, or did not take, our answer
_BLANK = b" \t\r\n\0"
_PADDING = b"\r\n\0"  # keep-alives and line ends between frames
_HEAD = 4096  # bytes of an oversized message that are kept, so that its MSH can be answered

# What clients of other protocols open a connection with.
_STRANGERS = {
    b"\x16\x03": "TLS",
    **{
        method + b" ": "HTTP"
        for method in (b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH")
    },
    b"CONNECT ": "HTTP",
    b"PRI * HTTP": "HTTP",
}
_LONGEST_STRANGER = max(map(len, _STRANGERS))


class FrameTooLarge(Permanent):
    """A message exceeds the limit; answer it if its MSH can be read, then close the connection."""

    def __init__(self, limit: int, head: bytes) -> None:
        super().__init__(f"a message exceeds {limit} bytes")
        self.head = head  # its first bytes


class ForeignProtocol(Permanent):
    """The peer speaks something else; close the connection without an answer."""

    def __init__(self, protocol: str) -> None:
        super().__init__(f"{protocol} on an MLLP port; connect an MLLP sender, or TLS to the TLS port")
        self.protocol = protocol  # "TLS" or "HTTP"


def frame(message: bytes) -> bytes:
    """The message in its block. Raises ValueError: it holds bytes that would end or restart the block."""
    if VT in message or END in message or message.endswith(FS):
        raise ValueError("a message with VT, FS CR or a last FS cannot be framed")
    return VT + message + END


class FrameDecoder:
    """Cuts one connection's byte stream into messages, in time linear in its length.

    Whatever is tolerated is counted in `quirks`. Time is the transport's: after GRACE seconds without
    data while `awaiting_cr` it calls `grace_elapsed`; while `in_frame` it runs its partial-frame
    timeout; when the peer leaves it calls `close`.
    """

    def __init__(self, max_size: int) -> None:
        self.max_size = max_size  # bytes of one message, framing excluded
        self.dropped = 0  # bytes seen outside any frame, or in one that was never completed
        # "no CR after FS", "LF after FS", "VT in frame", "bytes between frames", "padding between frames",
        # "blank frame", "commit block", "truncated frame"
        self.quirks: Counter[str] = Counter()
        self.in_frame = False
        self._buffer = bytearray()  # the open frame without its VT and what follows it, or else nothing known
        self._searched = 0  # prefix of the open frame that is known to hold neither its end nor a VT
        self._opened = False  # the stream's first bytes were looked at
        self._closed = False  # nothing more is taken from the stream

    @property
    def awaiting_cr(self) -> bool:
        """True while the last byte is an FS that may be the end of the open frame."""
        return self.in_frame and self._buffer.endswith(FS)

    @property
    def held(self) -> int:
        """Bytes that were fed, and neither given back nor dropped yet."""
        return len(self._buffer)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take `data` at once, and yield the messages that are whole, in order, unframed.

        Who stops half-way finds the rest in what any later call gives.

        Raises FrameTooLarge or ForeignProtocol, after the messages before it; then close the connection.
        """
        if self._closed:
            self.dropped += len(data)
        else:
            self._buffer += data
        return self._complete()

    def grace_elapsed(self) -> Iterator[bytes]:
        """Yield the message that a lone FS ended, now that nothing followed it."""
        if self.awaiting_cr:
            self.quirks["no CR after FS"] += 1
            yield from self._take(len(self._buffer) - 1, 1)

    def close(self) -> None:
        """The peer left: what is incomplete is no message."""
        if self.in_frame:
            self.quirks["truncated frame"] += 1
        self._stop()

    def _complete(self) -> Iterator[bytes]:
        if not self._opened and not self._open():
            return
        while self._skip_to_frame():
            end = self._find_end()
            self._limit(len(self._buffer) - self.awaiting_cr if end < 0 else end)
            if end < 0:
                return
            follower = self._buffer[end + 1 : end + 2]
            if follower == VT:
                self.quirks["no CR after FS"] += 1
                yield from self._take(end, 1)
            else:
                if follower != CR:
                    self.quirks["LF after FS"] += 1
                yield from self._take(end, 2)

    def _open(self) -> bool:
        """Look at the stream's first bytes; False while they may still become another protocol's.

        Raises ForeignProtocol.
        """
        start = bytes(self._buffer[:_LONGEST_STRANGER])
        for opening, protocol in _STRANGERS.items():
            if start.startswith(opening):
                self._stop()
                raise ForeignProtocol(protocol)
        self._opened = not any(opening.startswith(start) for opening in _STRANGERS)
        return self._opened

    def _skip_to_frame(self) -> bool:
        """Drop what precedes the next VT, and the VT; False when none has come yet."""
        if self.in_frame:
            return True
        start = self._buffer.find(VT)
        between = self._buffer[: len(self._buffer) if start < 0 else start]
        if between:
            self.dropped += len(between)
            junk = between.translate(None, _PADDING)
            self.quirks["bytes between frames" if junk else "padding between frames"] += 1
        del self._buffer[: len(between) + (start >= 0)]
        self.in_frame = start >= 0
        return self.in_frame

    def _find_end(self) -> int:
        """The index of the FS that ends the open frame; -1 when it has not come yet.

        A VT restarts the frame: what came before it is dropped.
        """
        while True:
            end = self._buffer.find(FS, self._searched)
            known = len(self._buffer) if end < 0 else end
            while (restart := self._buffer.find(VT, self._searched, known)) >= 0:
                self._limit(restart)
                self.quirks["VT in frame"] += 1
                self.dropped += restart
                del self._buffer[: restart + 1]
                self._searched = 0
                known -= restart + 1
            if known + 1 >= len(self._buffer):
                self._searched = known
                return -1
            if self._buffer[known + 1] in _ENDS:
                return known
            self._searched = known + 1

    def _limit(self, size: int) -> None:
        """Raises FrameTooLarge, and takes no more, when the open frame has a message beyond the limit."""
        if size > self.max_size:
            head = bytes(self._buffer[:_HEAD])
            self._stop()
            raise FrameTooLarge(self.max_size, head)

    def _take(self, length: int, end: int) -> Iterator[bytes]:
        """Remove the open frame and yield its message, unless it holds none."""
        message = bytes(self._buffer[:length])
        del self._buffer[: length + end]
        self._searched = 0
        self.in_frame = False
        if message in _COMMITS:
            self.quirks["commit block"] += 1
        elif not message.strip(_BLANK):
            self.quirks["blank frame"] += 1
        else:
            yield message

    def _stop(self) -> None:
        self.dropped += len(self._buffer)
        self._buffer.clear()
        self._searched = 0
        self.in_frame = False
        self._opened = self._closed = True
