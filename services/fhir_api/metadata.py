"""GET [base]/metadata. https://hl7.org/fhir/R4/http.html#capabilities

The statement is generated from the table that routing, search and validation read.
"""

from functools import cache
from hashlib import blake2b
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from libs.fhir.definitions import search_parameters, types
from services.fhir_api.errors import FHIR_JSON
from services.fhir_api.response import is_unchanged
from services.fhir_api.search.parameters import is_supported

CHANGED = "2026-11-24"  # when what the statement says last changed

_INTERACTIONS = ("read", "vread", "update", "history-instance", "create", "search-type")


async def capabilities(request: Request) -> Response:
    """What this server does, or 304 for who knows it already."""
    content, tag = _statement()
    headers = {"ETag": tag, "Cache-Control": "max-age=300"}
    if is_unchanged(request, tag, None):
        return Response(None, 304, headers)
    return Response(content, 200, headers, media_type=FHIR_JSON)


@cache
def _statement() -> tuple[bytes, str]:
    content = orjson.dumps(
        {
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": CHANGED,
            "kind": "instance",
            "software": {"name": "EHRConnect"},
            "implementation": {"description": "HL7 v2 messages and FHIR R4 resources of one organization"},
            "fhirVersion": "4.0.1",
            "format": ["application/fhir+json", "json"],
            "rest": [
                {
                    "mode": "server",
                    "security": {
                        "description": "Authorization: Bearer with an API key; it decides on the organization"
                    },
                    "resource": [_resource(kind) for kind in sorted(types())],
                }
            ],
        }
    )
    return content, f'W/"{blake2b(content, digest_size=8).hexdigest()}"'


def _resource(kind: str) -> dict[str, Any]:
    listed = [
        {"name": parameter.code, "type": parameter.kind}
        for _, parameter in sorted(search_parameters(kind).items())
        if is_supported(parameter, kind)
    ]
    return {
        "type": kind,
        "interaction": [{"code": code} for code in _INTERACTIONS],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": True,
        "conditionalCreate": True,
        "conditionalRead": "full-support",
        "conditionalUpdate": True,
        "conditionalDelete": "not-supported",
    } | ({"searchParam": listed} if listed else {})
