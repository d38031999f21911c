"""Alembic's way in: runs the migrations on the connection that `libs.migrations` hands over."""

from typing import Any

from alembic import context

from libs.models import Base


def _is_ours(name: str | None, kind: str, _parents: Any) -> bool:
    """Partitions come and go with the months; they are no part of the models."""
    return not (kind == "table" and name is not None and name.startswith("fhir_version_"))


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    include_name=_is_ours,
    compare_type=True,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
