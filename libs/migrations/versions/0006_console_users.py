"""Users of the console; messages are found by their control id, whoever sent them.

Rules of a migration: see script.py.mako beside this folder.

A log-in names no organization, so that a function that sees every row looks the name up: see 0001.
The index by control id serves what the one by sender and control id did.
"""

from alembic import op

revision = "0006"
down_revision = "0005"

TABLES = """
CREATE TABLE console_user (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    org_id      text COLLATE "C" NOT NULL REFERENCES organization,
    name        text COLLATE "C" NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9._@-]{0,63}$'),
    role        text COLLATE "C" NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    password    text COLLATE "C" NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE console_user ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_rows ON console_user USING (org_id = current_setting('app.org', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON console_user TO ehrconnect_app;

CREATE FUNCTION find_console_user(wanted text)
RETURNS TABLE (org_id text, id uuid, name text, role text, password text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT u.org_id, u.id, u.name, u.role, u.password FROM console_user u WHERE u.name = wanted
$$;
REVOKE ALL ON FUNCTION find_console_user FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_console_user TO ehrconnect_app;
"""


def upgrade() -> None:
    # First, because what stands before such a block is kept when it fails, and would be in the way then.
    with op.get_context().autocommit_block():
        # What an interruption left behind is not valid.
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS message_control")
        op.execute("CREATE INDEX CONCURRENTLY message_control ON message (org_id, control_id, sender)")
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS message_control_id")
    op.execute(TABLES)
