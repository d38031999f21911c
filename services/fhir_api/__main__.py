"""Runs the FHIR API: `python -m services.fhir_api`."""

import signal
import socket
import sys
from types import FrameType

import uvicorn
from uvicorn.supervisors import Multiprocess

from libs import log
from libs.health import counting_together
from libs.settings import load
from services.fhir_api.protocol import FhirHttpProtocol
from services.fhir_api.settings import Settings

DRAIN = 3  # seconds that requests under way get after SIGTERM


def main() -> None:
    settings = load(Settings)
    log.configure("fhir-api", settings.log_level)
    listener = _listen(settings.bind, settings.fhir_port)
    signal.signal(signal.SIGTERM, _stopped)  # uvicorn drains first and then hands the signal on
    signal.signal(signal.SIGINT, _stopped)
    config = uvicorn.Config(
        "services.fhir_api.app:from_environment",
        factory=True,
        workers=settings.fhir_workers,
        loop="uvloop",
        http=FhirHttpProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=DRAIN,
    )
    if settings.fhir_workers == 1:
        uvicorn.Server(config).run([listener])
    else:
        with counting_together("fhir-api"):
            Multiprocess(config, [listener]).run()


def _listen(address: str, port: int) -> socket.socket:
    """The port, or one line that says why not, and the end."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
    except OSError as error:
        print(f"EHR_FHIR_PORT={port}: cannot listen on {address}: {error.strerror}", file=sys.stderr)
        raise SystemExit(1) from None
    listener.set_inheritable(True)
    return listener


def _stopped(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    main()
