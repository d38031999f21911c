"""HTTP/1.1 as uvicorn speaks it, but with bounded headers and FHIR's answer to what is no HTTP."""

from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.fhir_api.errors import FHIR_JSON, outcome

MAX_HEAD = 64 * 1024  # bytes of request line and headers; uvicorn itself takes any number


class FhirHttpProtocol(HttpToolsProtocol):
    """One connection."""

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
        body = outcome("invalid", says)
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {FHIR_JSON}\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
