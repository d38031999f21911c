"""GET [base]/[type]/[id]/_history/[vid]. https://hl7.org/fhir/R4/http.html#vread"""

from starlette.requests import Request
from starlette.responses import Response

from libs.http.errors import NotFound
from libs.metrics import QUERY_SECONDS
from libs.store import reader
from services.fhir_api.authentication import principal
from services.fhir_api.errors import Gone
from services.fhir_api.response import resource_response
from services.fhir_api.runtime import runtime
from services.fhir_api.target import resource_key

_LAST = 2**31 - 1  # versions are 32-bit numbers


async def vread(request: Request) -> Response:
    """One version of a resource, the current one or an older one."""
    kind, name = resource_key(request)
    text = request.path_params["version"]
    version = int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else 0
    if not 0 < version <= _LAST:
        raise NotFound(f"{kind}/{name} has no such version")
    with QUERY_SECONDS.labels("vread").time():
        stored = await reader.version(
            runtime(request).readers, principal(request).organization, kind, name, version
        )
    if stored is None:
        raise NotFound(f"{kind}/{name} has no version {version}")
    if stored.content is None:
        raise Gone(f"version {version} of {kind}/{name} is its deletion")
    return resource_response(request, stored.content, stored.version, stored.last_updated)
