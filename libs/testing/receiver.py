"""A system that takes HL7 v2 over MLLP, for tests: real sockets, and answers as the test wants them."""

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Self

from libs.hl7v2.ack import AckCode, AckError, acknowledge
from libs.hl7v2.header import read_header
from libs.hl7v2.mllp import FrameDecoder, frame
from libs.testing.health import wait_until

Answer = Callable[[bytes], bytes | None]
_numbers = count(1)


class HangUp(Exception):
    """Raised by an answer: the connection is closed instead."""


def answering(code: str, error: AckError | None = None) -> Answer:
    """Answers every message so."""

    def answer(message: bytes) -> bytes:
        header = read_header(message)
        control_id = f"R{next(_numbers)}"
        return acknowledge(header, AckCode(code), control_id=control_id, now=datetime.now(UTC), error=error)

    return answer


def silent(_message: bytes) -> None:
    """Never answers."""


def hanging_up(_message: bytes) -> bytes | None:
    """Closes the connection instead."""
    raise HangUp


class Receiver:
    """Listens from when the block begins until it ends; `port` stays the same when it is entered again."""

    def __init__(self, answer: Answer, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.answer = answer
        self.port = port
        self.received: list[bytes] = []
        self.connections = 0
        self._tls = tls
        self._server: ThreadingTCPServer | None = None
        self._open: list[Callable[[], None]] = []

    def __enter__(self) -> Self:
        receiver = self

        class Connection(BaseRequestHandler):
            def handle(self) -> None:
                with suppress(OSError, HangUp):
                    receiver._serve(self.request)

        server = _Server(("127.0.0.1", self.port), Connection)
        self.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        self._server = server
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server
        self._server.shutdown()
        self._server.server_close()
        for close in self._open:
            close()
        self._open.clear()

    def wait_for(self, messages: int) -> None:
        """Return once so many have arrived."""
        wait_until(lambda: len(self.received) >= messages)

    def _serve(self, connection: socket.socket) -> None:
        self.connections += 1
        if self._tls:
            connection = self._tls.wrap_socket(connection, server_side=True)
        self._open.append(lambda: _shut(connection))
        decoder = FrameDecoder(1_000_000)
        with connection:
            while data := connection.recv(65536):
                for message in decoder.feed(data):
                    self.received.append(message)
                    if answer := self.answer(message):
                        connection.sendall(frame(answer))


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
