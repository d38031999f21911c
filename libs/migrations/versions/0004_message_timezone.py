"""The time zone that the gateway knows of a message's sender, so that it is read the same when read again.

Rules of a migration: see script.py.mako beside this folder.
"""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("ALTER TABLE message ADD COLUMN timezone text COLLATE \"C\" NOT NULL DEFAULT ''")
