"""A FHIR search as data."""

from dataclasses import dataclass
from datetime import UTC, tzinfo

from libs.errors import Permanent


class BadSearch(Permanent):
    """A search that the parameter or this server does not allow; the text says which part."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """One parameter of a query; `values` are alternatives, as written, with their escapes."""

    parameter: str
    values: tuple[str, ...]
    modifier: str = ""  # exact, contains, missing, not, text, of-type, identifier, below, above or a type


@dataclass(frozen=True, slots=True)
class Search:
    """What to look for among the resources of a type; all criteria have to be met."""

    type: str
    criteria: tuple[Criterion, ...] = ()
    count: int = 50  # resources of a page; 0 for the total alone
    after: bytes | None = None  # the position that the page before gave
    sort: str = "_lastUpdated"  # or _id, or the type's main date; with a leading "-" the other way round
    total: bool = False  # whether to count all matches
    zone: tzinfo = UTC  # of dates that name none
