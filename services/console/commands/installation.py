"""Which installation a command acts on: the one of the EHR_* variables, else of this folder's `make run`."""

import argparse
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from libs.settings import DatabaseSettings, RedisSettings, ServiceSettings, load
from services.console.commands.output import CommandError

if TYPE_CHECKING:
    from redis import Redis

    from libs.store.engine import Pool

RUNNING = Path(".run/env")


class Settings(ServiceSettings, RedisSettings, DatabaseSettings):
    default_organization: str = "default"


def settings() -> Settings:
    """The settings of the installation; ends the process when one of them is bad."""
    for name, value in _running().items():
        os.environ.setdefault(name, value)
    return load(Settings)


def add_organization(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--org", metavar="ID", help="the organization (EHR_DEFAULT_ORGANIZATION, or default)")


def organization(options: argparse.Namespace) -> str:
    """The organization that the command acts for."""
    return str(options.org or settings().default_organization)


@contextmanager
def database() -> Iterator["Pool"]:
    """A pool of one connection. What is done with it raises Unavailable when PostgreSQL does not answer."""
    from libs.store.engine import open_pool

    with open_pool(settings().database_url.get_secret_value(), 1) as pool:
        yield pool


@contextmanager
def redis() -> Iterator["Redis"]:
    """A client of Redis. Raises CommandError when it does not answer."""
    from redis import Redis, RedisError

    with Redis.from_url(settings().redis_url.get_secret_value(), socket_timeout=10) as client:
        try:
            client.ping()
        except RedisError as error:
            hint = "" if "EHR_REDIS_URL" in os.environ else "; set EHR_REDIS_URL, or start `make run` here"
            raise CommandError(f"Redis does not answer: {error}{hint}") from None
        yield client


def _running() -> dict[str, str]:
    try:
        lines = RUNNING.read_text().splitlines()
    except FileNotFoundError:
        return {}
    pairs = (line.partition("=") for line in lines)
    return {name: "".join(shlex.split(value)) for name, _, value in pairs}
