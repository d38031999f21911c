"""One MLLP connection: bytes in, messages to the receiver, answers out in the order of the messages."""

import time
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IHalfCloseableProtocol, IHandshakeListener, IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer  # type: ignore[import-untyped]

from libs.hl7v2.mllp import GRACE, ForeignProtocol, FrameTooLarge
from libs.log import get_logger
from libs.metrics import MLLP_BYTES, MLLP_DROPPED
from services.mllp_gateway.exchange import Block, Exchange
from services.mllp_gateway.incoming import Incoming
from services.mllp_gateway.limits import Limits
from services.mllp_gateway.listeners import Listener
from services.mllp_gateway.outgoing import Outgoing
from services.mllp_gateway.receiver import Receiver
from services.mllp_gateway.sequence import Sequence
from services.mllp_gateway.tls import failure_reason, organization_of
from services.mllp_gateway.turns import Turns, turn_end

MAX_UNANSWERED = 1_000  # messages of one connection; it is not read while it has more
LINGER = 1.0  # seconds that a peer may take to close after our last answer

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
        self._outgoing = Outgoing()
        self._busy = False  # there may be messages that have arrived and are not taken yet
        self._awaits_turn = False
        self._last_turn = self._last_heard = time.monotonic()
        self._grace: Any = None  # the timer of a lone FS
        self._linger: Any = None  # the timer of a connection that has ended
        self._paused: set[str] = set()  # why nothing is taken and read now
        self._reading = True
        self._taking = True  # False once nothing more is taken from this connection
        self._dropped = False  # we had a reason to end it
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
            organization = organization_of(clients, self.transport.getPeerCertificate())
            if organization is None:
                self._drop("unknown_client")
                self.transport.abortConnection()
            else:
                self.organization = organization

    def dataReceived(self, data: bytes) -> None:
        self._bytes.inc(len(data))
        if not self.address:
            self.address = self._peer()  # only now: a proxy says the sender's own in front of the first data
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
            self._log("tls handshake failed", reason=failure_reason(reason.value))
        self._taking = False
        self._abandon()
        if not self._dropped and self._incoming.garbage and not self._incoming.had_message:
            self._log("no whole message came", bytes=self._incoming.garbage)
        self._outgoing.clear()
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
        answers, last = self._outgoing.due()
        if answers:
            self.transport.write(answers)
            self._answered = True
        if last:
            self._drop(last.reason)
            self._abandon()
            self._outgoing.clear()
        elif len(self._outgoing) <= MAX_UNANSWERED // 2:
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
            self._drop("answers_not_read")
            self.transport.abortConnection()
            return
        if not self._taking or self._paused or self._busy:
            return
        if not self._secured and now - self._last_turn > self.listener.frame_timeout:
            self.transport.abortConnection()
            return
        idle_timeout = self.listener.idle_timeout
        if self._incoming.is_late(now):
            self._drop("frame_timeout")
        elif idle_timeout and not self._outgoing and now - self._last_turn > idle_timeout:
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
            self._drop("too_large")
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
        self._outgoing.expect(exchange)
        self._receiver.receive(body, exchange)
        if len(self._outgoing) >= MAX_UNANSWERED:
            self._pause("unanswered")
        if self._limits.is_full and "memory" not in self._paused:
            self._pause("memory")
            self._limits.wait(self)

    def _wait_for_more(self) -> None:
        """Everything that has arrived is taken."""
        if self._leaving:
            self._wind_up()
        if problem := self._incoming.problem:
            self._drop(problem)
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
        self._outgoing.expect(exchange)
        self._receiver.refuse_oversize(head, exchange, self.listener.max_message)

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
            self._dropped = self._leaving = True
            MLLP_DROPPED.labels(reason).inc()
            self._log("connection dropped", reason=reason)

    def _end_if_leaving(self) -> None:
        if not self._leaving or self._ended or self._busy or self._outgoing:
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

    def _peer(self) -> str:
        peer = self.transport.getPeer()
        return f"{peer.host}:{peer.port}"

    def _log(self, event: str, **facts: object) -> None:
        log.info(event, listener=self.listener.name, peer=self.address or self._peer(), **facts)
