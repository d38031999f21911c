"""One MLLP connection: bytes in, messages to the receiver, answers out in the order of the messages."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from twisted.internet.interfaces import IHalfCloseableProtocol, IHandshakeListener, IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer  # type: ignore[import-untyped]

from libs.hl7v2.batch import split_messages
from libs.hl7v2.mllp import GRACE, ForeignProtocol, FrameDecoder, FrameTooLarge, frame
from libs.log import get_logger
from libs.metrics import MLLP_BYTES, MLLP_DROPPED, MLLP_FRAMES, MLLP_QUIRKS
from services.mllp_gateway.exchange import Exchange
from services.mllp_gateway.limits import Limits
from services.mllp_gateway.listeners import Listener
from services.mllp_gateway.receiver import Receiver
from services.mllp_gateway.sequence import Sequence
from services.mllp_gateway.tls import names_of

MAX_UNANSWERED = 1_000  # messages of one connection; it is not read while it has more
LINGER = 1.0  # seconds that a peer may take to close after our last answer
MAX_GARBAGE = 65_536  # bytes without any message, after which a peer is not taken for an HL7 sender

log = get_logger(__name__)


@implementer(IHalfCloseableProtocol, IHandshakeListener, IPushProducer)
class MllpProtocol(Protocol):
    """The connection is not read while its peer does not read answers, while it has too many messages
    unanswered, or while the gateway as a whole holds too much: so memory stays bounded."""

    transport: Any  # a TCP or TLS transport: more than ITransport

    def __init__(
        self,
        listener: Listener,
        receiver: Receiver,
        limits: Limits,
        reactor: Any,
        gone: Callable[["MllpProtocol"], None],
    ) -> None:
        """`gone` is called when the connection has ended."""
        self.listener = listener
        self.organization = listener.organization or ""
        self.address = ""
        self.sequence = Sequence()
        self._receiver = receiver
        self._limits = limits
        self._reactor = reactor
        self._gone = gone
        self._decoder = FrameDecoder(listener.max_message)
        self._unanswered: deque[Exchange] = deque()
        self._incomplete = 0  # bytes of the frame that is open
        self._last_heard = time.monotonic()
        self._frame_began = 0.0  # monotonic seconds; of the open frame
        self._garbage = 0  # bytes outside messages since the last message, less the decoder's total
        self._grace: Any = None  # the timer of a lone FS
        self._linger: Any = None  # the timer of a connection that has ended
        self._paused: set[str] = set()  # why the connection is not read now
        self._taking = True  # False once nothing more is taken from this connection
        self._leaving = False  # it ends once everything is answered
        self._ended = False
        self._secured = listener.tls is None
        self._answered = False  # some answer was sent
        self._bytes = MLLP_BYTES.labels(listener.name)
        self._frames = MLLP_FRAMES.labels(listener.name)

    # Twisted calls these.

    def connectionMade(self) -> None:
        self.transport.registerProducer(self, True)

    def handshakeCompleted(self) -> None:
        """TLS is up: who is it?"""
        self._secured = True
        clients = self.listener.tls.clients if self.listener.tls else {}
        if clients:
            names = names_of(self.transport.getPeerCertificate())
            organization = next((clients[name] for name in names if name in clients), None)
            if organization is None:
                self._drop("unknown_client")
                self.transport.abortConnection()
            else:
                self.organization = organization

    def dataReceived(self, data: bytes) -> None:
        self._bytes.inc(len(data))
        if not self.address:
            # Only now: a proxy says the sender's own address in front of the first data.
            peer = self.transport.getPeer()
            self.address = f"{peer.host}:{peer.port}"
        if not self._taking:
            return
        if self._grace:
            self._grace.cancel()
            self._grace = None
        self._take(self._decoder.feed(data), len(data))

    def readConnectionLost(self) -> None:
        """The peer sends nothing more; what it sent wholly is answered before we leave."""
        if self._ended:
            self.transport.loseConnection()
            return
        self._take(self._decoder.grace_elapsed(), 0)
        self._taking = False
        self.leave()

    def writeConnectionLost(self) -> None:
        """Our last answer is on its way."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        for timer in (self._grace, self._linger):
            if timer and timer.active():
                timer.cancel()
        if not self._secured:
            MLLP_DROPPED.labels("tls_handshake").inc()
            log.info("tls handshake failed", listener=self.listener.name, reason=type(reason.value).__name__)
        self._taking = False
        self._decoder.close()
        self._count_quirks()
        self._measure_incomplete(0)
        self._unanswered.clear()
        self._gone(self)

    def pauseProducing(self) -> None:
        self._pause("peer does not read")

    def resumeProducing(self) -> None:
        self._resume("peer does not read")

    def stopProducing(self) -> None:
        """The transport is closing."""

    # The receiver and the server call these.

    def answer(self) -> None:
        """Send the answers that are due: those before which none is missing."""
        answers, ends = [], False
        while self._unanswered and self._unanswered[0].settled and not ends:
            exchange = self._unanswered.popleft()
            if exchange.answer is not None:
                answers.append(frame(exchange.answer))
            ends = exchange.closes
        if answers:
            self.transport.write(b"".join(answers))
            self._answered = True
        if ends:
            self._drop(exchange.reason)
            self._unanswered.clear()
        elif len(self._unanswered) <= MAX_UNANSWERED // 2:
            self._resume("unanswered")
        self._end_if_leaving()

    def memory_available(self) -> None:
        self._resume("memory")

    def leave(self) -> None:
        """End the connection once what has wholly arrived, and the frame that is open, is answered."""
        self._leaving = True
        if not self._decoder.in_frame:
            self._taking = False
        self._end_if_leaving()

    def check_time(self, now: float) -> None:
        """End a connection that is silent for too long, or whose message does not become whole."""
        if not self._taking or self._paused:
            return
        if not self._secured and now - self._last_heard > self.listener.frame_timeout:
            self.transport.abortConnection()
            return
        idle_timeout = self.listener.idle_timeout
        if self._decoder.in_frame and now - self._frame_began > self.listener.frame_timeout:
            self._drop("frame_timeout")
        elif idle_timeout and not self._unanswered and now - self._last_heard > idle_timeout:
            self._drop("idle_timeout")
        self._end_if_leaving()

    # The parts of these.

    def _take(self, frames: Iterator[bytes], received: int) -> None:
        now = self._last_heard = time.monotonic()
        was_open, complete = self._decoder.in_frame, False
        try:
            for content in frames:
                complete = True
                self._frames.inc()
                self._receive(content, now)
                if not self._taking:
                    break
        except FrameTooLarge as error:
            self._refuse_oversize(error.head, now)
        except ForeignProtocol as error:
            self._drop(error.protocol.lower())
        self._count_quirks()
        if complete:
            self._garbage = -self._decoder.dropped
        if complete or not was_open:
            self._frame_began = now
        self._measure_incomplete(received if complete else self._incomplete + received)
        self._drop_intruders()
        if self._taking and self._decoder.awaiting_cr:
            self._grace = self._reactor.callLater(GRACE, self._grace_elapsed)
        self.answer()

    def _receive(self, content: bytes, now: float) -> None:
        for body in split_messages(content) or [content]:  # an empty batch is refused, not passed over
            exchange = Exchange(self, len(body), now)
            self._unanswered.append(exchange)
            self._receiver.receive(body, exchange)
        if self._leaving:
            self._taking = False
        if len(self._unanswered) >= MAX_UNANSWERED:
            self._pause("unanswered")
        if self._limits.is_full and "memory" not in self._paused:
            self._pause("memory")
            self._limits.wait(self)

    def _refuse_oversize(self, head: bytes, now: float) -> None:
        exchange = Exchange(self, len(head), now)
        exchange.closes = True
        self._unanswered.append(exchange)
        self._receiver.refuse_oversize(head, exchange, self.listener.max_message)

    def _measure_incomplete(self, size: int) -> None:
        size = size if self._decoder.in_frame else 0
        self._limits.incomplete += size - self._incomplete
        self._incomplete = size

    def _drop_intruders(self) -> None:
        """End a connection that takes memory or time without becoming a message."""
        if self._incomplete and self._limits.is_overrun:
            self._drop("memory")
        elif not self._decoder.in_frame and self._garbage + self._decoder.dropped > MAX_GARBAGE:
            self._drop("garbage")

    def _grace_elapsed(self) -> None:
        self._grace = None
        self._take(self._decoder.grace_elapsed(), 0)

    def _count_quirks(self) -> None:
        if self._decoder.quirks:
            for kind, number in self._decoder.quirks.items():
                MLLP_QUIRKS.labels(kind).inc(number)
            self._decoder.quirks.clear()

    def _pause(self, reason: str) -> None:
        if not self._paused:
            self.transport.pauseProducing()
        self._paused.add(reason)

    def _resume(self, reason: str) -> None:
        if reason in self._paused:
            self._paused.remove(reason)
            if not self._paused and self._taking:
                self._frame_began = time.monotonic()  # it was we who kept the rest of the frame waiting
                self.transport.resumeProducing()

    def _drop(self, reason: str) -> None:
        """Take nothing more from this connection, and end it once what it sent wholly is answered."""
        if self._taking:
            self._taking = False
            self._leaving = True
            MLLP_DROPPED.labels(reason).inc()

    def _end_if_leaving(self) -> None:
        if not self._leaving or self._ended or self._unanswered or (self._taking and self._decoder.in_frame):
            return
        self._taking = False
        self._ended = True
        self.transport.unregisterProducer()
        if self._answered and self.listener.tls is None:
            # A socket closed with bytes unread is reset, and that can destroy an answer on its way.
            self.transport.loseWriteConnection()
            self.transport.resumeProducing()
            self._linger = self._reactor.callLater(LINGER, self.transport.abortConnection)
        else:
            self.transport.loseConnection()
