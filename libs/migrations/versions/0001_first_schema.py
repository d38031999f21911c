"""Organizations, messages, dead letters, FHIR resources with history and search index.

Rules of a migration: see script.py.mako beside this folder.

Row-level security is on for every table and holds for the role `ehrconnect_app`, which every service
takes on. What the application searches it reads through views of the same condition (org_resource,
org_index, ...): beside a policy PostgreSQL may not use an index on tokens or strings, because array and
text search operators are not marked leakproof, and a policy on one table of a query spreads to the others
through their equal org_id.

FORCE extends the policies to the owner of the tables. Where the owner defines something for the
application, those views and the functions that see more than one organization, it is left out.
"""

from alembic import op

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE organization (
    org_id      text COLLATE "C" PRIMARY KEY CHECK (org_id ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name        text COLLATE "C" NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE api_client (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    org_id      text COLLATE "C" NOT NULL REFERENCES organization,
    name        text COLLATE "C" NOT NULL,
    key_hash    bytea NOT NULL UNIQUE,
    created_at  timestamptz NOT NULL DEFAULT now(),
    revoked_at  timestamptz
);
CREATE TABLE message (
    org_id            text COLLATE "C" NOT NULL,
    id                uuid NOT NULL,
    sender            text COLLATE "C" NOT NULL,
    control_id        text COLLATE "C" NOT NULL,
    reused_control_id boolean NOT NULL,
    message_type      text COLLATE "C" NOT NULL,
    received_at       timestamptz NOT NULL,
    processed_at      timestamptz NOT NULL,
    status            text COLLATE "C" NOT NULL CHECK (status IN ('transformed', 'dead', 'replaying')),
    raw               bytea NOT NULL,
    charset           text COLLATE "C" NOT NULL,
    peer              text COLLATE "C" NOT NULL,
    report            text COLLATE "C",
    error             text COLLATE "C",
    PRIMARY KEY (org_id, id)
);
CREATE INDEX message_control_id ON message (org_id, sender, control_id);
CREATE TABLE dead_letter (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org_id      text COLLATE "C" NOT NULL,
    queue       text COLLATE "C" NOT NULL,
    lane        text COLLATE "C" NOT NULL,
    message_id  uuid NOT NULL,
    reason      text COLLATE "C" NOT NULL,
    error       text COLLATE "C" NOT NULL,
    attempts    integer NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    state       text COLLATE "C" NOT NULL CHECK (state IN ('open', 'replayed', 'discarded')),
    closed_at   timestamptz
);
CREATE INDEX dead_letter_message ON dead_letter (org_id, message_id);
CREATE INDEX dead_letter_open ON dead_letter (org_id, queue) WHERE state = 'open';

CREATE SEQUENCE fhir_resource_rid AS bigint CACHE 1;
CREATE TABLE fhir_resource (
    org_id        text COLLATE "C" NOT NULL,
    type          text COLLATE "C" NOT NULL,
    id            text COLLATE "C" NOT NULL,
    rid           bigint NOT NULL UNIQUE,
    version       integer NOT NULL,
    deleted       boolean NOT NULL,
    last_updated  timestamptz NOT NULL,
    index_hash    bigint NOT NULL,
    entry_hash    bigint NOT NULL,
    content       text,
    PRIMARY KEY (org_id, type, id)
);
-- Partial, so that it never serves a look-up by key: without statistics it seems as good as the key.
CREATE INDEX fhir_resource_last_updated ON fhir_resource (org_id, type, last_updated, rid) WHERE NOT deleted;
CREATE TABLE fhir_version (
    org_id         text COLLATE "C" NOT NULL,
    type           text COLLATE "C" NOT NULL,
    id             text COLLATE "C" NOT NULL,
    version        integer NOT NULL,
    superseded_at  timestamptz NOT NULL,
    last_updated   timestamptz NOT NULL,
    deleted        boolean NOT NULL,
    content        text,
    PRIMARY KEY (org_id, type, id, version, superseded_at)
) PARTITION BY RANGE (superseded_at);
CREATE TABLE fhir_version_rest PARTITION OF fhir_version DEFAULT;

CREATE TABLE fhir_index (
    rid        bigint PRIMARY KEY,
    org_id     text COLLATE "C" NOT NULL,
    type       text COLLATE "C" NOT NULL,
    patient    text COLLATE "C",
    date_from  timestamptz,
    date_to    timestamptz,
    refs       text[] NOT NULL,
    tok        bigint[] NOT NULL
);
ALTER TABLE fhir_index ALTER COLUMN tok SET STATISTICS 500;
-- A search is planned by these statistics: let them see a new organization soon.
ALTER TABLE fhir_index SET (autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE fhir_resource SET (autovacuum_analyze_scale_factor = 0.02);
-- A row has twenty tokens and more. Put into the index one by one, each rewrites a list of rows: 180 kB of
-- log a message. Gathered up to 256 kB and put in together it is 24 kB, for a search that reads those
-- 256 kB besides.
CREATE INDEX fhir_index_tok ON fhir_index USING gin (tok)
    WITH (fastupdate = on, gin_pending_list_limit = 256);
CREATE INDEX fhir_index_date ON fhir_index (org_id, type, date_from, rid) WHERE date_from IS NOT NULL;
CREATE TABLE fhir_str (
    rid      bigint PRIMARY KEY,
    org_id   text COLLATE "C" NOT NULL,
    type     text COLLATE "C" NOT NULL,
    lexemes  tsvector NOT NULL
);
CREATE INDEX fhir_str_lexemes ON fhir_str USING gin (lexemes)
    WITH (fastupdate = on, gin_pending_list_limit = 256);
CREATE TABLE fhir_num (
    rid     bigint NOT NULL,
    org_id  text COLLATE "C" NOT NULL,
    type    text COLLATE "C" NOT NULL,
    param   text COLLATE "C" NOT NULL,
    key     bigint NOT NULL,
    lo      numeric NOT NULL,
    hi      numeric NOT NULL,
    PRIMARY KEY (rid, param, key, lo, hi)
);
-- Not org_id first: the policy's condition alone would make it look good for a look-up by rid.
CREATE INDEX fhir_num_value ON fhir_num (type, param, org_id, key, lo);
CREATE TABLE fhir_date (
    rid     bigint NOT NULL,
    org_id  text COLLATE "C" NOT NULL,
    type    text COLLATE "C" NOT NULL,
    param   text COLLATE "C" NOT NULL,
    lo      timestamptz NOT NULL,
    hi      timestamptz NOT NULL,
    PRIMARY KEY (rid, param, lo, hi)
);
CREATE INDEX fhir_date_value ON fhir_date (type, param, org_id, lo);
CREATE TABLE fhir_identifier (
    org_id  text COLLATE "C" NOT NULL,
    type    text COLLATE "C" NOT NULL,
    system  text COLLATE "C" NOT NULL,
    value   text COLLATE "C" NOT NULL,
    id      text COLLATE "C" NOT NULL,
    PRIMARY KEY (org_id, type, system, value)
);
"""

VIEWS = """
CREATE VIEW org_resource AS SELECT * FROM fhir_resource WHERE org_id = current_setting('app.org', true);
CREATE VIEW org_index AS SELECT * FROM fhir_index WHERE org_id = current_setting('app.org', true);
CREATE VIEW org_str AS SELECT * FROM fhir_str WHERE org_id = current_setting('app.org', true);
CREATE VIEW org_num AS SELECT * FROM fhir_num WHERE org_id = current_setting('app.org', true);
CREATE VIEW org_date AS SELECT * FROM fhir_date WHERE org_id = current_setting('app.org', true);
"""

# A role belongs to the whole server, so another database of it may have made it already.
ROLE = """
DO $$ BEGIN
    CREATE ROLE ehrconnect_app NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
-- Since PostgreSQL 16 who made a role may administer it, and not by that alone take it on.
DO $$ DECLARE
    needed text := CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'MEMBER' ELSE 'SET' END;
BEGIN
    IF NOT pg_has_role(current_user, 'ehrconnect_app', needed) THEN
        EXECUTE format('GRANT ehrconnect_app TO %I', current_user);
    END IF;
END $$;
GRANT USAGE ON SCHEMA public TO ehrconnect_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON organization, api_client, message, dead_letter, fhir_resource,
    fhir_num, fhir_date, fhir_identifier, fhir_index, fhir_str TO ehrconnect_app;
GRANT SELECT, INSERT ON fhir_version TO ehrconnect_app;
GRANT SELECT ON org_resource, org_index, org_str, org_num, org_date TO ehrconnect_app;
GRANT USAGE ON SEQUENCE fhir_resource_rid TO ehrconnect_app;
"""

FORCED = ("message", "fhir_version", "fhir_identifier")
NOT_FORCED = (
    "organization", "api_client", "dead_letter",
    "fhir_resource", "fhir_index", "fhir_str", "fhir_num", "fhir_date",
)  # fmt: skip

FUNCTIONS = """
CREATE FUNCTION authenticate_client(hash bytea)
RETURNS TABLE (org_id text, client_id uuid, name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT c.org_id, c.id, c.name FROM api_client c WHERE c.key_hash = hash AND c.revoked_at IS NULL
$$;

CREATE FUNCTION list_organizations()
RETURNS TABLE (id text, name text, created_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT o.org_id, o.name, o.created_at FROM organization o ORDER BY o.org_id
$$;

CREATE FUNCTION count_open_dead_letters()
RETURNS TABLE (queue text, letters bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT d.queue, count(*) FROM dead_letter d WHERE d.state = 'open' GROUP BY d.queue
$$;

-- Makes the partitions of this month and of the `months` that follow, where they are missing. A month
-- whose rows are already in the default partition keeps them there.
CREATE FUNCTION create_history_partitions(months integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    first timestamptz := date_trunc('month', now(), 'UTC');
    month timestamptz;
    next timestamptz;
BEGIN
    FOR n IN 0..months LOOP
        month := ((first AT TIME ZONE 'UTC') + make_interval(months => n)) AT TIME ZONE 'UTC';
        next := ((first AT TIME ZONE 'UTC') + make_interval(months => n + 1)) AT TIME ZONE 'UTC';
        IF to_regclass('fhir_version_' || to_char(month AT TIME ZONE 'UTC', 'YYYY_MM')) IS NULL THEN
            BEGIN
                EXECUTE format('CREATE TABLE %I PARTITION OF fhir_version FOR VALUES FROM (%L) TO (%L)',
                    'fhir_version_' || to_char(month AT TIME ZONE 'UTC', 'YYYY_MM'), month, next);
            EXCEPTION WHEN check_violation OR duplicate_table THEN NULL;
            END;
        END IF;
    END LOOP;
END $$;

REVOKE ALL ON FUNCTION authenticate_client, list_organizations, count_open_dead_letters,
    create_history_partitions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION authenticate_client, list_organizations, count_open_dead_letters,
    create_history_partitions TO ehrconnect_app;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(VIEWS)
    op.execute(ROLE)
    for table in (*FORCED, *NOT_FORCED):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY organization_rows ON {table} USING (org_id = current_setting('app.org', true))"
        )
    for table in FORCED:
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(FUNCTIONS)
    op.execute("SELECT set_config('app.org', 'default', true)")
    op.execute("INSERT INTO organization (org_id, name) VALUES ('default', 'Default organization')")
