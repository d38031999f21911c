"""GET [base]/[type]/[id]. https://hl7.org/fhir/R4/http.html#read"""

from starlette.requests import Request
from starlette.responses import Response

from libs.http.errors import NotFound
from libs.metrics import QUERY_SECONDS
from libs.store import reader
from services.fhir_api.authentication import principal
from services.fhir_api.errors import Gone
from services.fhir_api.response import etag, resource_response
from services.fhir_api.runtime import runtime
from services.fhir_api.target import resource_key


async def read(request: Request) -> Response:
    """The current version of one resource of the caller's organization."""
    kind, name = resource_key(request)
    with QUERY_SECONDS.labels("read").time():
        stored = await reader.current(runtime(request).readers, principal(request).organization, kind, name)
    if stored is None:
        raise NotFound(f"{kind}/{name} is not known")
    if stored.content is None:
        raise Gone(f"{kind}/{name} was deleted", headers={"ETag": etag(stored.version)})
    return resource_response(request, stored.content, stored.version, stored.last_updated)
