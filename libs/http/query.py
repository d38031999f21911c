"""Query strings and forms, taken apart."""

from urllib.parse import parse_qsl

from libs.http.errors import BadRequest

MAX_PARAMETERS = 100

Pairs = list[tuple[str, str]]


def parse_pairs(query: str) -> Pairs:
    """Names and values of a query string or form. Raises BadRequest for what is none."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except UnicodeDecodeError:
        raise BadRequest("the query is not UTF-8") from None
    except ValueError:
        raise BadRequest(f"the query has more than {MAX_PARAMETERS} parameters") from None
    if any("\0" in name or "\0" in value for name, value in pairs):
        raise BadRequest("the query contains NUL")
    return pairs


def with_plus(date: str) -> str:
    """A date whose time zone's "+" the client did not escape, so that it came as a space."""
    return date.replace(" ", "+")
