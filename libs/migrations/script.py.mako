"""${message}

Rules of a migration:
- It must not break the release before it, which still runs while this one rolls out: add columns
  that are nullable or have a default, and drop or rename only what no running release uses.
- It must not hold a lock for long: a lock that is not granted within 5 seconds ends it (run it
  again). Build indexes on big tables with CONCURRENTLY in `op.get_context().autocommit_block()`,
  add constraints NOT VALID and validate them in a later migration, fill data in batches.
- A table with an `org_id` has row-level security before the role ehrconnect_app may touch it.
- The models (libs/models) change in the same commit; a test compares the two.
"""

from alembic import op
${imports if imports else ""}

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}
