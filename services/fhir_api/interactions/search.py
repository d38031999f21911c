"""GET [base]/[type]?... and POST [base]/[type]/_search. https://hl7.org/fhir/R4/http.html#search"""

from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import Response

from libs.http.body import media_type, read_body
from libs.http.errors import UnsupportedMediaType
from libs.http.query import Pairs, parse_pairs
from libs.metrics import QUERY_SECONDS
from libs.store import reader
from libs.store.reader import Page, Stored
from services.fhir_api.authentication import principal
from services.fhir_api.negotiation import preference
from services.fhir_api.response import bundle_response, entry
from services.fhir_api.runtime import runtime
from services.fhir_api.search import paging
from services.fhir_api.search.parameters import Query, parse_search
from services.fhir_api.target import base_url, resource_type

_FORM = "application/x-www-form-urlencoded"


async def search(request: Request) -> Response:
    """The resources of a type that meet every criterion, a page at a time."""
    return await _answer(request, parse_pairs(request.url.query))


async def search_by_post(request: Request) -> Response:
    """The same with a form, which no proxy logs; parameters of the URL count as well."""
    form = await read_body(request, runtime(request).settings.fhir_max_body)
    if form and media_type(request.headers.get("content-type", ""))[0] != _FORM:
        raise UnsupportedMediaType(f"Content-Type: a search is posted as {_FORM}")
    return await _answer(request, parse_pairs(request.url.query) + parse_pairs(form.decode("latin-1")))


async def _answer(request: Request, pairs: Pairs) -> Response:
    base, caller, opened = base_url(request), principal(request), runtime(request)
    query = parse_search(resource_type(request), pairs, base, lenient=preference(request).lenient)
    after = opened.pages.position(caller, query.text, query.page) if query.page else None
    with QUERY_SECONDS.labels("search").time():
        page = await reader.search(opened.readers, caller.organization, query.search(after))
    links = [("self", f"{base}/{query.text}")]
    if page.next is not None:
        token = opened.pages.token(caller, query.text, page.next)
        links.append(("next", paging.link(f"{base}/{query.text}", token)))
    return bundle_response("searchset", links, _entries(base, page.matches), _total(query, page))


def _entries(base: str, matches: list[Stored]) -> Iterator[bytes]:
    for match in matches:
        yield entry(f"{base}/{match.type}/{match.id}", match.content, search={"mode": "match"})


def _total(query: Query, page: Page) -> int | None:
    """How many match, if it was counted or is to be seen: the first page is the only one."""
    if page.total is not None or query.total == "none":
        return page.total
    return len(page.matches) if page.next is None and not query.page else None
