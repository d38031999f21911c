"""What a request's path and credential say it is about.

Source: https://hl7.org/fhir/R4/datatypes.html#id
"""

import re

from starlette.requests import Request

from libs.fhir import definitions
from libs.http.errors import BadRequest, NotFound

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


def resource_type(request: Request) -> str:
    """Raises NotFound for what is no resource type of FHIR R4."""
    name: str = request.path_params["type"]
    if name not in definitions.types():
        raise NotFound("the path names no resource type of FHIR R4")
    return name


def resource_key(request: Request) -> tuple[str, str]:
    """Type and id. Raises NotFound for an unknown type, BadRequest for what is no FHIR id."""
    kind, name = resource_type(request), request.path_params["id"]
    if name.startswith(("_", "$")):
        raise NotFound(f"no such operation on {kind}")
    if not is_id(name):
        raise BadRequest("an id has 1 to 64 letters, digits, '-' and '.'")
    return kind, name


def is_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def base_url(request: Request) -> str:
    """The API's root as clients see it, without a slash at the end."""
    configured: str = request.app.state.runtime.settings.fhir_base_url
    return configured or f"{request.url.scheme}://{request.url.netloc}/fhir/R4"
