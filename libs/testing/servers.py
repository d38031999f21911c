"""Servers for tests: containers where Docker answers, the embedded ones elsewhere."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from libs.embedded.postgres import Postgres
from libs.embedded.process import free_port
from libs.embedded.redis import Redis

DOCKER_SOCKET = "/var/run/docker.sock"


@contextmanager
def postgres_server(folder: Path) -> Iterator[str]:
    """The URL of a PostgreSQL 16 superuser connection, up for as long as the block lasts."""
    if docker_answers():
        from testcontainers.community.postgres import PostgresContainer

        with PostgresContainer("postgres:16", driver=None) as container:
            yield container.get_connection_url()
        return
    server = Postgres(folder / "postgres", free_port(), durable=False)
    server.start()
    try:
        yield server.url()
    finally:
        server.stop()


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """The URL of a Redis 7 server, up for as long as the block lasts."""
    if docker_answers():
        from testcontainers.community.redis import RedisContainer

        with RedisContainer("redis:7") as container:
            yield f"redis://{container.get_container_host_ip()}:{container.get_exposed_port(6379)}/0"
        return
    server = Redis(folder / "redis", free_port(), durable=False)
    server.start()
    try:
        yield server.url()
    finally:
        server.stop()


def docker_answers() -> bool:
    import docker
    from docker.errors import DockerException

    if "DOCKER_HOST" not in os.environ and not _listens(DOCKER_SOCKET):
        return False
    try:
        client = docker.from_env(timeout=5)
    except DockerException:
        return False
    client.close()
    return True


def _listens(path: str) -> bool:
    # Asked here, because the client leaves a socket open when nobody listens.
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(path) == 0
