from multiprocessing import get_context

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from psycopg import sql
from sqlalchemy import create_engine, make_url, pool
from sqlalchemy.exc import ProgrammingError

from libs.migrations import configuration, upgrade
from libs.models import Base


def test_the_models_are_what_the_migrations_make(postgres_url: str) -> None:
    engine = create_engine(
        make_url(postgres_url).set(drivername="postgresql+psycopg"), poolclass=pool.NullPool
    )
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "include_name": lambda name, kind, _: (
                    not (kind == "table" and str(name).startswith(("fhir_version_", "alembic_")))
                ),
            },
        )
        assert compare_metadata(context, Base.metadata) == []


def test_every_table_of_an_organization_has_row_level_security(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        unguarded = connection.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
            " WHERE a.attname = 'org_id' AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
            " AND NOT c.relrowsecurity"
        ).fetchall()
        partitions_within_reach = connection.execute(
            "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'"
            " AND has_table_privilege('ehrconnect_app', oid, 'SELECT, INSERT, UPDATE, DELETE')"
        ).fetchall()

    assert (unguarded, partitions_within_reach) == ([], [])


def test_there_is_a_default_organization_and_room_for_a_year_of_history(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        organizations = connection.execute("SELECT org_id FROM organization").fetchall()
        partitions = connection.execute(
            "SELECT count(*) FROM pg_inherits WHERE inhparent = 'fhir_version'::regclass"
        ).fetchone()

    assert organizations == [("default",)]
    assert partitions == (15,)  # this month, 13 ahead, and the rest


def test_history_of_a_month_without_partition_is_kept(fresh_postgres_url: str) -> None:
    with psycopg.connect(fresh_postgres_url, autocommit=True) as connection:
        connection.execute("SELECT set_config('app.org', 'default', false)")
        connection.execute(
            "INSERT INTO fhir_version VALUES ('default', 'Patient', 'p', 1, now() + interval '14 months',"
            " now(), false, '{}')"
        )

        connection.execute("SELECT create_history_partitions(24)")
        row = connection.execute("SELECT tableoid::regclass::text FROM fhir_version").fetchone()

    assert row == ("fhir_version_rest",)


def test_processes_that_start_together_may_all_migrate(postgres_superuser: str) -> None:
    with psycopg.connect(postgres_superuser, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE together"))
    url = postgres_superuser.rsplit("/", 1)[0] + "/together"
    processes = [get_context("spawn").Process(target=upgrade, args=(url,)) for _ in range(3)]

    for process in processes:
        process.start()
    for process in processes:
        process.join(60)

    assert [process.exitcode for process in processes] == [0, 0, 0]


def test_an_owner_without_superuser_rights_may_migrate(postgres_superuser: str) -> None:
    with psycopg.connect(postgres_superuser, autocommit=True) as connection:
        connection.execute("CREATE ROLE hospital LOGIN CREATEROLE")
        connection.execute("CREATE DATABASE hospital OWNER hospital")
    server = postgres_superuser.rsplit("@", maxsplit=1)[-1].rsplit("/", 1)[0]
    url = f"postgresql://hospital@{server}/hospital"
    with psycopg.connect(postgres_superuser) as connection:
        connection.execute("GRANT ehrconnect_app TO hospital WITH ADMIN OPTION")

    upgrade(url)
    upgrade(url)

    with psycopg.connect(url) as connection:
        connection.execute("SELECT set_config('app.org', 'default', false)")
        assert connection.execute("SELECT org_id FROM organization").fetchall() == [("default",)]


def test_a_migration_that_was_interrupted_is_done_again(postgres_superuser: str) -> None:
    with psycopg.connect(postgres_superuser, autocommit=True) as connection:
        connection.execute("CREATE DATABASE interrupted")
    url = postgres_superuser.rsplit("/", 1)[0] + "/interrupted"
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=pool.NullPool)
    with engine.connect() as connection:
        command.upgrade(configuration(connection), "0005")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE message_control ()")  # where 0006 wants an index
    with pytest.raises(ProgrammingError, match="not an index"):
        upgrade(url)
    with psycopg.connect(url) as connection:
        connection.execute("DROP TABLE message_control")

    upgrade(url)

    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM console_user").fetchall() == [(0,)]
