"""One MLLP connection: bytes in, messages to the receiver, answers out in the order of the messages."""

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IHalfCloseableProtocol, IHandshakeListener, IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer  # type: ignore[import-untyped]

from libs.hl7v2.mllp import GRACE, ForeignProtocol, FrameTooLarge, frame
from libs.log import get_logger
from libs.metrics import MLLP_BYTES, MLLP_DROPPED
from services.mllp_gateway.exchange import Block, Exchange
from services.mllp_gateway.incoming import Incoming
from services.mllp_gateway.limits import Limits
from services.mllp_gateway.listeners import Listener
from services.mllp_gateway.receiver import Receiver
from services.mllp_gateway.sequence import Sequence
from services.mllp_gateway.tls import names_of
from services.mllp_gateway.turns import Turns, turn_end

MAX_UNANSWERED = 1_000  # messages of one connection; it is not read while it has more
LINGER = 1.0  # seconds that a peer may take to close after our last answer
MAX_GARBAGE = 65_536  # bytes without any message, after which a peer is not taken for an HL7 sender

_PEER = "peer does not read"

log = get_logger(__name__)


@implementer(IHalfCloseableProtocol, IHandshakeListener, IPushProducer)
class MllpProtocol(Protocol):
    """The connection is not read while its peer does not read answers, while it has too many messages
    unanswered, or while the gateway as a whole holds too much: so memory stays bounded. What was read is
    taken in turns, under the same conditions: a frame may hold more messages than can be taken at once."""

    transport: Any  # a TCP or TLS transport: more than ITransport

    def __init__(
        self,
        *,
        listener: Listener,
        receiver: Receiver,
        limits: Limits,
        reactor: Any,
        turns: Turns,
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
        self._turns = turns
        self._gone = gone
        self._incoming = Incoming(listener, limits, lambda block: receiver.end(block, self))
        self._unanswered: deque[Exchange] = deque()
        self._busy = False  # there may be messages that have arrived and are not taken yet
        self._awaits_turn = False
        self._last_turn = self._last_heard = time.monotonic()
        self._grace: Any = None  # the timer of a lone FS
        self._linger: Any = None  # the timer of a connection that has ended
        self._paused: set[str] = set()  # why nothing is taken and read now
        self._reading = True
        self._taking = True  # False once nothing more is taken from this connection
        self._leaving = False  # it ends once everything is answered
        self._ended = False
        self._secured = listener.tls is None
        self._answered = False  # some answer was sent
        self._bytes = MLLP_BYTES.labels(listener.name)

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
        self._last_heard = time.monotonic()
        self._incoming.feed(data, self._last_heard)
        self._take()

    def readConnectionLost(self) -> None:
        """The peer sends nothing more; what it sent wholly is answered before we leave."""
        if self._ended:
            self.transport.loseConnection()
            return
        self._incoming.silent = True
        self._take()
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
        self._abandon()
        self._unanswered.clear()
        self._gone(self)

    def pauseProducing(self) -> None:
        self._pause(_PEER)

    def resumeProducing(self) -> None:
        self._resume(_PEER)

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
            self._abandon()
            self._unanswered.clear()
        elif len(self._unanswered) <= MAX_UNANSWERED // 2:
            self._resume("unanswered")
        self._end_if_leaving()

    def memory_available(self) -> None:
        self._resume("memory")

    def leave(self) -> None:
        """End the connection once what has wholly arrived, and the frame that is open, is answered."""
        self._leaving = True
        if not self._busy:
            self._wind_up()
        self._end_if_leaving()

    def check_time(self, now: float) -> None:
        """End a connection that is silent for too long, or whose message does not become whole.

        So ends one whose peer keeps us from taking what it sent, because it does not read our answers.
        """
        if self._busy and _PEER in self._paused and now - self._last_turn > self.listener.frame_timeout:
            MLLP_DROPPED.labels("answers_not_read").inc()
            self.transport.abortConnection()
            return
        if not self._taking or self._paused or self._busy:
            return
        if not self._secured and now - self._last_turn > self.listener.frame_timeout:
            self.transport.abortConnection()
            return
        idle_timeout = self.listener.idle_timeout
        if self._incoming.in_frame and now - self._incoming.frame_began > self.listener.frame_timeout:
            self._drop("frame_timeout")
        elif idle_timeout and not self._unanswered and now - self._last_turn > idle_timeout:
            self._drop("idle_timeout")
        self._end_if_leaving()

    # The parts of these.

    def _take(self) -> None:
        """Take what has arrived, as much as a turn allows at once."""
        if not self._busy:
            self._busy = True
            self._turn()

    def _turn(self) -> None:
        self._awaits_turn = False
        if not self._busy:
            return
        try:
            self._busy = self._take_until(turn_end())
        except FrameTooLarge as error:
            self._busy = False
            self._refuse_oversize(error.head)
        except ForeignProtocol as error:
            self._busy = False
            self._drop(error.protocol.lower())
        except Exception:
            self.transport.abortConnection()  # or it would stay, and nothing of it be taken
            raise
        self._last_turn = time.monotonic()
        self._incoming.measure()
        if not self._busy:
            self._wait_for_more()
        self.answer()
        self._go_on()

    def _take_until(self, end: float) -> bool:
        """Take messages; False when there is no other."""
        while not self._paused and time.monotonic() < end:
            message = self._incoming.take()
            if message is None:
                return False
            self._receive(*message)
        return True

    def _receive(self, body: bytes, block: Block) -> None:
        exchange = Exchange(self, block, len(body), self._last_heard)
        self._unanswered.append(exchange)
        self._receiver.receive(body, exchange)
        if len(self._unanswered) >= MAX_UNANSWERED:
            self._pause("unanswered")
        if self._limits.is_full and "memory" not in self._paused:
            self._pause("memory")
            self._limits.wait(self)

    def _wait_for_more(self) -> None:
        """Everything that has arrived is taken."""
        if self._leaving:
            self._wind_up()
        self._drop_intruders()
        if self._taking and self._incoming.awaiting_cr:
            self._grace = self._reactor.callLater(GRACE, self._grace_elapsed)

    def _wind_up(self) -> None:
        self._incoming.open_frame_only = True
        self._taking = self._taking and self._incoming.in_frame

    def _abandon(self) -> None:
        """Take nothing of what has arrived and is not taken yet."""
        self._incoming.abandon()
        self._busy = False

    def _refuse_oversize(self, head: bytes) -> None:
        exchange = Exchange(self, Block(), len(head), self._last_heard)
        exchange.closes = True
        self._unanswered.append(exchange)
        self._receiver.refuse_oversize(head, exchange, self.listener.max_message)

    def _drop_intruders(self) -> None:
        """End a connection that takes memory or time without becoming a message."""
        if self._incoming.in_frame and self._limits.is_overrun:
            self._drop("memory")
        elif not self._incoming.in_frame and self._incoming.garbage > MAX_GARBAGE:
            self._drop("garbage")

    def _grace_elapsed(self) -> None:
        self._grace = None
        self._incoming.silent = True
        self._take()

    def _pause(self, reason: str) -> None:
        self._paused.add(reason)
        self._stop_reading()

    def _resume(self, reason: str) -> None:
        if reason in self._paused:
            self._paused.remove(reason)
            self._go_on()

    def _go_on(self) -> None:
        """Take what has arrived, and then read on, unless there is a reason to wait."""
        if self._busy:
            self._stop_reading()
            if not self._paused and not self._awaits_turn:
                self._awaits_turn = True
                self._turns.wait(self._turn)
        elif not self._paused and not self._reading and self._taking:
            self._reading = True
            self._incoming.frame_began = time.monotonic()  # it was we who kept the rest of the frame waiting
            self.transport.resumeProducing()

    def _stop_reading(self) -> None:
        if self._reading:
            self._reading = False
            self.transport.pauseProducing()

    def _drop(self, reason: str) -> None:
        """Take nothing more from this connection, and end it once what it sent wholly is answered."""
        if self._taking:
            self._taking = False
            self._leaving = True
            MLLP_DROPPED.labels(reason).inc()

    def _end_if_leaving(self) -> None:
        if not self._leaving or self._ended or self._busy or self._unanswered:
            return
        if self._taking and self._incoming.in_frame:
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
