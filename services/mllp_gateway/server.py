"""The gateway as a whole: its ports, its connections, its start and its end."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet import defer, task
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.tls import TLSMemoryBIOFactory

from libs.log import get_logger
from libs.metrics import MLLP_CONNECTIONS, MLLP_DROPPED, MLLP_LISTENER_CONNECTIONS
from services.mllp_gateway.http import GatewaySite
from services.mllp_gateway.http_ingest import Ingest
from services.mllp_gateway.limits import Limits
from services.mllp_gateway.listeners import Listener
from services.mllp_gateway.ports import open_port
from services.mllp_gateway.protocol import MllpProtocol
from services.mllp_gateway.receiver import Receiver
from services.mllp_gateway.storage import Storage
from services.mllp_gateway.tls import TlsContext
from services.mllp_gateway.turns import Turns

CHECK_INTERVAL = 0.5  # seconds between two looks at frames that do not become whole
REFRESH_INTERVAL = 5.0  # seconds between two looks at files that may have changed
ARRIVAL = 0.1  # seconds, at the stop, for what the kernel has received to be read
LOOK_AGAIN = 0.02  # seconds, at the stop
STOP_WITHIN = 2.5  # seconds until the connections that are still open are ended

log = get_logger(__name__)


class Gateway:
    def __init__(
        self,
        reactor: Any,
        receiver: Receiver,
        storage: Storage,
        limits: Limits,
        *,
        reuse_port: bool,
        refresh: Sequence[Callable[[], None]],
    ) -> None:
        """`refresh` is called every few seconds: what reads a file again if it has changed."""
        self._reactor = reactor
        self._receiver = receiver
        self._storage = storage
        self._limits = limits
        self._reuse_port = reuse_port
        self._refresh = list(refresh)
        self._turns = Turns(reactor)
        self._connections: set[MllpProtocol] = set()
        self._mllp_ports: list[Any] = []
        self._http_port: Any = None
        self._timers = [
            self._repeat(self._check_times, CHECK_INTERVAL),
            self._repeat(self._look_at_files, REFRESH_INTERVAL),
        ]
        self._stopping = False

    def start(self, listeners: Sequence[Listener], http: Listener, http_token: str | None) -> None:
        """Open every port. Raises CannotListen, BadCertificate."""
        self._storage.start()
        for listener in listeners:
            factory: Any = _MllpFactory(self, listener)
            if listener.tls:
                context: Any = TlsContext(listener.tls)
                self._refresh.append(context.refresh)
                factory = TLSMemoryBIOFactory(context, False, factory)
            port = self._open(listener.address, listener.port, factory, listener.proxy)
            self._mllp_ports.append(port)
            log.info("listening", listener=listener.name, port=port.getHost().port)
        checks = {"redis": lambda: self._storage.problem, "mllp": self._problem}
        ingest = Ingest(http, self._receiver, self._limits, self._turns, http_token)
        site = GatewaySite(checks, ingest, self._limits)
        self._http_port = self._open(http.address, http.port, site, proxy=False)
        log.info("listening", listener="http", port=self._http_port.getHost().port)

    @defer.inlineCallbacks
    def stop(self) -> Any:
        """Accept nothing more, answer what has wholly arrived, close; fires within about 4 seconds."""
        self._stopping = True
        for port in self._mllp_ports:
            yield defer.maybeDeferred(port.stopListening)
        yield task.deferLater(self._reactor, ARRIVAL)
        for connection in list(self._connections):
            connection.leave()
        deadline = time.monotonic() + STOP_WITHIN
        # What came over HTTP has no connection here, but is being stored as all of it is.
        while (self._connections or not self._receiver.writer.is_idle) and time.monotonic() < deadline:
            yield task.deferLater(self._reactor, LOOK_AGAIN)
        yield task.deferLater(self._reactor, LOOK_AGAIN)  # for the last answers to leave
        if self._connections:
            log.warning("connections cut", number=len(self._connections))
        for connection in list(self._connections):
            connection.transport.abortConnection()
        for timer in self._timers:
            timer.stop()
        yield self._storage.stop()
        yield defer.maybeDeferred(self._http_port.stopListening)

    def connect(self, listener: Listener, address: str) -> Protocol:
        """The protocol of a new connection."""
        # Behind a proxy every connection has the proxy's address: there the proxy limits its clients.
        counted = "" if listener.proxy else address
        if self._is_taken(listener) or not self._limits.enter(counted):
            MLLP_DROPPED.labels("too_many_connections").inc()
            return _Refused()
        MLLP_CONNECTIONS.inc()
        MLLP_LISTENER_CONNECTIONS.labels(listener.name).inc()

        def gone(protocol: MllpProtocol) -> None:
            MLLP_CONNECTIONS.dec()
            MLLP_LISTENER_CONNECTIONS.labels(listener.name).dec()
            self._limits.leave(counted)
            self._connections.discard(protocol)

        protocol = MllpProtocol(
            listener=listener,
            receiver=self._receiver,
            limits=self._limits,
            reactor=self._reactor,
            turns=self._turns,
            gone=gone,
        )
        self._connections.add(protocol)
        return protocol

    def _is_taken(self, listener: Listener) -> bool:
        """Whether a port has as many connections as it may."""
        if listener.max_connections is None:
            return False
        present = sum(connection.listener is listener for connection in self._connections)
        return present >= listener.max_connections

    def _problem(self) -> str | None:
        return "stopping" if self._stopping else None

    def _open(self, address: str, port: int, factory: Any, proxy: bool) -> Any:
        return open_port(self._reactor, address, port, factory, proxy=proxy, reuse=self._reuse_port)

    def _repeat(self, function: Callable[[], None], interval: float) -> task.LoopingCall:
        call = task.LoopingCall(function)
        call.clock = self._reactor
        call.start(interval, now=False)
        return call

    def _check_times(self) -> None:
        now = time.monotonic()
        for connection in list(self._connections):
            connection.check_time(now)

    def _look_at_files(self) -> None:
        for refresh in self._refresh:
            refresh()


class _MllpFactory(Factory):
    noisy = False

    def __init__(self, gateway: Gateway, listener: Listener) -> None:
        self._gateway = gateway
        self._listener = listener

    def buildProtocol(self, addr: IPv4Address | IPv6Address) -> Protocol:  # type: ignore[override]
        return self._gateway.connect(self._listener, addr.host)


class _Refused(Protocol):
    """A connection too many."""

    transport: Any

    def connectionMade(self) -> None:
        self.transport.abortConnection()
