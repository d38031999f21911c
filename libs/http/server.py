"""The process of an HTTP service: its port, its signals, uvicorn."""

import signal
import socket
import sys
from types import FrameType

import uvicorn
from uvicorn.supervisors import Multiprocess

from libs.health import counting_together
from libs.http.protocol import BoundedHttpProtocol

DRAIN = 3  # seconds that requests under way get after SIGTERM


def serve(
    service: str,
    factory: str,
    protocol: type[BoundedHttpProtocol],
    *,
    address: str,
    port: tuple[str, int],
    workers: int = 1,
) -> None:
    """Serve until SIGTERM or SIGINT, which ends the process with status 0.

    `factory` names a function without arguments, `module:function`, that makes the application; `port` is
    the variable that sets it and its number. A port that cannot be had ends the process with one line.
    """
    listener = _listen(address, *port)
    signal.signal(signal.SIGTERM, _stopped)  # uvicorn drains first and then hands the signal on
    signal.signal(signal.SIGINT, _stopped)
    config = uvicorn.Config(
        factory,
        factory=True,
        workers=workers,
        loop="uvloop",
        http=protocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=DRAIN,
    )
    if workers == 1:
        uvicorn.Server(config).run([listener])
    else:
        with counting_together(service):
            Multiprocess(config, [listener]).run()


def _listen(address: str, variable: str, port: int) -> socket.socket:
    """The port, or one line that says why not, and the end."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
    except OSError as error:
        print(f"{variable}={port}: cannot listen on {address}: {error.strerror}", file=sys.stderr)
        raise SystemExit(1) from None
    listener.set_inheritable(True)
    return listener


def _stopped(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)
