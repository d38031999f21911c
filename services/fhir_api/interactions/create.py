"""POST [base]/[type]. https://hl7.org/fhir/R4/http.html#create and #ccreate"""

from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response

from libs.fhir.bundle import Entry
from services.fhir_api.body import read_resource
from services.fhir_api.interactions.write import condition, write, written_response
from services.fhir_api.target import resource_type


async def create(request: Request) -> Response:
    """A new resource under an id of ours, or with If-None-Exist the one that meets the condition."""
    kind = resource_type(request)
    asked = request.headers.get("if-none-exist")
    if_none_exist = condition(asked) if asked is not None else None
    resource = await read_resource(request, kind)
    resource.pop("id", None)
    entry = Entry(resource, f"urn:uuid:{uuid4()}", "POST", kind, if_none_exist=if_none_exist)
    return written_response(request, await write(request, entry))
