"""What only this service counts of a request, and what its log line says besides."""

from typing import Any

from starlette.types import Scope

from libs.fhir.definitions import types
from libs.metrics import FHIR_OPERATIONS
from libs.store.organizations import Principal


def answered(scope: Scope, status: int) -> dict[str, Any]:
    """Count the interaction; who asked for it, for the log. Neither names a resource."""
    if interaction := scope.get("state", {}).get("interaction"):
        kind = scope["path_params"].get("type", "")
        kind = kind if kind in types() else "unknown"
        FHIR_OPERATIONS.labels(interaction, kind, str(status)).inc()
    caller: Principal | None = scope.get("user")
    return {
        "organization": caller.organization if caller else None,
        "client_id": caller.client_id if caller else None,
    }
