"""What is stored, as it is stored: the bytes of a resource go from PostgreSQL to the caller unparsed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from psycopg import AsyncConnection

from libs.fhir.definitions import main_date
from libs.store.conditions import condition, names_few, needs_index
from libs.store.engine import AsyncPool, reading
from libs.store.ranges import Condition
from libs.store.search import BadSearch, Search


@dataclass(frozen=True, slots=True)
class Stored:
    """One version of a resource."""

    type: str
    id: str
    version: int
    last_updated: datetime
    content: bytes | None  # its JSON; None when this version is its deletion


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the matches of a search, in its order."""

    matches: list[Stored]
    next: bytes | None  # the position of the page that follows; None on the last one
    total: int | None  # of all pages, if it was asked for


@dataclass(frozen=True, slots=True)
class History:
    """Some of the versions of a resource, the newest first."""

    versions: list[Stored]
    next: int | None  # to be passed as `before` for the versions that follow; None on the last page
    total: int  # of all pages


_COLUMNS = "r.type, r.id, r.version, r.last_updated, convert_to(r.content, 'UTF8')"


async def current(pool: AsyncPool, org: str, kind: str, resource_id: str) -> Stored | None:
    """The current version; None when there never was such a resource."""
    return await _one(
        pool,
        org,
        f"SELECT {_COLUMNS} FROM fhir_resource r WHERE r.org_id = %s AND r.type = %s AND r.id = %s",  # noqa: S608
        (org, kind, resource_id),
    )


async def version(pool: AsyncPool, org: str, kind: str, resource_id: str, number: int) -> Stored | None:
    """That version, the current one or one of before; None when there is none."""
    key = (org, kind, resource_id, number)
    where = "WHERE r.org_id = %s AND r.type = %s AND r.id = %s AND r.version = %s"
    return await _one(
        pool,
        org,
        f"SELECT {_COLUMNS} FROM fhir_resource r {where}"  # noqa: S608
        f" UNION ALL SELECT {_COLUMNS} FROM fhir_version r {where} LIMIT 1",
        key + key,
    )


async def history(
    pool: AsyncPool, org: str, kind: str, resource_id: str, *, count: int = 50, before: int | None = None
) -> History:
    """At most `count` versions older than the version `before`; no versions when there is no resource."""
    of_it = "r.org_id = %s AND r.type = %s AND r.id = %s"
    page = f"WHERE {of_it} AND (%s::int IS NULL OR r.version < %s) ORDER BY r.version DESC LIMIT %s"
    values = (org, kind, resource_id, before, before, count + 1)
    async with reading(pool, org) as connection:
        found = await connection.execute(
            f"SELECT * FROM ((SELECT {_COLUMNS} FROM fhir_resource r {page})"  # noqa: S608
            f" UNION ALL (SELECT {_COLUMNS} FROM fhir_version r {page})) v"
            " ORDER BY version DESC LIMIT %s",
            (*values, *values, count + 1),
            binary=True,
        )
        number = await connection.execute(
            f"SELECT (SELECT count(*) FROM fhir_resource r WHERE {of_it})"  # noqa: S608
            f" + (SELECT count(*) FROM fhir_version r WHERE {of_it})",
            (org, kind, resource_id) * 2,
        )
        versions = [Stored(*row) for row in await found.fetchall()]
        total = await number.fetchone()
    more = len(versions) > count
    del versions[count:]
    return History(versions, versions[-1].version if more and versions else None, total[0] if total else 0)


async def search(pool: AsyncPool, org: str, search: Search) -> Page:
    """One page of what matches. Raises BadSearch, BadValue and BadDate for what cannot be asked."""
    query = _Query(org, search)
    async with reading(pool, org) as connection:
        found = await _execute(connection, query.page()) if search.count else None
        counted = await _execute(connection, query.total()) if search.total or not search.count else None
        rows = await found.fetchall() if found else []
        total = await counted.fetchone() if counted else None
    matches = [Stored(*facts) for *facts, _, _ in rows[: search.count]]
    more = len(rows) > search.count > 0
    position = orjson.dumps(rows[search.count - 1][-2:]) if more else None
    return Page(matches, position, total[0] if total else None)


