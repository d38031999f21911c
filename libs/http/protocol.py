"""HTTP/1.1 as uvicorn speaks it, but with bounded headers and the service's own answer to what is no HTTP."""

from http import HTTPStatus
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from libs.http.errors import Refusal

MAX_HEAD = 64 * 1024  # bytes of request line and headers; uvicorn itself takes any number


class BoundedHttpProtocol(HttpToolsProtocol):
    """One connection; a service's subclass sets `refusal`."""

    refusal: ClassVar[Refusal]

    _head = 0  # bytes received since the head of a request began
    _in_head = False

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            self._head += len(data)
            if self._head > MAX_HEAD:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the headers are too large")

    def on_message_begin(self) -> None:
        self._head, self._in_head = 0, True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(HTTPStatus.BAD_REQUEST, "the request is not HTTP/1.1")

    def _refuse(self, status: HTTPStatus, says: str) -> None:
        self._in_head = False
        answer = self.refusal(status.value, says)
        head = b"HTTP/1.1 %d %s\r\n" % (status.value, status.phrase.encode())
        lines = b"".join(b"%s: %s\r\n" % pair for pair in answer.raw_headers)
        self.transport.write(head + lines + b"Connection: close\r\n\r\n" + bytes(answer.body))
        self.transport.close()
