"""What create and update share: conditions, the transaction, and what the client gets back.

Source: https://hl7.org/fhir/R4/http.html#concurrency, #ccreate and #ops
"""

import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from psycopg import Connection
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from libs.fhir.bundle import Entry
from libs.fhir.outcome import Issue
from libs.fhir.search_query import split_values, unescape
from libs.http.errors import BadRequest
from libs.http.query import parse_pairs
from libs.metrics import QUERY_SECONDS
from libs.store import writer
from libs.store.batch import VersionMismatch, Written
from libs.store.engine import attempt
from services.fhir_api.authentication import principal
from services.fhir_api.errors import FHIR_JSON, NotSupported, PreconditionFailed, outcome_response
from services.fhir_api.negotiation import preference
from services.fhir_api.response import etag, http_date
from services.fhir_api.runtime import runtime
from services.fhir_api.target import base_url

_IF_MATCH = re.compile(r'\s*(?:W/)?"(\d{1,9})"\s*')


def condition(query: str) -> str:
    """The query of a conditional create or update, in the store's form.

    Only an identifier with its system names one resource for certain, whoever writes at the same time;
    other conditions are refused. Raises BadRequest, NotSupported.
    """
    pairs = parse_pairs(query)
    if [name for name, _ in pairs] != ["identifier"]:
        raise NotSupported("a condition is identifier=system|value and nothing else")
    parts = [unescape(part) for part in split_values(pairs[0][1], "|")]
    if len(parts) != 2 or not parts[1]:
        raise BadRequest("the identifier of a condition has a system and a value: identifier=system|value")
    system, value = (quote(part, safe="") for part in parts)
    return f"identifier={system}|{value}"


def expected_version(request: Request) -> int | None:
    """The version that must be the current one: of If-Match, or 0 for none at all; None without a condition.

    Raises BadRequest.
    """
    if request.headers.get("if-none-match", "").strip() == "*":
        return 0
    stated = request.headers.get("if-match")
    if stated is None:
        return None
    tag = _IF_MATCH.fullmatch(stated)
    if tag is None:
        raise BadRequest('If-Match takes the ETag of one version, W/"3"')
    return int(tag[1])


async def write(request: Request, entry: Entry, expected: int | None = None) -> Written:
    """Store the entry in a transaction of its own. Raises PreconditionFailed and what the store raises."""
    org = principal(request).organization
    kind, _, name = entry.url.partition("/")
    if_match = {} if expected is None else {(kind, name): expected}

    def apply(connection: Connection[Any]) -> Written:
        [[written]] = writer.apply(connection, org, [[entry]], datetime.now(UTC), if_match)
        return written

    try:
        with QUERY_SECONDS.labels("write").time():
            return await run_in_threadpool(attempt, runtime(request).writers, org, apply)
    except VersionMismatch as error:
        raise PreconditionFailed(str(error)) from None


def written_response(request: Request, written: Written) -> Response:
    """201 or 200, where the resource now is, and as much of it as `Prefer` asks for."""
    location = f"{base_url(request)}/{written.type}/{written.id}/_history/{written.version}"
    headers = {
        "Location": location,
        "ETag": etag(written.version),
        "Last-Modified": http_date(written.last_updated),
    }
    status = 201 if written.outcome == "created" else 200
    match preference(request).returned:
        case "minimal":
            return Response(None, status, headers)
        case "OperationOutcome":
            return outcome_response(status, [_report(written)], headers)
        case _:
            return Response(written.content, status, headers, media_type=FHIR_JSON)


def _report(written: Written) -> Issue:
    says = f"{written.type}/{written.id} is at version {written.version}: {written.outcome}"
    return Issue(severity="information", code="informational", expression="", diagnostics=says)