class _Query:
    """The SQL of one search."""

    def __init__(self, org: str, search: Search) -> None:
        self._search = search
        field = search.sort.removeprefix("-")
        self._descending = search.sort.startswith("-")
        self._by_date = field not in ("_id", "_lastUpdated")
        if self._by_date and field != main_date(search.type):
            raise BadSearch(f"{search.type} cannot be sorted by {field}")
        self._key = {"_id": "r.id", "_lastUpdated": "r.last_updated"}.get(field, "i.date_from")
        self._type = "text" if field == "_id" else "timestamptz"
        self._from, self._where, self._values = self._parts(org)

    def _parts(self, org: str) -> tuple[str, str, list[Any]]:
        """FROM, WHERE and their values."""
        search = self._search
        conditions = [(criterion, condition(org, search, criterion)) for criterion in search.criteria]
        tables, values = "FROM org_resource r", []
        first = [each for criterion, each in conditions if names_few(criterion)]
        if first:
            # OFFSET 0 is a fence: first these few by their tokens, then each resource by its number,
            # whatever the statistics say.
            few = " AND ".join(each.text for each in first)
            tables = f"FROM (SELECT * FROM org_index i WHERE {few} OFFSET 0) i"  # noqa: S608
            tables += " CROSS JOIN LATERAL (SELECT * FROM org_resource r WHERE r.rid = i.rid OFFSET 0) r"
            values = [value for each in first for value in each.values]
        elif self._by_date or any(needs_index(criterion) for criterion in search.criteria):
            tables += " JOIN org_index i ON i.rid = r.rid AND i.org_id = %s AND i.type = %s"
            values = [org, search.type]
        rest = [each for _, each in conditions if each not in first]
        where = ["r.org_id = %s", "r.type = %s", "NOT r.deleted", *(each.text for each in rest)]
        values += [org, search.type, *(value for each in rest for value in each.values)]
        return tables, " AND ".join(where), values

    def total(self) -> Condition:
        return Condition(f"SELECT count(*) {self._from} WHERE {self._where}", self._values)

    def page(self) -> Condition:
        """One row more than the page has, each with its sort key and number at the end."""
        position = self._position()
        if not self._by_date:
            return self._part(self._key, position)
        # What has no date comes last. Two parts, so that the first can walk the index of dates and the
        # second is only begun when the first is not enough.
        limit = self._search.count + 1
        undated = self._part("NULL::timestamptz", position, " AND i.date_from IS NULL")
        if position is not None and position[0] is None:
            return undated
        dated = self._part(self._key, position, " AND i.date_from IS NOT NULL")
        undated = self._part("NULL::timestamptz", None, " AND i.date_from IS NULL")
        return Condition(
            f"({dated.text}) UNION ALL ({undated.text}) LIMIT %s", [*dated.values, *undated.values, limit]
        )

    def _part(self, key: str, position: tuple[str | None, int] | None, further: str = "") -> Condition:
        values = list(self._values)
        where = self._where + further
        undated = key.startswith("NULL")
        if position is not None:
            sign = "<" if self._descending and not undated else ">"
            if undated:
                where += f" AND r.rid {sign} %s"
                values.append(position[1])
            else:
                where += f" AND ({key}, r.rid) {sign} (%s::{self._type}, %s)"
                values += position
        order = "r.rid" if undated else f"{key} {self._way}, r.rid {self._way}"
        return Condition(
            f"SELECT {_COLUMNS}, ({key})::text, r.rid {self._from} WHERE {where} ORDER BY {order} LIMIT %s",
            [*values, self._search.count + 1],
        )

    @property
    def _way(self) -> str:
        return "DESC" if self._descending else "ASC"

    def _position(self) -> tuple[str | None, int] | None:
        if self._search.after is None:
            return None
        try:
            key, number = orjson.loads(self._search.after)
        except (orjson.JSONDecodeError, TypeError, ValueError):
            raise BadSearch("the position is not one that a page of this search gave") from None
        if not isinstance(number, int) or not isinstance(key, str | None):
            raise BadSearch("the position is not one that a page of this search gave")
        return key, number


async def _one(pool: AsyncPool, org: str, query: str, values: tuple[Any, ...]) -> Stored | None:
    async with reading(pool, org) as connection:
        found = await connection.execute(query, values, binary=True)
        row = await found.fetchone()
    return Stored(*row) if row else None


async def _execute(connection: AsyncConnection[Any], query: Condition) -> Any:
    # Planned for its values each time: a plan for any value would not know rare tokens from common ones.
    return await connection.execute(query.text, query.values, prepare=False, binary=True)
