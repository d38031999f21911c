"""The search index: what the search values of resources become in its tables."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import orjson
from psycopg import Connection

from libs.fhir.search_values import IndexValues, index_values
from libs.store.batch import State
from libs.store.lexemes import lexeme, quoted
from libs.store.rows import columns


@dataclass(frozen=True, slots=True)
class Indexed:
    """A resource whose index rows are to be replaced."""

    state: State
    values: IndexValues


def index(org: str, states: Iterable[State]) -> list[Indexed]:
    """The resources whose search values have changed; their `index_hash` is set to the new one."""
    changed = []
    for state in states:
        values = index_values(org, {"resourceType": state.type, "id": state.id} | (state.body or {}))
        values.dates = [row for row in values.dates if row[0] != "_lastUpdated"]  # a column of its own
        fingerprint = _fingerprint(values)
        if fingerprint != state.index_hash or not state.stored_version:
            state.index_hash = fingerprint
            changed.append(Indexed(state, values))
    return changed


def write(connection: Connection[Any], org: str, indexed: Sequence[Indexed]) -> None:
    """Replace the index rows of those resources."""
    if old := [one.state.rid for one in indexed if one.state.stored_version]:
        for table in ("fhir_index", "fhir_str", "fhir_num", "fhir_date"):
            connection.execute(f"DELETE FROM {table} WHERE rid = ANY(%b::bigint[])", (old,))  # noqa: S608
    _insert(connection, org, _INDEX, [_index_row(one) for one in indexed])
    _insert(connection, org, _STR, [_string_row(org, one) for one in indexed if one.values.strings])
    _insert(connection, org, _NUM, [row for one in indexed for row in _number_rows(one)])
    _insert(connection, org, _DATE, [row for one in indexed for row in _date_rows(one)])


_INDEX = """
INSERT INTO fhir_index (org_id, rid, type, patient, date_from, date_to, refs, tok)
SELECT %b, rid, type, patient, date_from, date_to, string_to_array(refs, ' '), tok::bigint[]
FROM unnest(%b::bigint[], %b::text[], %b::text[], %b::timestamptz[], %b::timestamptz[], %b::text[],
    %b::text[]) AS w (rid, type, patient, date_from, date_to, refs, tok)
"""
_STR = """
INSERT INTO fhir_str (org_id, rid, type, lexemes)
SELECT %b, rid, type, lexemes::tsvector
FROM unnest(%b::bigint[], %b::text[], %b::text[]) AS w (rid, type, lexemes)
"""
_NUM = """
INSERT INTO fhir_num (org_id, rid, type, param, key, lo, hi)
SELECT %b, * FROM unnest(%b::bigint[], %b::text[], %b::text[], %b::bigint[], %b::numeric[], %b::numeric[])
"""
_DATE = """
INSERT INTO fhir_date (org_id, rid, type, param, lo, hi)
SELECT %b, * FROM unnest(%b::bigint[], %b::text[], %b::text[], %b::timestamptz[], %b::timestamptz[])
"""


def _insert(connection: Connection[Any], org: str, statement: str, rows: list[tuple[Any, ...]]) -> None:
    if rows:
        connection.execute(statement, (org, *columns(rows, len(rows[0]))))


def _index_row(one: Indexed) -> tuple[Any, ...]:
    values, state = one.values, one.state
    first, last = values.date or (None, None)
    refs = " ".join(f"{parameter}={kind}/{id}" for parameter, kind, id in values.references)
    tokens = "{" + ",".join(map(str, values.tokens)) + "}"
    return state.rid, state.type, values.patient, first, last, refs, tokens


def _string_row(org: str, one: Indexed) -> tuple[Any, ...]:
    state = one.state
    lexemes = (quoted(lexeme(org, state.type, parameter, value)) for parameter, value in one.values.strings)
    return state.rid, state.type, " ".join(lexemes)


def _number_rows(one: Indexed) -> list[tuple[Any, ...]]:
    rows = dict.fromkeys((parameter, key, lo, hi) for parameter, key, lo, hi in one.values.numbers)
    return [(one.state.rid, one.state.type, *row) for row in rows]


def _date_rows(one: Indexed) -> list[tuple[Any, ...]]:
    return [(one.state.rid, one.state.type, *row) for row in dict.fromkeys(one.values.dates)]


def _fingerprint(values: IndexValues) -> int:
    facts = (
        values.tokens, values.patient, values.date, values.strings, values.dates, values.numbers,
        values.references,
    )  # fmt: skip
    digest = blake2b(orjson.dumps(facts, default=_text), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _text(value: Any) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"a {type(value).__name__} is no search value")
