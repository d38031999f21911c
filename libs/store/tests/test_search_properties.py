"""Searches against a filter in plain Python that knows nothing of the index."""

import asyncio
import unicodedata
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.fhir.bundle import Entry
from libs.store import reader, writer
from libs.store.engine import AsyncPool, Pool, attempt, open_async_pool, open_pool
from libs.store.search import Criterion, Search

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
FAMILIES = ["Smith", "Smithson", "smith", "Müller", "Muller", "O'Neil", "a\\b", "50% off", "Ｗide", ""]
DATES = ["1970", "1970-01", "1970-01-31", "1970-02", "1970-02-01", "1971"]
PREFIXES = ["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"]
numbers = count()

Patient = dict[str, Any]
Test = Callable[[Patient], bool]

patients = st.fixed_dictionaries(
    {},
    optional={
        "gender": st.sampled_from(["male", "female"]),
        "birthDate": st.sampled_from(DATES),
        "name": st.lists(st.sampled_from(FAMILIES[:-1]), min_size=1, max_size=2).map(
            lambda names: [{"family": name} for name in names]
        ),
        "identifier": st.lists(st.tuples(st.sampled_from(["", "s"]), st.sampled_from("12")), max_size=2).map(
            lambda pairs: [{"system": s, "value": v} if s else {"value": v} for s, v in pairs]
        ),
    },
)


def _escaped(value: str) -> str:
    return "".join("\\" + c if c in "\\,|$" else c for c in value)


def _plain(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)).lower()


def _families(patient: Patient) -> list[str]:
    return [name["family"] for name in patient.get("name", ())]


def _span(text: str) -> tuple[datetime, datetime]:
    year, month, day = (int(part) for part in (text + "-00-00").split("-")[:3])
    start = datetime(year, month or 1, day or 1, tzinfo=UTC)
    if day:
        return start, start + timedelta(days=1)
    return start, datetime(year + (not month or month == 12), (month % 12 + 1) if month else 1, 1, tzinfo=UTC)


def _compares(prefix: str, stated: str, asked: str) -> bool:
    (lo, hi), (low, high) = _span(stated), _span(asked)
    within = low <= lo and hi <= high
    return {
        "": within, "eq": within, "ne": not within, "gt": hi > high, "lt": lo < low,
        "ge": hi > high or within, "le": lo < low or within, "sa": lo >= high, "eb": hi <= low,
    }[prefix]  # fmt: skip


@st.composite
def criteria(draw: st.DrawFn) -> tuple[Criterion, Test]:
    """A criterion, and what it means."""
    match draw(st.sampled_from(["gender", "identifier", "family", "birthdate", "missing"])):
        case "gender":
            values = tuple(draw(st.sets(st.sampled_from(["male", "female", "other"]), min_size=1)))
            if draw(st.booleans()):
                return Criterion("gender", values, "not"), lambda p: p.get("gender") not in values
            return Criterion("gender", values), lambda p: p.get("gender") in values
        case "identifier":
            system, value = draw(st.sampled_from([None, "", "s"])), draw(st.sampled_from("123"))
            text = value if system is None else f"{system}|{value}"
            return Criterion("identifier", (text,)), lambda p: any(
                i["value"] == value and system in (None, i.get("system", "")) for i in p.get("identifier", ())
            )
        case "family":
            value = draw(st.sampled_from(FAMILIES[:-1]))[: draw(st.integers(1, 9))]
            modifier = draw(st.sampled_from(["", "exact", "contains"]))
            means: dict[str, Callable[[str], bool]] = {
                "": lambda family: _plain(family).startswith(_plain(value)),
                "exact": lambda family: family == value,
                "contains": lambda family: _plain(value) in _plain(family),
            }
            return Criterion("family", (_escaped(value),), modifier), lambda p: any(
                map(means[modifier], _families(p))
            )
        case "birthdate":
            prefix, asked = draw(st.sampled_from(PREFIXES)), draw(st.sampled_from(DATES))
            return Criterion(
                "birthdate", (prefix + asked,)
            ), lambda p: "birthDate" in p and _compares(prefix, p["birthDate"], asked)
        case _:
            name, missing = (
                draw(st.sampled_from(["gender", "birthDate", "name", "identifier"])),
                draw(st.booleans()),
            )
            return Criterion(
                name.lower(), (str(missing).lower(),), "missing"
            ), lambda p: bool(p.get(name)) is not missing


@pytest.fixture(scope="module")
def pool(postgres_url: str) -> Iterator[Pool]:
    with open_pool(postgres_url, 2) as pool:
        yield pool


@settings(max_examples=80, deadline=None)
@given(
    stored=st.lists(patients, max_size=8),
    asked=st.lists(st.lists(criteria(), max_size=3), min_size=1, max_size=5),
    size=st.integers(1, 4),
    sort=st.sampled_from(["_id", "-_lastUpdated", "_lastUpdated", "birthdate", "-birthdate"]),
)
def test_a_search_finds_what_a_plain_filter_finds(
    *,
    pool: Pool,
    postgres_url: str,
    stored: list[Patient],
    asked: list[list[tuple[Criterion, Test]]],
    size: int,
    sort: str,
) -> None:
    org = f"org{next(numbers)}"
    named = {f"p{n}": patient for n, patient in enumerate(stored)}
    entries = [
        Entry({"resourceType": "Patient", "id": name, **_shaped(p)}, "", "PUT", f"Patient/{name}")
        for name, p in named.items()
    ]
    attempt(pool, org, lambda c: writer.apply(c, org, [entries], NOW))

    found = asyncio.run(_ask(postgres_url, org, [[c for c, _ in one] for one in asked], size, sort))

    assert found == [
        sorted(name for name, p in named.items() if all(test(p) for _, test in one)) for one in asked
    ]


def _shaped(patient: Patient) -> Patient:
    """FHIR has no empty lists."""
    return {name: value for name, value in patient.items() if value}


async def _ask(url: str, org: str, asked: list[list[Criterion]], size: int, sort: str) -> list[list[str]]:
    async with open_async_pool(url, 1) as readers:
        return [await _every_page(readers, org, tuple(one), size, sort) for one in asked]


async def _every_page(
    readers: AsyncPool, org: str, criteria: tuple[Criterion, ...], size: int, sort: str
) -> list[str]:
    found: list[str] = []
    after = None
    while True:
        search = Search("Patient", criteria, count=size, sort=sort, after=after, total=True)
        page = await reader.search(readers, org, search)
        found += [match.id for match in page.matches]
        after = page.next
        if after is None:
            assert page.total == len(found)
            return sorted(found)
