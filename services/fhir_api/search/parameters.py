"""A query string taken apart by what the definitions know of a type's parameters.

An unknown parameter is refused: to ignore a filter would be to give out more than was asked for.

Source: https://hl7.org/fhir/R4/search.html
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from libs.fhir.definitions import SearchParameter, search_parameters
from libs.fhir.search_query import split_values
from libs.http.errors import BadRequest
from libs.http.query import Pairs, with_plus
from libs.store.search import Criterion, Search
from services.fhir_api.errors import NotSupported
from services.fhir_api.search.paging import PARAMETER

DEFAULT_COUNT = 50
MAX_COUNT = 1000
MAX_VALUES = 500  # alternatives of one parameter

_TOTALS = ("none", "estimate", "accurate")
_PAIRED = ("token", "reference", "quantity")  # what may be second in a composite


@dataclass(slots=True)
class Query:
    """A client's search, as it was understood."""

    type: str
    criteria: list[Criterion] = field(default_factory=list)
    count: int = DEFAULT_COUNT  # 0: only the number of matches is asked for
    sort: str = ""
    total: str = ""  # one of _TOTALS; "": whatever costs nothing
    page: str = ""  # token of a `next` link
    pairs: Pairs = field(default_factory=list)  # what was understood, the page left out: for links

    @property
    def text(self) -> str:
        """The query as links have it; the same text is the same search."""
        return f"{self.type}?{urlencode(self.pairs)}" if self.pairs else self.type

    def search(self, after: bytes | None) -> Search:
        """What the store is to look for, from the position `after` on."""
        search = Search(
            self.type, tuple(self.criteria), self.count, after, total=self.total in ("estimate", "accurate")
        )
        return replace(search, sort=self.sort) if self.sort else search


def parse_search(kind: str, pairs: Sequence[tuple[str, str]], base: str, *, lenient: bool) -> Query:
    """The search that the pairs ask for; `base` is our own root, which absolute references begin with.

    Raises BadRequest, and NotSupported for an unknown parameter unless `lenient`.
    """
    query = Query(kind)
    for name, value in pairs:
        code, _, modifier = name.partition(":")
        if name in _RESULT:
            _RESULT[name](query, value)
        elif is_offered(kind, code):
            query.criteria.append(_criterion(search_parameters(kind)[code], modifier, value, base))
        elif lenient:
            continue
        else:
            raise NotSupported(f"{kind} has no search parameter {code!r}; see /metadata for those it has")
        if name != PARAMETER:
            query.pairs.append((name, value))
    return query


def is_offered(kind: str, code: str) -> bool:
    """Whether resources of the type can be searched by this parameter."""
    parameter = search_parameters(kind).get(code)
    return parameter is not None and is_supported(parameter, kind)


def is_supported(parameter: SearchParameter, kind: str) -> bool:
    """Whether the store has an index for the parameter of the type."""
    if parameter.kind != "composite":
        return parameter.kind != "special"
    if not parameter.composites:
        return False
    codes = [code for code, _ in parameter.composites[0].parts]
    known = search_parameters(kind)
    if not parameter.composites[0].path:
        return all(is_offered(kind, code) for code in codes)
    return codes[1] in known and known[codes[1]].kind in _PAIRED


def count_of(text: str) -> int:
    """`_count`, at most MAX_COUNT. Raises BadRequest."""
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise BadRequest("_count is a number from 0 on")
    return min(int(text), MAX_COUNT)


def _criterion(parameter: SearchParameter, modifier: str, value: str, base: str) -> Criterion:
    code = parameter.code
    text = with_plus(value) if parameter.kind == "date" else value
    values = [part.removeprefix(f"{base}/") for part in split_values(text)]
    if not all(values):
        raise BadRequest(f"{code} has no value")
    if len(values) > MAX_VALUES:
        raise BadRequest(f"{code} has more than {MAX_VALUES} values")
    return Criterion(code, tuple(values), modifier)


def _take_count(query: Query, value: str) -> None:
    query.count = count_of(value)


def _take_sort(query: Query, value: str) -> None:
    query.sort = value


def _take_total(query: Query, value: str) -> None:
    if value not in _TOTALS:
        raise BadRequest(f"_total is one of {', '.join(_TOTALS)}")
    query.total = value


def _take_summary(query: Query, value: str) -> None:
    if value == "count":
        query.count = 0
    elif value != "false":
        raise NotSupported("_summary is count or false")


def _take_page(query: Query, value: str) -> None:
    if not value:
        raise BadRequest(f"{PARAMETER} has no value")
    query.page = value


def _take_format(query: Query, value: str) -> None:
    """It has been looked at: see negotiation."""


_RESULT = {
    "_count": _take_count,
    "_sort": _take_sort,
    "_total": _take_total,
    "_summary": _take_summary,
    "_format": _take_format,
    PARAMETER: _take_page,
}
