"""The texts of FHIR references, taken apart.

Source: FHIR R4, "Resource References", literal references.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from libs.fhir.definitions import types

_REST = re.compile(
    r"(?:(?P<base>https?://\S+)/)?(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64})"
    r"(?:/_history/(?P<version>[A-Za-z0-9\-.]{1,64}))?"
)


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference to a resource on a FHIR server."""

    type: str
    id: str
    base: str | None = None  # of another server, or of ours spelled out; None when relative
    version: str | None = None

    def __str__(self) -> str:
        return f"{self.type}/{self.id}"


@lru_cache(maxsize=4096)
def parse_reference(text: str) -> Reference | None:
    """`Type/id`, absolute or relative, with or without version; None for `urn:`, `#contained` etc."""
    found = _REST.fullmatch(text)
    if found is None or found["type"] not in types():
        return None
    return Reference(found["type"], found["id"], found["base"], found["version"])
