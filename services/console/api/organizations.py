"""/api/organizations: whom the user acts for."""

from typing import Any

from libs.store.organizations import own_organization
from services.console.api.call import Call


def listed(call: Call) -> Any:
    """The user's own, and no other."""
    with call.transaction() as connection:
        return {"organizations": [own_organization(connection, call.organization)]}
