"""PostgreSQL and Redis for a local installation: embedded, unless the settings name real ones."""

from pathlib import Path

import psycopg
from psycopg import sql
from redis import Redis as RedisClient
from redis import RedisError

from infra.local.credentials import server_password
from infra.local.environment import LocalSettings
from infra.local.supervisor import Supervisor
from libs.embedded.postgres import Postgres
from libs.embedded.process import NotStarted, free_port
from libs.embedded.redis import Redis

DATABASE = "ehrconnect"


def database_url(settings: LocalSettings, home: Path, supervisor: Supervisor) -> str:
    """A database that answers: the one that the settings name, or an embedded one. Raises NotStarted."""
    if settings.database_url:
        url = settings.database_url.get_secret_value()
        try:
            psycopg.connect(url, connect_timeout=10).close()
        except psycopg.Error as error:
            raise NotStarted(f"EHR_DATABASE_URL: {str(error).splitlines()[0]}") from None
        return url
    server = Postgres(home / "postgres", free_port(), password=server_password(home))
    supervisor.serve(server)
    with psycopg.connect(server.url(), autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
        if not known:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    return server.url(DATABASE)


def redis_url(settings: LocalSettings, home: Path, supervisor: Supervisor) -> str:
    """A Redis that answers: the one that the settings name, or an embedded one. Raises NotStarted."""
    if settings.redis_url:
        url = settings.redis_url.get_secret_value()
        try:
            with RedisClient.from_url(url, socket_connect_timeout=10) as client:
                client.ping()
        except (RedisError, ValueError) as error:
            raise NotStarted(f"EHR_REDIS_URL: {error}") from None
        return url
    server = Redis(home / "redis", free_port(), password=server_password(home))
    supervisor.serve(server)
    return server.url()
