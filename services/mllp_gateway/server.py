"""The gateway as a whole: its ports, its connections, its start and its end."""

import socket
import time
from typing import Any

from twisted.internet import defer, task
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.protocol import Factory
from twisted.web.server import Site

from libs.log import get_logger
from libs.metrics import MLLP_CONNECTIONS, MLLP_DROPPED
from services.mllp_gateway.http import Root
from services.mllp_gateway.limits import Limits
from services.mllp_gateway.listeners import Listener
from services.mllp_gateway.protocol import MllpProtocol
from services.mllp_gateway.receiver import Receiver
from services.mllp_gateway.storage import Storage

BACKLOG = 1024  # connections that may wait for us
CHECK_INTERVAL = 0.5  # seconds between two looks at frames that do not become whole
ARRIVAL = 0.1  # seconds, at the stop, for what the kernel has received to be read
STOP_WITHIN = 2.5  # seconds until the connections that are still open are ended

log = get_logger(__name__)


class CannotListen(Exception):
    """A port cannot be opened; the text is one line that says which and why."""


class Gateway:
    def __init__(self, reactor: Any, receiver: Receiver, storage: Storage, limits: Limits) -> None:
        self._reactor = reactor
        self._receiver = receiver
        self._storage = storage
        self._limits = limits
        self._connections: set[MllpProtocol] = set()
        self._ports: list[Any] = []
        self._clock = task.LoopingCall(self._check_times)
        self._clock.clock = reactor
        self._stopping = False

    def start(self, listeners: list[Listener], http_address: str, http_port: int) -> None:
        """Open every port. Raises CannotListen."""
        self._storage.start()
        self._clock.start(CHECK_INTERVAL, now=False)
        for listener in listeners:
            factory = _MllpFactory(self, listener)
            self._ports.append(self._listen(listener.address, listener.port, factory))
            log.info("listening", listener=listener.name, port=self._ports[-1].getHost().port)
        checks = {"redis": lambda: self._storage.problem, "mllp": self._problem}
        site = Site(Root(checks))  # type: ignore[no-untyped-call]
        self._ports.append(self._listen(http_address, http_port, site))
        log.info("listening", listener="http", port=self._ports[-1].getHost().port)

    @defer.inlineCallbacks
    def stop(self) -> Any:
        """Accept nothing more, answer what has wholly arrived, close; fires within about 4 seconds."""
        self._stopping = True
        mllp, http = self._ports[:-1], self._ports[-1:]
        for port in mllp:
            yield defer.maybeDeferred(port.stopListening)
        yield task.deferLater(self._reactor, ARRIVAL)
        for connection in list(self._connections):
            connection.leave()
        deadline = time.monotonic() + STOP_WITHIN
        while self._connections and time.monotonic() < deadline:
            yield task.deferLater(self._reactor, 0.02)
        if self._connections:
            log.warning("connections cut", number=len(self._connections))
        for connection in list(self._connections):
            connection.transport.abortConnection()
        self._clock.stop()
        yield self._storage.stop()
        for port in http:
            yield defer.maybeDeferred(port.stopListening)

    def connect(self, listener: Listener, address: str) -> MllpProtocol | None:
        """The protocol of a new connection; None when there are too many."""
        if not self._limits.enter(address):
            MLLP_DROPPED.labels("too_many_connections").inc()
            return None
        MLLP_CONNECTIONS.inc()

        def gone(protocol: MllpProtocol) -> None:
            MLLP_CONNECTIONS.dec()
            self._limits.leave(address)
            self._connections.discard(protocol)

        protocol = MllpProtocol(listener, self._receiver, self._limits, self._reactor, gone)
        self._connections.add(protocol)
        return protocol

    def _problem(self) -> str | None:
        return "stopping" if self._stopping else None

    def _check_times(self) -> None:
        now = time.monotonic()
        for connection in list(self._connections):
            connection.check_time(now)

    def _listen(self, address: str, port: int, factory: Any) -> Any:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        server = socket.socket(family, socket.SOCK_STREAM)
        try:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            _keep_alive(server)
            server.bind((address, port))
            server.listen(BACKLOG)
            server.setblocking(False)
            return self._reactor.adoptStreamPort(server.fileno(), family, factory)
        except OSError as error:
            raise CannotListen(f"port {port} of {address} cannot be opened: {error.strerror}") from error
        finally:
            server.close()  # the reactor has a descriptor of its own


class _MllpFactory(Factory):
    noisy = False

    def __init__(self, gateway: Gateway, listener: Listener) -> None:
        self._gateway = gateway
        self._listener = listener

    def buildProtocol(self, addr: IPv4Address | IPv6Address) -> MllpProtocol | None:  # type: ignore[override]
        return self._gateway.connect(self._listener, addr.host)


def _keep_alive(server: socket.socket) -> None:
    """Find dead peers in about two minutes, and send answers at once; accepted sockets inherit it."""
    server.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, name):
            server.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
