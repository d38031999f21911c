"""PUT [base]/[type]/[id] and PUT [base]/[type]?[query].

https://hl7.org/fhir/R4/http.html#update and #cond-update
"""

from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response

from libs.fhir.bundle import Entry
from libs.http.errors import BadRequest
from services.fhir_api.body import read_resource
from services.fhir_api.errors import NotSupported
from services.fhir_api.interactions.write import condition, expected_version, write, written_response
from services.fhir_api.target import resource_key, resource_type


async def update(request: Request) -> Response:
    """The next version of the resource, or its first one under the id that the client chose."""
    kind, name = resource_key(request)
    expected = expected_version(request)
    resource = await read_resource(request, kind)
    if "id" not in resource:
        raise BadRequest("the body has no id; an update needs the one of the path")
    if resource["id"] != name:
        raise BadRequest("the body's id is not that of the path")
    entry = Entry(resource, f"urn:uuid:{uuid4()}", "PUT", f"{kind}/{name}")
    return written_response(request, await write(request, entry, expected=expected))


async def update_by_query(request: Request) -> Response:
    """The next version of the one resource that meets the condition, or a new resource when none does."""
    kind = resource_type(request)
    if expected_version(request) is not None:
        raise NotSupported("If-Match and If-None-Match go with an update by id")
    query = condition(request.url.query)
    resource = await read_resource(request, kind)
    entry = Entry(resource, f"urn:uuid:{uuid4()}", "PUT", f"{kind}?{query}")
    return written_response(request, await write(request, entry))
