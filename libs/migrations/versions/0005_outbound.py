"""Destinations, what is to be delivered to them, and dead letters of what could not be.

Rules of a migration: see script.py.mako beside this folder.

`delivery` is not FORCEd, like `dead_letter`: its owner's function looks over all organizations.
"""

from alembic import op

revision = "0005"
down_revision = "0004"

TABLES = """
CREATE TABLE destination (
    org_id         text COLLATE "C" NOT NULL REFERENCES organization,
    name           text COLLATE "C" NOT NULL CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    host           text COLLATE "C" NOT NULL,
    port           integer NOT NULL CHECK (port BETWEEN 1 AND 65535),
    tls            boolean NOT NULL,
    acknowledges   text[] NOT NULL,
    waits          boolean NOT NULL,
    answer_within  integer NOT NULL CHECK (answer_within > 0),
    on_failure     text COLLATE "C" NOT NULL CHECK (on_failure IN ('dead-letter', 'block')),
    created_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, name)
);
CREATE TABLE delivery (
    org_id       text COLLATE "C" NOT NULL,
    id           bigint GENERATED ALWAYS AS IDENTITY,
    destination  text COLLATE "C" NOT NULL,
    message_id   uuid NOT NULL,
    purpose      text COLLATE "C" NOT NULL,
    control_id   text COLLATE "C" NOT NULL,
    body         bytea NOT NULL,
    state        text COLLATE "C" NOT NULL CHECK (state IN ('pending', 'delivered', 'dead', 'discarded')),
    attempts     integer NOT NULL,
    error        text COLLATE "C",
    created_at   timestamptz NOT NULL,
    settled_at   timestamptz,
    PRIMARY KEY (org_id, id),
    CONSTRAINT delivery_once UNIQUE (org_id, message_id, destination, purpose)
);
CREATE INDEX delivery_pending ON delivery (org_id, destination, id) WHERE state = 'pending';
ALTER TABLE dead_letter ADD COLUMN delivery_id bigint;
"""

FUNCTIONS = """
CREATE FUNCTION list_pending_destinations()
RETURNS TABLE (org_id text, name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT d.org_id, d.name FROM destination d WHERE EXISTS (
        SELECT FROM delivery p WHERE p.org_id = d.org_id AND p.destination = d.name AND p.state = 'pending'
    )
$$;
REVOKE ALL ON FUNCTION list_pending_destinations FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_pending_destinations TO ehrconnect_app;
"""


def upgrade() -> None:
    op.execute(TABLES)
    for table in ("destination", "delivery"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY organization_rows ON {table} USING (org_id = current_setting('app.org', true))"
        )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON destination TO ehrconnect_app")
    op.execute("GRANT SELECT, INSERT, UPDATE ON delivery TO ehrconnect_app")
    op.execute(FUNCTIONS)
