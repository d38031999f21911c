"""References that have to follow a merge or a move.

Rules of a migration: see script.py.mako beside this folder.

Row-level security is not forced upon the owner, whose functions see more than one organization.
"""

from alembic import op

revision = "0007"
down_revision = "0006"

TABLE = """
CREATE TABLE repointing (
    org_id       text COLLATE "C" NOT NULL,
    about        text COLLATE "C" NOT NULL,
    was          text COLLATE "C" NOT NULL,
    due_at       timestamptz NOT NULL DEFAULT now(),
    after        bigint NOT NULL DEFAULT 0,
    overlapping  text[] COLLATE "C",
    tries     integer NOT NULL DEFAULT 0,
    PRIMARY KEY (org_id, about, was)
);
CREATE INDEX repointing_due ON repointing (due_at);
ALTER TABLE repointing ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_rows ON repointing USING (org_id = current_setting('app.org', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON repointing TO ehrconnect_app;
"""

FUNCTIONS = """
CREATE FUNCTION due_repointings(most integer)
RETURNS TABLE (org_id text, about text, was text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT r.org_id, r.about, r.was FROM repointing r WHERE r.due_at <= now() ORDER BY r.due_at LIMIT most
$$;
CREATE FUNCTION count_repointings() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT count(*) FROM repointing
$$;
REVOKE ALL ON FUNCTION due_repointings, count_repointings FROM PUBLIC;
GRANT EXECUTE ON FUNCTION due_repointings, count_repointings TO ehrconnect_app;
"""


def upgrade() -> None:
    op.execute(TABLE)
    op.execute(FUNCTIONS)
