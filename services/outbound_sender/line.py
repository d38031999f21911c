"""One MLLP connection to a destination: a message out, whole messages in."""

import os
import socket
import ssl
import time
from collections.abc import Callable, Iterator

from libs.errors import Permanent, Transient
from libs.hl7v2.mllp import GRACE, FrameDecoder, frame

CONNECT_WITHIN = 3.0  # seconds
SEND_WITHIN = 10.0  # seconds that the peer may take to read
LARGEST_ANSWER = 1_000_000  # bytes
_UNASKED = 64  # reads of what was said unasked, before the peer counts as gone


class NotReached(Transient):
    """Nobody answers at the destination's address."""


class Lost(Transient):
    """The connection broke."""


class CannotBeSent(Permanent):
    """The message holds bytes that MLLP cannot carry."""


class Line:
    """An open connection, for one message at a time."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._decoder = FrameDecoder(LARGEST_ANSWER)
        self.used_at = time.monotonic()

    @classmethod
    def to(cls, host: str, port: int, tls: ssl.SSLContext | None) -> "Line":
        """Raises NotReached."""
        try:
            connection = socket.create_connection((host, port), CONNECT_WITHIN)
        except OSError as error:
            raise NotReached(f"{host}:{port} cannot be reached: {_reason(error)}") from None
        except UnicodeError:
            raise NotReached(f"{host}:{port} cannot be reached: no such host") from None
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is None:
            return cls(connection)
        try:
            return cls(tls.wrap_socket(connection, server_hostname=host))
        except OSError as error:
            connection.close()
            raise NotReached(f"no TLS with {host}:{port}: {_reason(error)}") from None

    def is_open(self) -> bool:
        """Whether the peer has not hung up meanwhile. What it has said unasked is dropped."""
        self._socket.setblocking(False)
        try:
            for _ in range(_UNASKED):
                if not self._socket.recv(65536):
                    return False
        except (BlockingIOError, ssl.SSLWantReadError):
            self._decoder = FrameDecoder(LARGEST_ANSWER)
            return True
        except OSError:
            pass
        return False

    def send(self, message: bytes) -> None:
        """Raises Lost, CannotBeSent."""
        try:
            framed = frame(message)
        except ValueError as error:
            raise CannotBeSent(str(error)) from None
        self.used_at = time.monotonic()
        self._socket.settimeout(SEND_WITHIN)
        try:
            self._socket.sendall(framed)
        except OSError as error:
            raise Lost(f"the connection broke while sending: {_reason(error)}") from None

    def answers(self, within: float, wait: Callable[[], None]) -> Iterator[bytes]:
        """The messages that come in within so many seconds.

        `wait` is called a few times a second meanwhile; what it raises ends the waiting. Raises Lost.
        """
        deadline = time.monotonic() + within
        while (left := deadline - time.monotonic()) > 0:
            wait()
            self._socket.settimeout(min(left, GRACE))
            try:
                data = self._socket.recv(65536)
            except TimeoutError:
                yield from self._decoder.grace_elapsed()
                continue
            except OSError as error:
                raise Lost(f"the connection broke before an answer: {_reason(error)}") from None
            if not data:
                raise Lost("the receiver closed the connection without an answer")
            try:
                yield from self._decoder.feed(data)
            except (
                Permanent
            ) as error:  # FrameTooLarge, ForeignProtocol: the answer's, not the message's fault
                raise Lost(f"the answer cannot be read: {error}") from None

    def close(self) -> None:
        self._socket.close()


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason or "TLS failed"
    if isinstance(error, TimeoutError):
        return "it took too long"
    return os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or "no such host"
