"""The connections to all destinations. They stay open between messages: many receivers count on it.

What is delivered has arrived at least once: when an answer is lost, nobody can know whether the message was
taken, and it is sent again with the same bytes, the same MSH-10 among them, by which a receiver finds it out.
"""

import ssl
import time
from collections.abc import Callable
from pathlib import Path

from libs.errors import Transient
from libs.store.destinations import Destination
from services.outbound_sender.answer import read_answer
from services.outbound_sender.line import Line, Lost

IDLE = 600.0  # seconds after which a connection that nobody uses is closed


class NoAnswer(Transient):
    """The destination was silent."""


class Refused(Transient):
    """The destination has the message and does not take it."""


class NoCertificates(Transient):
    """The files for TLS cannot be used."""


class Client:
    """Sends to destinations, for several threads at once, but to one destination from one at a time."""

    def __init__(self, authority: Path | None, certificate: Path | None, key: Path | None) -> None:
        self._files = authority, certificate, key
        self._open: dict[tuple[str | int, ...], Line] = {}

    def deliver(
        self, org: str, to: Destination, message: bytes, control_id: str, wait: Callable[[], None]
    ) -> None:
        """Return once the destination has taken the message, or was sent it if it never answers.

        `control_id` is the message's MSH-10; `wait` as in `Line.answers`, called before each other step
        too. Raises Transient: NotReached, Lost,
        NoAnswer, Refused, NoCertificates; CannotBeSent; and what `wait` raises.
        """
        key = (org, to.name, to.host, to.port, to.tls)
        line = self._open.pop(key, None)
        if line is not None and not line.is_open():
            line.close()
            line = None
        used = line is not None
        line = line or self._connect(to, wait)
        try:
            try:
                _exchange(line, to, message, control_id, wait)
            except Lost:
                if not used:
                    raise
                # It may have been gone for long: a firewall forgets connections that are silent.
                line.close()
                line = self._connect(to, wait)
                _exchange(line, to, message, control_id, wait)
        except Refused:
            self._open[key] = line
            raise
        except BaseException:
            line.close()  # what it may still say is no answer to the next message
            raise
        self._open[key] = line

    def check_files(self) -> None:
        """Raises NoCertificates, when those for TLS are set and cannot be used."""
        if any(self._files):
            self._context()

    def close_idle(self, unused: float = IDLE) -> None:
        """Close what was not used for so many seconds; its destination may have been removed or changed."""
        for key, line in list(self._open.items()):
            if time.monotonic() - line.used_at >= unused and self._open.pop(key, None) is line:
                line.close()

    def _connect(self, to: Destination, wait: Callable[[], None]) -> Line:
        wait()
        return Line.to(to.host, to.port, self._context() if to.tls else None)

    def _context(self) -> ssl.SSLContext:
        """Read anew for each connection, so that renewed certificates count."""
        authority, certificate, key = self._files
        if key and not certificate:
            raise NoCertificates("EHR_OUTBOUND_KEY is set without EHR_OUTBOUND_CERTIFICATE")
        try:
            context = ssl.create_default_context(cafile=authority)
            if certificate:
                context.load_cert_chain(certificate, key)
        except OSError as error:
            raise NoCertificates(
                f"EHR_OUTBOUND_AUTHORITY, _CERTIFICATE or _KEY cannot be used: {error.strerror or 'not PEM'}"
            ) from None
        return context


def _exchange(line: Line, to: Destination, message: bytes, control_id: str, wait: Callable[[], None]) -> None:
    wait()
    line.send(message)
    if not to.waits:
        return
    others = 0
    for received in line.answers(to.answer_within, wait):
        answer = read_answer(received)
        if answer.about != control_id:
            others += 1
        elif answer.refusal:
            raise Refused(answer.refusal)
        else:
            return
    about = f"; {others} came whose MSA-2 is not our MSH-10" if others else ""
    raise NoAnswer(f"no answer within {to.answer_within} s{about}")
