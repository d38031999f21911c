"""The resource that a client sends.

Source: https://hl7.org/fhir/R4/http.html#create and #update
"""

from typing import Any

from starlette.requests import Request

from libs.fhir.json import loads_foreign
from libs.fhir.validate import validate
from libs.http.body import read_body
from libs.http.errors import BadRequest
from services.fhir_api.errors import Unprocessable
from services.fhir_api.negotiation import require_json
from services.fhir_api.runtime import runtime


async def read_resource(request: Request, kind: str) -> dict[str, Any]:
    """The valid resource of type `kind` in the body.

    Raises UnsupportedMediaType, TooLarge, NotJson, BadRequest, or Unprocessable with all that is wrong.
    """
    require_json(request)
    resource = loads_foreign(await read_body(request, runtime(request).settings.fhir_max_body))
    if "resourceType" not in resource:
        raise BadRequest("the body has no resourceType")
    if resource["resourceType"] != kind:
        raise BadRequest(f"the body's resourceType is not {kind}, as the path says")
    issues = validate(resource)
    if any(issue.is_error for issue in issues):
        raise Unprocessable(issues)
    return resource
