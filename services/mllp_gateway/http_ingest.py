"""HL7 over HTTP: `POST /hl7` with `application/hl7-v2`; the acknowledgement comes back as the body.

The status tells what the acknowledgement does, for senders that look no further: 200 accepted, 422 the
content is at fault (AE), 400 the header is (AR), 503 try again. Several messages in one body are
acknowledged one by one, in one body; the status is then that of the first that was not accepted.
"""

import hmac
import time
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

from libs.hl7v2.batch import split_messages
from services.mllp_gateway.exchange import Block, Exchange
from services.mllp_gateway.limits import Limits
from services.mllp_gateway.listeners import Listener
from services.mllp_gateway.receiver import Receiver
from services.mllp_gateway.sequence import Sequence
from services.mllp_gateway.turns import Turns, turn_end

CONTENT_TYPES = (
    b"application/hl7-v2",
    b"x-application/hl7-v2+er7",
    b"text/plain",
    b"application/octet-stream",
)
RETRY_AFTER = b"2"  # seconds
MOST_MESSAGES = 10_000  # of one request: none is answered before all are, so all of them are held


class Ingest:
    def __init__(
        self, listener: Listener, receiver: Receiver, limits: Limits, turns: Turns, token: str | None
    ) -> None:
        """`token`: what a sender must show as `Authorization: Bearer`; None lets anyone in."""
        self.max_body = listener.max_message
        self._listener = listener
        self._receiver = receiver
        self._limits = limits
        self._turns = turns
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
            self._receive(request, request.content.read())

    def _receive(self, request: Any, body: bytes) -> None:
        if next(islice(split_messages(body), MOST_MESSAGES, None), None) is not None:
            text = f"more than {MOST_MESSAGES} messages in one request; send them in several\n"
            _finish(request, 413, text.encode())
            return
        messages = split_messages(body)
        client = _HttpClient(
            request,
            chain((next(messages, body),), messages),  # an empty batch is refused, not passed over
            listener=self._listener,
            receiver=self._receiver,
            limits=self._limits,
            turns=self._turns,
        )
        client.turn()

    def _is_allowed(self, authorization: bytes) -> bool:
        if self._token is None:
            return True
        scheme, _, shown = authorization.partition(b" ")
        return scheme.lower() == b"bearer" and hmac.compare_digest(shown.strip(), self._token.encode())


class _HttpClient:
    """One request: it is answered when all of its messages are."""

    def __init__(
        self,
        request: Any,
        messages: Iterator[bytes],
        *,
        listener: Listener,
        receiver: Receiver,
        limits: Limits,
        turns: Turns,
    ) -> None:
        peer = request.getClientAddress()
        self.listener = listener
        self.organization = listener.organization or ""
        self.address = f"{peer.host}:{peer.port}"
        self.sequence = Sequence()
        self._request: Any = request
        self._messages = messages
        self._receiver = receiver
        self._limits = limits
        self._turns = turns
        self._arrived = time.monotonic()
        self._block = Block()
        self._exchanges: list[Exchange] = []
        request.notifyFinish().addErrback(self._gone)

    def turn(self) -> None:
        """Take messages, until the turn is over or the gateway holds too much; then wait for another."""
        end = turn_end()
        while self._request is not None and (body := next(self._messages, None)) is not None:
            exchange = Exchange(self, self._block, len(body), self._arrived)
            self._exchanges.append(exchange)
            self._receiver.receive(body, exchange)
            if self._limits.is_full:
                self._limits.wait(self)
                return
            if time.monotonic() > end:
                self._turns.wait(self.turn)
                return
        self._receiver.end(self._block, self)
        self.answer()

    def memory_available(self) -> None:
        self._turns.wait(self.turn)

    def answer(self) -> None:
        if self._request is None or not self._block.whole:
            return
        if not all(exchange.settled for exchange in self._exchanges):
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
        elif status == 503:
            _finish(request, status, b"the message was not accepted; the sender has to send it again\n")
        else:
            _finish(request, status, b"the message was not accepted\n")

    def _gone(self, _: object) -> None:
        self._request = None


def _status(exchange: Exchange) -> int:
    if exchange.reason in ("", "unexpected_ack") or exchange.code in ("AA", "CA"):
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
