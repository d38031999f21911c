"""Listening sockets, as an interface to hospitals needs them."""

import contextlib
import errno
import os
import resource
import socket
from typing import Any

from twisted.internet.endpoints import AdoptedStreamServerEndpoint

from services.mllp_gateway.proxies import ProxiedFactory

BACKLOG = 1024  # connections that may wait for us


class CannotListen(Exception):
    """A port cannot be opened; the text is one line that says which and why."""


def open_port(reactor: Any, address: str, port: int, factory: Any, *, proxy: bool, reuse: bool) -> Any:
    """Listen on `address:port`; the port, to be closed by its `stopListening`.

    `proxy`: each connection starts with a PROXY line. `reuse`: other processes may open the same port,
    if they ask for it too; the kernel then spreads new connections over them. Raises CannotListen.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    server = socket.socket(family, socket.SOCK_STREAM)
    try:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        _keep_alive(server)
        server.bind((address, port))
        server.listen(BACKLOG)
    except OSError as error:
        server.close()
        reason = "it is in use" if error.errno == errno.EADDRINUSE else os.strerror(error.errno or 0)
        raise CannotListen(f"port {port} of {address} cannot be opened: {reason}") from error
    endpoint: Any = AdoptedStreamServerEndpoint(reactor, server.detach(), family)  # type: ignore[no-untyped-call]
    if proxy:
        factory = ProxiedFactory(factory)  # type: ignore[no-untyped-call]
    opened: list[Any] = []
    endpoint.listen(factory).addCallback(opened.append)  # at once: the socket listens already
    return opened[0]


def raise_descriptor_limit() -> None:
    """Let this process hold as many connections as the system allows; the usual limit of 1,024 is few."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # macOS says "infinite" and means less
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _keep_alive(server: socket.socket) -> None:
    """Find dead peers in about two minutes, and send answers at once; accepted sockets inherit it."""
    server.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, name):
            server.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
