"""Which installation a command acts on: the one of the EHR_* variables, else of this folder's `make run`."""

import argparse
import logging
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from libs.settings import load
from services.console.commands.output import CommandError
from services.console.settings import Settings

if TYPE_CHECKING:
    from redis import Redis

    from libs.store.engine import Pool

RUNNING = Path(".run/env")


def settings() -> Settings:
    """The settings of the installation; ends the process when one of them is bad."""
    for name, value in _running().items():
        os.environ.setdefault(name, value)
    return load(Settings)


def organization_actions(
    parser: argparse.ArgumentParser,
) -> "argparse._SubParsersAction[argparse.ArgumentParser]":
    """The actions of a command that acts for one organization; --org may stand before or after the action."""
    _add_organization(parser, None)
    return parser.add_subparsers(metavar="ACTION", required=True, parser_class=_Action)


class _Action(argparse.ArgumentParser):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        _add_organization(self, argparse.SUPPRESS)  # without it, what stands before the action holds


def _add_organization(parser: argparse.ArgumentParser, default: str | None) -> None:
    summary = "the organization (EHR_DEFAULT_ORGANIZATION, or default)"
    parser.add_argument("--org", metavar="ID", default=default, help=summary)


def organization(options: argparse.Namespace) -> str:
    """The organization that the command acts for."""
    return str(options.org or settings().default_organization)


@contextmanager
def database() -> Iterator["Pool"]:
    """A pool of one connection. Raises CommandError when PostgreSQL does not answer as it should."""
    import psycopg

    from libs.store.engine import open_pool

    url = settings().database_url.get_secret_value()
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)  # it repeats what is raised
    try:
        psycopg.connect(url, connect_timeout=5).close()
        with open_pool(url, 1) as pool:
            yield pool
    except psycopg.OperationalError as error:
        raise CommandError(
            f"PostgreSQL does not answer: {_first_line(error)}{_hint('EHR_DATABASE_URL')}"
        ) from None
    except psycopg.Error as error:
        raise CommandError(f"PostgreSQL refused: {_first_line(error)}") from None


@contextmanager
def redis() -> Iterator["Redis"]:
    """A client of Redis. Raises CommandError when it is needed and does not answer."""
    from redis import Redis, RedisError

    with Redis.from_url(settings().redis_url.get_secret_value(), socket_timeout=10) as client:
        try:
            yield client
        except RedisError as error:
            raise CommandError(f"Redis does not answer: {error}{_hint('EHR_REDIS_URL')}") from None


def _hint(name: str) -> str:
    return "" if name in os.environ else f"; set {name}, or start `make run` in this folder"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _running() -> dict[str, str]:
    try:
        lines = RUNNING.read_text().splitlines()
    except FileNotFoundError:
        return {}
    pairs = (line.partition("=") for line in lines)
    return {name: "".join(shlex.split(value)) for name, _, value in pairs}
