"""Keeps the processes of a local installation alive, and ends them in order."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Protocol

from infra.local.leftovers import record
from infra.local.services import Service
from libs.embedded.process import NotStarted

SERVICES_STOP_WITHIN = 5.0  # seconds, all of them together
SERVER_STOP_WITHIN = 2.0  # seconds each; a killed server repairs itself at its next start
BACK_OFF = (0.5, 1, 2, 5, 10, 30)  # seconds before the 1st, 2nd, ... restart in a row
STEADY = 60.0  # seconds after which a process counts as recovered
LOOK_EVERY = 0.2  # seconds


class Child(Protocol):
    """A process: an embedded server or a service."""

    @property
    def name(self) -> str: ...
    @property
    def pid(self) -> int: ...
    def start(self) -> None: ...
    def stop(self, within: float) -> None: ...
    def is_running(self) -> bool: ...
    def last_words(self) -> str: ...


@dataclass(slots=True)
class _Restarts:
    """Where a child stands in its back-off."""

    in_a_row: int = 0
    next_at: float | None = None  # None while it runs
    last_start: float = 0.0


class Supervisor:
    def __init__(self, home: Path, say: Callable[[str], None], longest_pause: float = BACK_OFF[-1]) -> None:
        """`longest_pause`: seconds before a restart, at most."""
        self._home = home
        self._say = say
        self._longest_pause = longest_pause
        self._servers: list[Child] = []
        self._services: list[Service] = []

    def serve(self, server: Child) -> None:
        """Start a server that the services need. Raises NotStarted."""
        self._servers.append(server)
        server.start()
        self._record()

    def start(self, services: Sequence[Service]) -> None:
        """Start the services together; return once each is ready. Raises NotStarted."""
        for service in services:
            self._services.append(service)
            service.start()
        self._record()
        for service in services:
            service.wait_until_ready()

    def watch(self, changed: Callable[[str], None]) -> NoReturn:
        """Restart what dies, for ever; `changed` hears `name=pid ...`, now and after every restart."""
        restarts = {child.name: _Restarts(last_start=time.monotonic()) for child in self._children()}
        changed(self._record())
        while True:
            for child in self._children():
                if not child.is_running() and self._revive(child, restarts[child.name]):
                    self._tell(changed)
            time.sleep(LOOK_EVERY)

    def stop(self) -> None:
        """End the services, then the servers that they use, newest first."""
        for service in self._services:
            service.ask_to_stop()
        deadline = time.monotonic() + SERVICES_STOP_WITHIN
        for service in self._services:
            service.stop(max(0.1, deadline - time.monotonic()))
        for server in reversed(self._servers):
            server.stop(SERVER_STOP_WITHIN)
        (self._home / "pids").unlink(missing_ok=True)

    def _revive(self, child: Child, restarts: _Restarts) -> bool:
        """Take `child` one step further towards running again; True when it was started."""
        now = time.monotonic()
        if restarts.next_at is None:
            if now - restarts.last_start > STEADY:
                restarts.in_a_row = 0
            wait = min(BACK_OFF[min(restarts.in_a_row, len(BACK_OFF) - 1)], self._longest_pause)
            restarts.in_a_row += 1
            restarts.next_at = now + wait
            self._say(f"{child.name} ended ({child.last_words()}); starting it again in {wait:g} s")
            child.stop(SERVER_STOP_WITHIN)  # what it left of its process group
        if now < restarts.next_at:
            return False
        restarts.next_at, restarts.last_start = None, now
        with suppress(NotStarted, OSError):  # then it is not running, and its turn comes again
            child.start()
        return True

    def _tell(self, changed: Callable[[str], None]) -> None:
        try:
            changed(self._record())
        except OSError as error:  # a full disk: what runs goes on, and may outlive it
            self._say(f"the new process could not be written down: {error.strerror}")

    def _children(self) -> list[Child]:
        return [*self._servers, *self._services]

    def _record(self) -> str:
        pids = {child.name: child.pid for child in self._children() if child.is_running()}
        record(self._home, pids)
        return " ".join(f"{name}={pid}" for name, pid in pids.items())
