"""A hospital's database belongs to a role that is no superuser."""

from urllib.parse import urlsplit, urlunsplit

import psycopg

from libs.migrations import upgrade
from libs.store.engine import open_pool, transaction
from libs.store.organizations import create_client


def test_an_owner_that_may_make_roles_can_migrate_and_serve(postgres_superuser: str) -> None:
    with psycopg.connect(postgres_superuser, autocommit=True) as connection:
        connection.execute("CREATE ROLE clinic LOGIN CREATEROLE PASSWORD 'clinic'")
        # As PostgreSQL leaves it to a role that has made another one: it administers it.
        if not _exists(connection):
            connection.execute("CREATE ROLE ehrconnect_app NOLOGIN")
        connection.execute("GRANT ehrconnect_app TO clinic WITH ADMIN TRUE, SET FALSE")
        connection.execute("CREATE DATABASE clinic OWNER clinic")
    parts = urlsplit(postgres_superuser)
    url = urlunsplit(parts._replace(netloc=f"clinic:clinic@{parts.hostname}:{parts.port}", path="/clinic"))

    upgrade(url)

    with open_pool(url, 1) as pool, transaction(pool, "default") as connection:
        assert create_client(connection, "default", "portal").startswith("ehr_")


def _exists(connection: psycopg.Connection[tuple[object, ...]]) -> bool:
    return connection.execute("SELECT FROM pg_roles WHERE rolname = 'ehrconnect_app'").rowcount == 1
