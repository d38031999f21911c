"""The services that `make run` starts, each as a process of its own."""

import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.local.environment import LocalSettings
from libs.embedded.process import NotStarted, Server

LOG_KEPT = 50_000_000  # bytes; a longer log is set aside when its service starts


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    module: str
    health_port: str  # the variable that says where it answers /health/ready


SERVICES = (
    Kind("mllp-gateway", "services.mllp_gateway", "EHR_GATEWAY_HTTP_PORT"),
    Kind("transformer", "services.transformer", "EHR_TRANSFORMER_PORT"),
    Kind("outbound-sender", "services.outbound_sender", "EHR_OUTBOUND_SENDER_PORT"),
    Kind("fhir-api", "services.fhir_api", "EHR_FHIR_PORT"),
    Kind("console", "services.console", "EHR_CONSOLE_PORT"),
)


class Service:
    """One service's process; its JSON log goes to `log/NAME.log`."""

    def __init__(
        self, kind: Kind, settings: LocalSettings, home: Path, environment: Mapping[str, str]
    ) -> None:
        self.name = kind.name
        self._command = [sys.executable, "-m", kind.module]
        self._ready_url = f"http://{settings.host}:{settings.ports()[kind.health_port]}/health/ready"
        self._log = home / "log" / f"{kind.name}.log"
        self._environment = environment
        self._server: Server | None = None

    def start(self) -> None:
        if self._log.exists() and self._log.stat().st_size > LOG_KEPT:
            self._log.replace(self._log.with_suffix(".log.1"))
        self._server = Server(self._command, self._log, signal.SIGTERM, self._environment)

    def wait_until_ready(self) -> None:
        """Return once it and what it depends on answer. Raises NotStarted in one line."""
        try:
            self._running().wait_until(self._is_ready)
        except NotStarted as error:
            raise NotStarted(f"{self.name} did not start: {error}") from None

    def stop(self, within: float) -> None:
        if self._server:
            self._server.stop(within)

    def ask_to_stop(self) -> None:
        if self._server:
            self._server.ask_to_stop()

    def is_running(self) -> bool:
        return self._server is not None and self._server.is_running()

    def last_words(self) -> str:
        return self._running().last_words()

    @property
    def pid(self) -> int:
        return self._running().process.pid

    def _running(self) -> Server:
        if self._server is None:
            raise NotStarted(f"{self.name} has not been started")
        return self._server

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(self._ready_url, timeout=5) as answer:  # noqa: S310  # our own
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False
