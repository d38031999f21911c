"""What PostgreSQL refuses, as its callers can act on it."""

from typing import LiteralString

import psycopg
import pytest
from psycopg.errors import lookup

from libs.errors import Permanent, Transient, Unavailable
from libs.store.engine import Conflict, NotStorable, Pool, transaction, translated


@pytest.mark.parametrize(
    ("sqlstate", "meaning"),
    [
        ("08006", Unavailable),  # connection failure
        ("22021", NotStorable),  # a character that is not in the repertoire
        ("23505", Conflict),  # unique violation
        ("25006", Unavailable),  # read-only: a server that is no longer the primary
        ("25P02", Transient),  # in a failed transaction
        ("25P03", Transient),  # idle in transaction for too long
        ("40001", Conflict),  # serialization failure
        ("40P01", Conflict),  # deadlock
        ("53300", Unavailable),  # too many connections
        ("54000", NotStorable),  # a limit of an index entry
        ("55P03", Unavailable),  # lock not available
        ("57014", Transient),  # a statement took too long
        ("57P01", Unavailable),  # shut down by an administrator
    ],
)
def test_an_error_of_postgresql_says_whether_to_wait_to_try_again_or_to_give_up(
    sqlstate: str, meaning: type[Exception]
) -> None:
    with pytest.raises((Transient, Permanent)) as raised, translated():
        raise lookup(sqlstate)("content of a message")

    assert raised.type is meaning
    assert "content" not in str(raised.value)


def test_a_defect_is_not_taken_for_an_outage() -> None:
    with pytest.raises(psycopg.errors.UndefinedTable), translated():
        raise psycopg.errors.UndefinedTable


def run(pool: Pool, *statements: LiteralString) -> None:
    with transaction(pool, "default") as connection:
        for statement in statements:
            connection.execute(statement)


def test_a_server_that_became_read_only_is_waited_for(pool: Pool) -> None:
    with pytest.raises(Unavailable):
        run(pool, "SET TRANSACTION READ ONLY", "DELETE FROM fhir_identifier")


def test_a_statement_that_takes_too_long_is_no_outage(pool: Pool) -> None:
    with pytest.raises(Transient) as raised:
        run(pool, "SET LOCAL statement_timeout = '20ms'", "SELECT pg_sleep(5)")

    assert raised.type is Transient


def test_a_lock_that_another_holds_is_waited_for_from_outside(pool: Pool) -> None:
    with transaction(pool, "default") as holder:
        holder.execute("LOCK TABLE fhir_identifier")

        with pytest.raises(Unavailable):
            run(pool, "SET LOCAL lock_timeout = '20ms'", "SELECT FROM fhir_identifier")


def test_a_connection_gives_up_waiting_before_its_lane_is_given_to_another(pool: Pool) -> None:
    with transaction(pool, "default") as connection:
        limits = {
            name: connection.execute(f"SHOW {name}").fetchone()
            for name in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
        }
        parameters = connection.info.get_parameters()

    assert limits == {
        "lock_timeout": ("5s",),
        "statement_timeout": ("10s",),
        "idle_in_transaction_session_timeout": ("10s",),
    }
    names = ("tcp_user_timeout", "keepalives_idle", "keepalives_interval", "keepalives_count")
    assert [parameters.get(name) for name in names] == ["10000", "5", "2", "3"]
