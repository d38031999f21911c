"""The gateway's HTTP port: `/metrics` and `/health/*`."""

from collections.abc import Mapping

from twisted.web.http import Request
from twisted.web.resource import Resource

from libs import health


class Root(Resource):
    isLeaf = True

    def __init__(self, checks: Mapping[str, health.Check]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._checks = checks

    def render_GET(self, request: Request) -> bytes:
        status, content_type, body = health.respond(request.path.decode("latin-1"), self._checks) or (
            404, "text/plain", b"not found\n",
        )  # fmt: skip
        request.setResponseCode(status)
        request.setHeader(b"Content-Type", content_type.encode())  # type: ignore[no-untyped-call]
        return body
