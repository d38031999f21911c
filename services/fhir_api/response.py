"""Stored resources as HTTP responses: their bytes go out as they lie in the database.

Source: https://hl7.org/fhir/R4/http.html#versions and #cread
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

import orjson
from starlette.requests import Request
from starlette.responses import Response

from services.fhir_api.errors import FHIR_JSON


def etag(version: int) -> str:
    return f'W/"{version}"'


def http_date(moment: datetime) -> str:
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def resource_response(request: Request, content: bytes, version: int, updated: datetime) -> Response:
    """The resource, or 304 when the client says that it has this version."""
    headers = {"ETag": etag(version), "Last-Modified": http_date(updated)}
    if is_unchanged(request, headers["ETag"], updated):
        return Response(None, 304, headers)
    return Response(content, 200, headers, media_type=FHIR_JSON)


def is_unchanged(request: Request, tag: str, updated: datetime | None) -> bool:
    """Whether If-None-Match or, without one, If-Modified-Since is met by what the client has.

    Source: RFC 9110, 13.1.2, 13.1.3 and 13.2.2
    """
    wanted = request.headers.get("if-none-match")
    if wanted is not None:
        opaque = tag.removeprefix("W/")
        return any(part.strip().removeprefix("W/") in (opaque, "*") for part in wanted.split(","))
    since = request.headers.get("if-modified-since")
    if since is None or updated is None:
        return False
    try:
        moment = parsedate_to_datetime(since)
    except ValueError:
        return False
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return updated.replace(microsecond=0) <= moment


def bundle_response(
    kind: str, links: Sequence[tuple[str, str]], entries: Iterable[bytes], total: int | None = None
) -> Response:
    """A Bundle of type `kind` around entries that are JSON already; `links` are (relation, url)."""
    head: dict[str, object] = {"resourceType": "Bundle", "type": kind}
    if total is not None:
        head["total"] = total
    head["link"] = [{"relation": relation, "url": url} for relation, url in links]
    listed = b",".join(entries)  # FHIR JSON has no empty arrays
    tail = b',"entry":[' + listed + b"]}" if listed else b"}"
    return Response(orjson.dumps(head)[:-1] + tail, media_type=FHIR_JSON)


def entry(full_url: str, content: bytes | None, **parts: dict[str, object]) -> bytes:
    """One Bundle.entry; `parts` are its search, request or response."""
    head = orjson.dumps({"fullUrl": full_url})[:-1]
    resource = b',"resource":' + content if content is not None else b""
    tail = b"".join(b',"' + name.encode() + b'":' + orjson.dumps(value) for name, value in parts.items())
    return head + resource + tail + b"}"
