"""GET [base]/[type]/[id]/_history. https://hl7.org/fhir/R4/http.html#history"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from libs.fhir.dates import date_range
from libs.http.errors import NotFound
from libs.http.query import Pairs, parse_pairs, with_plus
from libs.metrics import QUERY_SECONDS
from libs.store import reader
from libs.store.reader import Stored
from services.fhir_api.authentication import principal
from services.fhir_api.errors import NotSupported
from services.fhir_api.negotiation import preference
from services.fhir_api.response import bundle_response, entry, etag
from services.fhir_api.runtime import runtime
from services.fhir_api.search import paging
from services.fhir_api.search.parameters import DEFAULT_COUNT, count_of
from services.fhir_api.target import base_url, resource_key


async def history(request: Request) -> Response:
    """Every version of one resource, the newest first, a page at a time."""
    kind, name = resource_key(request)
    base, caller, opened = base_url(request), principal(request), runtime(request)
    asked = _read(parse_pairs(request.url.query), lenient=preference(request).lenient)
    path = f"{kind}/{name}/_history"
    query = f"{path}?{urlencode(asked.pairs)}" if asked.pairs else path
    before = int(opened.pages.position(caller, query, asked.page)) if asked.page else None

    with QUERY_SECONDS.labels("history").time():
        found = await reader.history(
            opened.readers, caller.organization, kind, name, count=asked.count, before=before
        )
    if not found.total:
        raise NotFound(f"{kind}/{name} is not known")
    versions, following = found.versions, found.next
    if asked.since is not None:
        since = asked.since
        versions = list(takewhile(lambda version: version.last_updated >= since, found.versions))
        following = following if len(versions) == len(found.versions) else None

    links = [("self", f"{base}/{query}")]
    if following is not None:
        token = opened.pages.token(caller, query, str(following).encode())
        links.append(("next", paging.link(f"{base}/{query}", token)))
    total = found.total if asked.since is None else None
    return bundle_response("history", links, _entries(base, versions), total)


@dataclass(slots=True)
class _Asked:
    count: int = DEFAULT_COUNT
    since: datetime | None = None
    page: str = ""
    pairs: Pairs = field(default_factory=list)  # what was understood, the page left out: for links


def _read(pairs: Pairs, *, lenient: bool) -> _Asked:
    """What the query asks for. Raises BadRequest, BadDate, NotSupported."""
    asked = _Asked()
    for name, value in pairs:
        match name:
            case "_count":
                asked.count = count_of(value)
            case "_since":
                asked.since, _ = date_range(with_plus(value))
            case paging.PARAMETER:
                asked.page = value
                continue
            case "_format":
                pass
            case _ if lenient:
                continue
            case _:
                raise NotSupported(f"a history has no parameter {name!r}; it has _count and _since")
        asked.pairs.append((name, value))
    return asked


def _entries(base: str, versions: list[Stored]) -> Iterator[bytes]:
    for version in versions:
        where = f"{version.type}/{version.id}"
        if version.content is None:
            method, status = "DELETE", "204"
        else:
            method, status = "PUT", "201" if version.version == 1 else "200"
        yield entry(
            f"{base}/{where}",
            version.content,
            request={"method": method, "url": where},
            response={
                "status": status,
                "etag": etag(version.version),
                "lastModified": _instant(version.last_updated),
            },
        )


def _instant(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
