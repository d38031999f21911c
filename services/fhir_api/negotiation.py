"""Which representation a client asks for, and what it prefers to get back.

Source: https://hl7.org/fhir/R4/http.html#mime-type, #ops and #parameters
"""

from dataclasses import dataclass
from typing import Literal

from starlette.requests import Request

from libs.http.body import media_type
from libs.http.errors import UnsupportedMediaType
from services.fhir_api.errors import NotAcceptable

_JSON = frozenset({"application/fhir+json", "application/json", "text/json", "json"})
_ANY = frozenset({"*/*", "application/*"})

Returned = Literal["minimal", "representation", "OperationOutcome"]


@dataclass(frozen=True, slots=True)
class Preference:
    """What `Prefer` says."""

    returned: Returned = "representation"  # what a write answers with
    lenient: bool = False  # unknown search parameters are ignored instead of refused


def require_acceptable(request: Request) -> None:
    """Raises NotAcceptable when the client takes no FHIR R4 JSON. `_format` goes before `Accept`."""
    wanted = request.query_params.get("_format") if b"_format=" in request.scope["query_string"] else None
    if wanted:
        # A "+" that the client did not escape arrives as a space.
        if media_type(wanted.replace(" ", "+"))[0] not in _JSON:
            raise NotAcceptable("_format: this server has JSON only; ask for application/fhir+json")
        return
    accept = request.headers.get("accept")
    if accept and not any(_is_served(part) for part in accept.split(",")):
        raise NotAcceptable("Accept: this server has FHIR R4 JSON only; ask for application/fhir+json")


def require_json(request: Request) -> None:
    """Raises UnsupportedMediaType when the body is not said to be FHIR R4 JSON in UTF-8."""
    kind, parameters = media_type(request.headers.get("content-type", ""))
    if kind not in _JSON or not _is_r4_utf8(parameters):
        raise UnsupportedMediaType("Content-Type: a resource is sent as application/fhir+json in UTF-8")


def preference(request: Request) -> Preference:
    """What `Prefer` asks for; what is not understood is ignored, as RFC 7240 wants."""
    headers = request.headers.getlist("prefer")
    if not headers:
        return Preference()
    asked = {part.strip() for header in headers for part in header.replace(";", ",").split(",")}
    returned: Returned = "representation"
    if "return=minimal" in asked:
        returned = "minimal"
    elif "return=OperationOutcome" in asked:
        returned = "OperationOutcome"
    return Preference(returned, lenient="handling=lenient" in asked)


def _is_served(part: str) -> bool:
    kind, parameters = media_type(part)
    if kind not in _JSON and kind not in _ANY:
        return False
    return parameters.get("q", "1").strip("0.") != "" and _is_r4_utf8(parameters)


def _is_r4_utf8(parameters: dict[str, str]) -> bool:
    version, charset = parameters.get("fhirversion", "4.0"), parameters.get("charset", "utf-8")
    return version in {"4.0", "4.0.1"} and charset.lower() in {"utf-8", "utf8"}
