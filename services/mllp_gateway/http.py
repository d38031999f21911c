"""The gateway's HTTP port: `/hl7`, `/metrics` and `/health/*`."""

from collections.abc import Mapping
from typing import Any

from twisted.web.http import HTTPChannel
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from libs import health
from services.mllp_gateway.http_ingest import RETRY_AFTER, Ingest
from services.mllp_gateway.limits import Limits

HEADERS_WITHIN = 20  # seconds a client may leave a request unfinished


class GatewaySite(Site):
    """Serves the port; no body may be longer than what `/hl7` takes, nor all of them than the memory."""

    noisy = False

    def __init__(self, checks: Mapping[str, health.Check], ingest: Ingest, limits: Limits) -> None:
        super().__init__(_Root(checks, ingest), timeout=HEADERS_WITHIN)  # type: ignore[no-untyped-call]
        self.requestFactory = _request_type(ingest.max_body, limits)
        self.displayTracebacks = False

    def log(self, request: Any) -> None:
        """A line per scrape is noise; messages have their own."""


class _Root(Resource):
    isLeaf = True

    def __init__(self, checks: Mapping[str, health.Check], ingest: Ingest) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._checks = checks
        self._ingest = ingest

    def render(self, request: Any) -> bytes | int:
        if request.path == b"/hl7":
            self._ingest.take(request)
            return NOT_DONE_YET
        path = request.path.decode("latin-1")
        answer = health.respond(path, self._checks) if request.method == b"GET" else None
        status, content_type, body = answer or (404, "text/plain", b"not found\n")
        request.setResponseCode(status)
        request.setHeader(b"Content-Type", content_type.encode())
        return body


def _request_type(max_body: int, limits: Limits) -> type[Request]:
    class BoundedRequest(Request):
        """Ends a connection that sends more than it may, before it has done so.

        Its body counts as held until it is answered or gone.
        """

        channel: HTTPChannel
        _held = 0  # bytes

        def gotLength(self, length: int | None) -> None:
            if length is not None and length > max_body:
                self._refuse(b"413 Content Too Large")
            super().gotLength(length)  # type: ignore[no-untyped-call]

        def handleContentChunk(self, data: bytes) -> None:
            self._held += len(data)
            limits.incomplete += len(data)
            if self._held > max_body:
                self._refuse(b"413 Content Too Large")
            elif limits.is_overrun:
                self._refuse(b"503 Service Unavailable\r\nRetry-After: %s" % RETRY_AFTER)
            else:
                super().handleContentChunk(data)  # type: ignore[no-untyped-call]

        def finish(self) -> None:
            self._release()
            super().finish()  # type: ignore[no-untyped-call]

        def connectionLost(self, reason: Any) -> None:
            self._release()
            super().connectionLost(reason)  # type: ignore[no-untyped-call]

        def _release(self) -> None:
            limits.incomplete -= self._held
            self._held = 0

        def _refuse(self, status: bytes) -> None:
            transport: Any = self.channel.transport
            transport.write(b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: 0\r\n\r\n" % status)
            transport.loseConnection()

    return BoundedRequest
