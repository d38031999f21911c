"""HL7 over HTTP: `POST /hl7` with `application/hl7-v2`; the acknowledgement comes back as the body.

The status tells what the acknowledgement does, for senders that look no further: 200 accepted, 422 the
content is at fault (AE), 400 the header is (AR), 503 try again. Several messages in one body are
acknowledged one by one, in one body; the status is then that of the first that was not accepted.
"""

import hmac
import time
from typing import Any

from libs.hl7v2.batch import split_messages
from services.mllp_gateway.exchange import Exchange
from services.mllp_gateway.limits import Limits
from services.mllp_gateway.listeners import Listener
from services.mllp_gateway.receiver import Receiver
from services.mllp_gateway.sequence import Sequence

CONTENT_TYPES = (
    b"application/hl7-v2",
    b"x-application/hl7-v2+er7",
    b"text/plain",
    b"application/octet-stream",
)
RETRY_AFTER = b"2"  # seconds


class Ingest:
    def __init__(self, listener: Listener, receiver: Receiver, limits: Limits, token: str | None) -> None:
        """`token`: what a sender must show as `Authorization: Bearer`; None lets anyone in."""
        self.max_body = listener.max_message
        self._listener = listener
        self._receiver = receiver
        self._limits = limits
        self._token = token

    def take(self, request: Any) -> None:
        """Receive the messages of a request, and finish it once all are answered."""
        content_type = (request.getHeader(b"content-type") or b"").partition(b";")[0].strip().lower()
        if request.method != b"POST":
            request.setHeader(b"Allow", b"POST")
            _finish(request, 405, b"send the message with POST\n")
        elif not self._is_allowed(request.getHeader(b"authorization") or b""):
            request.setHeader(b"WWW-Authenticate", b"Bearer")
            _finish(request, 401, b"show the token of EHR_HL7_HTTP_TOKEN as a bearer token\n")
        elif content_type not in CONTENT_TYPES:
            _finish(request, 415, b"send the message as application/hl7-v2\n")
        elif self._limits.is_full:
            request.setHeader(b"Retry-After", RETRY_AFTER)
            _finish(request, 503, b"too many messages wait for storage; send it again\n")
        else:
            body = request.content.read()
            client = _HttpClient(request, self._listener)
            client.receive(split_messages(body) or [body], self._receiver)

    def _is_allowed(self, authorization: bytes) -> bool:
        if self._token is None:
            return True
        scheme, _, shown = authorization.partition(b" ")
        return scheme.lower() == b"bearer" and hmac.compare_digest(shown.strip(), self._token.encode())


class _HttpClient:
    """One request: it is answered when all of its messages are."""

    def __init__(self, request: Any, listener: Listener) -> None:
        peer = request.getClientAddress()
        self.listener = listener
        self.organization = listener.organization or ""
        self.address = f"{peer.host}:{peer.port}"
        self.sequence = Sequence()
        self._request: Any = request
        self._exchanges: list[Exchange] = []
        request.notifyFinish().addErrback(self._gone)

    def receive(self, bodies: list[bytes], receiver: Receiver) -> None:
        now = time.monotonic()
        self._exchanges = [Exchange(self, len(body), now) for body in bodies]
        for body, exchange in zip(bodies, self._exchanges, strict=True):
            receiver.receive(body, exchange)
        self.answer()

    def answer(self) -> None:
        if self._request is None or not all(exchange.settled for exchange in self._exchanges):
            return
        request, self._request = self._request, None
        status = next((s for s in map(_status, self._exchanges) if s != 200), 200)
        answers = b"".join(exchange.answer or b"" for exchange in self._exchanges)
        if status == 503:
            request.setHeader(b"Retry-After", RETRY_AFTER)
        if status == 200 and not answers:
            _finish(request, 204, b"")
        elif answers:
            _finish(request, status, answers, CONTENT_TYPES[0])
        else:
            _finish(request, status, b"the message was not accepted; the sender has to send it again\n")

    def _gone(self, _: object) -> None:
        self._request = None


def _status(exchange: Exchange) -> int:
    if not exchange.reason or exchange.code in ("AA", "CA"):
        return 200
    if exchange.reason == "storage_down":
        return 503
    return 422 if exchange.code in ("AE", "CE") else 400


def _finish(request: Any, status: int, body: bytes, content_type: bytes = b"text/plain") -> None:
    request.setResponseCode(status)
    if body:
        request.setHeader(b"Content-Type", content_type)
    request.setHeader(b"Content-Length", str(len(body)).encode())
    request.write(body)
    request.finish()
