"""Layers of an organization's mapping; messages that wait for one, and whose they are.

Rules of a migration: see script.py.mako beside this folder.

`message.patient_key` is null for what was stored before: such a message is transformed again by itself,
not with what else is known about its patient.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

TABLES = """
CREATE TABLE mapping_layer (
    org_id      text COLLATE "C" NOT NULL,
    version     integer NOT NULL,
    name        text COLLATE "C" NOT NULL,
    document    text COLLATE "C" NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, version)
);
ALTER TABLE mapping_layer ENABLE ROW LEVEL SECURITY;
ALTER TABLE mapping_layer FORCE ROW LEVEL SECURITY;
CREATE POLICY organization_rows ON mapping_layer USING (org_id = current_setting('app.org', true));
GRANT SELECT, INSERT ON mapping_layer TO ehrconnect_app;
"""

MESSAGES = """
ALTER TABLE message ADD COLUMN patient_key bigint, ADD COLUMN mapping_version integer;
ALTER TABLE message DROP CONSTRAINT message_status_check;
-- Validated below, in a transaction of its own, which lets messages be written meanwhile.
ALTER TABLE message ADD CONSTRAINT message_status_check
    CHECK (status IN ('transformed', 'dead', 'replaying', 'parked')) NOT VALID;
"""

INDEXES = {
    "message_patient": "(org_id, patient_key, received_at, id) WHERE patient_key IS NOT NULL",
    "message_parked": "(org_id, received_at) WHERE status = 'parked'",
}


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(MESSAGES)
    with op.get_context().autocommit_block():
        op.execute("ALTER TABLE message VALIDATE CONSTRAINT message_status_check")
        for name, definition in INDEXES.items():
            # What an interruption left behind is not valid.
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON message {definition}")
