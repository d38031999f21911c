"""Whether the ports that the services will listen on are free."""

import errno
import socket
from contextlib import closing

from infra.local.environment import LocalSettings
from libs.embedded.process import NotStarted


def require_free(settings: LocalSettings) -> None:
    """Raises NotStarted naming the first port that cannot be had, and the variable that moves it."""
    ports = settings.ports()
    for name, port in ports.items():
        if list(ports.values()).count(port) > 1:
            raise NotStarted(f"port {port} is asked for twice: set {name} to another one")
        if problem := _problem(settings.bind, port):
            raise NotStarted(f"port {port} {problem}: set {name} to another one")


def _problem(address: str, port: int) -> str | None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with closing(socket.socket(family)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return "is in use"
            return f"on {address} cannot be had ({error.strerror})"
    return None
