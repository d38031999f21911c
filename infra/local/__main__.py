"""`make run`: start everything, show one message's way through it, keep it running until told to stop."""

import argparse
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

import psycopg
from sqlalchemy.exc import SQLAlchemyError

from infra.local import demo, folder, servers
from infra.local.credentials import credentials
from infra.local.environment import LocalSettings, facts, service_environment
from infra.local.leftovers import stop_leftovers
from infra.local.ports import require_free
from infra.local.services import SERVICES, Service
from infra.local.supervisor import BACK_OFF, Supervisor
from libs.embedded.process import NotStarted
from libs.errors import Permanent, Transient
from libs.migrations import upgrade
from libs.settings import load

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Somebody asked for an end: Ctrl-C, SIGTERM, or the terminal was closed."""


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m infra.local", description=__doc__)
    arguments.add_argument("--folder", type=Path, default=Path(".run"), help="holds data and logs (.run)")
    arguments.add_argument(
        "--longest-pause", type=float, default=BACK_OFF[-1], metavar="SECONDS",
        help="before a process that ended again and again is restarted (%(default)s)",
    )  # fmt: skip
    asked = arguments.parse_args()
    home: Path = asked.folder.absolute()
    settings = load(LocalSettings)
    for number in SIGNALS:
        if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            signal.signal(number, _stop)
    try:
        with folder.held(home):
            run(settings, home, asked.longest_pause, show=os.environ.get("DEMO") != "0")
    except Stopped:
        say("stopped")
    except (NotStarted, Permanent, Transient, OSError, psycopg.Error, SQLAlchemyError) as error:
        sys.exit(f"make run: {_one_line(error)}")


def run(settings: LocalSettings, home: Path, longest_pause: float, *, show: bool) -> NoReturn:
    """Bring everything up in `home` and keep it up. Raises Stopped, and what `main` catches."""
    for name in stop_leftovers(home):
        say(f"stopped {name}, which a killed run had left behind")
    require_free(settings)
    supervisor = Supervisor(home, say, longest_pause)
    try:
        say(f"starting; data and logs are in {home}")
        database_url = servers.database_url(settings, home, supervisor)
        redis_url = servers.redis_url(settings, home, supervisor)
        upgrade(database_url)
        let_in = credentials(home, database_url, settings.default_organization or "default")

        environment = service_environment(settings, home, database_url, redis_url)
        supervisor.start([Service(kind, settings, home, environment) for kind in SERVICES])
        told = facts(settings, database_url, redis_url, let_in)
        if show and settings.default_organization:
            demo.show(settings, let_in.api_key, say)
        write(_summary(told, home))
        supervisor.watch(lambda pids: folder.write_env(home, {**told, "EHR_PIDS": pids}))
    finally:
        _stop_once()
        folder.remove_env(home)
        supervisor.stop()


def say(text: str) -> None:
    write(f"ehrconnect: {text}")


def write(text: str) -> None:
    with suppress(BrokenPipeError):  # whoever listened has left; that is no reason to stop
        print(text, flush=True)


def _summary(told: Mapping[str, str], home: Path) -> str:
    return f"""EHRConnect is running. Ctrl-C stops it.

    HL7 v2 over MLLP       {told["EHR_MLLP"]}
    HL7 v2 over MLLP, TLS  {told["EHR_MLLPS"]}
    HL7 v2 over HTTP       {told["EHR_HL7_HTTP"]}
    FHIR R4                {told["EHR_FHIR"]}
    API key                {told["EHR_API_KEY"]}
    Console                {told["EHR_CONSOLE"]}/api
    User and password      {told["EHR_CONSOLE_USER"]} {told["EHR_CONSOLE_PASSWORD"]}
    Logs, for scripts      {home}/log, {home}/env

    .venv/bin/ehrconnect send FILE --to {told["EHR_MLLP"]}
    curl -H 'Authorization: Bearer {told["EHR_API_KEY"]}' '{told["EHR_FHIR"]}/Patient?_count=3'
    curl -u '{told["EHR_CONSOLE_USER"]}:{told["EHR_CONSOLE_PASSWORD"]}' '{told["EHR_CONSOLE"]}/api/messages'
"""


def _stop(_: int, __: FrameType | None) -> NoReturn:
    _stop_once()
    raise Stopped


def _stop_once() -> None:
    """A second signal must not interrupt the stopping: a group's comes to `make`, too, which passes it on."""
    for number in SIGNALS:
        signal.signal(number, _stopping)


def _stopping(_: int, __: FrameType | None) -> None:
    """It is stopping already."""


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error)
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


if __name__ == "__main__":
    main()
