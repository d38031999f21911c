"""Indexes for the list of messages, the newest first: of all, and of those that want a look.

Rules of a migration: see script.py.mako beside this folder.
"""

from alembic import op

revision = "0003"
down_revision = "0002"

INDEXES = {
    "message_received": "(org_id, received_at)",
    "message_unusual": "(org_id, received_at) WHERE reused_control_id OR status <> 'transformed'",
}


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name, definition in INDEXES.items():
            # What an interruption left behind is not valid.
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON message {definition}")
