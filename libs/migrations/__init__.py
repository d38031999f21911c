"""Brings a database to the schema of this release."""

import time
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool

# One migration at a time in a database, however many services start together.
_LOCK = 0x45485243_4D494752  # "EHRCMIGR"
_LOOK_AGAIN = 0.2  # seconds

# Months of history partitions that exist ahead; what falls outside goes to the default partition.
PARTITIONS_AHEAD = 13


def upgrade(url: str) -> None:
    """Apply every migration that the database lacks, and make partitions for the months ahead.

    `url` names the owner of the tables. Safe to call from several processes at once.
    """
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    with engine.connect() as connection:
        # Asked for again and again: a statement that waits would hold up the other process's
        # CREATE INDEX CONCURRENTLY, which waits for it in turn.
        while not connection.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": _LOCK}):
            connection.rollback()
            time.sleep(_LOOK_AGAIN)
        connection.execute(text("SET lock_timeout = '5s'"))
        connection.commit()
        command.upgrade(configuration(connection), "head")
        connection.execute(text("SELECT create_history_partitions(:months)"), {"months": PARTITIONS_AHEAD})
        connection.commit()
    engine.dispose()


def configuration(connection: object | None = None) -> Config:
    """Alembic's configuration, without an ini file; `connection` is where env.py works."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
