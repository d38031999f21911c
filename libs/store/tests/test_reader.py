import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from libs.errors import Permanent
from libs.fhir.bundle import Entry
from libs.fhir.json import loads
from libs.store import reader, writer
from libs.store.engine import AsyncPool, Pool, attempt, open_async_pool, open_pool, transaction
from libs.store.reader import Page
from libs.store.search import Criterion, Search

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
T = TypeVar("T")


@pytest.fixture(scope="module")
def pool(postgres_url: str) -> Iterator[Pool]:
    with open_pool(postgres_url, 2) as pool:
        yield pool


@pytest.fixture(scope="module")
def read(postgres_url: str) -> Callable[[Callable[[AsyncPool], Awaitable[T]]], T]:
    def run(question: Callable[[AsyncPool], Awaitable[T]]) -> T:
        async def ask() -> T:
            async with open_async_pool(postgres_url, 2) as pool:
                return await question(pool)

        return asyncio.run(ask())

    return run


def store(pool: Pool, *resources: dict[str, Any], org: str, now: datetime = NOW) -> None:
    entries = [Entry(r, "", "PUT", f"{r['resourceType']}/{r['id']}") for r in resources]
    attempt(pool, org, lambda c: writer.apply(c, org, [[e] for e in entries], now))


def patient(resource_id: str, **elements: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": resource_id, **elements}


def ids(page: Page) -> list[str]:
    return [match.id for match in page.matches]


def criterion(text: str) -> Criterion:
    """`name:exact=a,b` as a criterion."""
    name, _, values = text.partition("=")
    parameter, _, modifier = name.partition(":")
    return Criterion(parameter, tuple(values.split(",")), modifier)


PEOPLE = [
    patient(
        "ann",
        name=[{"family": "Müller", "given": ["Ann", "Marie"]}],
        gender="female",
        birthDate="1970-01-31",
        identifier=[
            {"system": "urn:a", "value": "1", "type": {"coding": [{"system": "urn:t", "code": "MR"}]}}
        ],
        telecom=[{"system": "phone", "value": "+1 (217) 555"}],
    ),
    patient("bob", name=[{"family": "Mullerson"}], gender="male", birthDate="1970", active=True),
    patient("cat", name=[{"family": "O'Neil \\ 100%"}], identifier=[{"value": "1"}], birthDate="1970-02"),
    patient("dan", managingOrganization={"reference": "Organization/x"}),
]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("name=mul", "ann bob"),
        ("family=MÜLLER", "ann bob"),
        ("family:exact=Müller", "ann"),
        ("family:exact=Muller", ""),
        ("family:contains=LLERS", "bob"),
        ("family:contains=100%", "cat"),
        ("family:contains=1_0", ""),
        ("family=o'neil \\\\ 100%", "cat"),
        ("given=marie,mary", "ann"),
        ("name:missing=true", "dan"),
        ("name:missing=false", "ann bob cat"),
        ("gender=male", "bob"),
        ("gender=male,female", "ann bob"),
        ("gender:not=male", "ann cat dan"),
        ("active=true", "bob"),
        ("identifier=1", "ann cat"),
        ("identifier=urn:a|1", "ann"),
        ("identifier=|1", "cat"),
        ("identifier=urn:a|", "ann"),
        ("identifier:of-type=urn:t|MR|1", "ann"),
        ("organization=Organization/x", "dan"),
        ("organization=x", "dan"),
        ("organization:Organization=x", "dan"),
        ("organization:not=x", "ann bob cat"),
        ("birthdate=1970", "ann bob cat"),
        ("birthdate=1970-01-31", "ann"),
        ("birthdate=ne1970-01-31", "bob cat"),
        ("birthdate=gt1970-01-31", "bob cat"),
        ("birthdate=lt1970-01-31", "bob"),
        ("birthdate=sa1970-01-31", "cat"),
        ("birthdate=eb1970-02", "ann"),
        ("birthdate=ge1970-02", "bob cat"),
        ("birthdate=le1970-01", "ann"),
        ("birthdate=ap1971", "ann bob cat"),
        ("_id=ann", "ann"),
        ("_id=ann,dan,nobody", "ann dan"),
        ("_id:not=ann", "bob cat dan"),
        ("_lastUpdated=2026-11-24", "ann bob cat dan"),
        ("_lastUpdated=gt2026-11-24", ""),
        ("_lastUpdated=ge2026-11-24T09:00:00Z", "ann bob cat dan"),
        ("_lastUpdated=lt2026-11-24T09:00:00Z", ""),
    ],
)
def test_a_search_finds_what_the_standard_says(
    pool: Pool, read: Callable[..., Page], query: str, found: str
) -> None:
    store(pool, *PEOPLE, org="people")

    page = read(lambda p: reader.search(p, "people", Search("Patient", (criterion(query),), total=True)))

    assert (sorted(ids(page)), page.total) == (found.split(), len(found.split()))


HEMOGLOBIN = loads(b'{"value":13.2,"unit":"g/dL"}')
OBSERVATIONS = [
    {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code, "display": "A Display"}]},
        "subject": {"reference": f"Patient/{subject}"},
        **more,
    }
    for name, code, subject, more in (
        (
            "a",
            "718-7",
            "1",
            {"valueQuantity": loads(b'{"value":13.2,"unit":"g/dL"}'), "effectiveDateTime": "2026"},
        ),
        ("b", "718-7", "2", {"valueQuantity": {"value": 14}, "effectiveDateTime": "2026-03-02T10:00:00Z"}),
        ("c", "777-3", "1", {"effectivePeriod": {"start": "2026-03-01"}}),
    )
]


@pytest.mark.parametrize(
    ("queries", "found"),
    [
        (["patient=1"], "a c"),
        (["patient=Patient/1", "code=718-7"], "a"),
        (["subject=Patient/1,Patient/2", "code=http://loinc.org|718-7"], "a b"),
        (["subject:Patient=2"], "b"),
        (["code:text=display"], "a b c"),
        (["code:text=nothing"], ""),
        (["code-value-quantity=718-7$gt13.5"], "b"),
        (["value-quantity=13.2"], "a"),
        (["value-quantity=13"], "a"),
        (["value-quantity=13.0"], ""),
        (["value-quantity=gt13.2"], "b"),
        (["value-quantity=ge13.2"], "a b"),
        (["value-quantity=13.2||g/dL"], "a"),
        (["value-quantity=lt14", "value-quantity=gt13"], "a"),
        (["date=2026"], "a b"),
        (["date=gt2026-06"], "a c"),
        (["date=ge2026-03-02", "patient=1"], "a c"),
        (["date=eb2026-03-02T09:00:00Z"], ""),
        (["date=lt2026-03-02"], "a c"),
        (["status=final", "date:missing=false"], "a b c"),
    ],
)
def test_criteria_are_met_together(
    pool: Pool, read: Callable[..., Page], queries: list[str], found: str
) -> None:
    store(pool, *OBSERVATIONS, org="labs")

    page = read(lambda p: reader.search(p, "labs", Search("Observation", tuple(map(criterion, queries)))))

    assert sorted(ids(page)) == found.split()


@pytest.mark.parametrize(
    "search",
    [
        Search("Patient", (criterion("nonsense=1"),)),
        Search("Patient", (criterion("name="),)),
        Search("Patient", (criterion("name:nonsense=1"),)),
        Search("Patient", (criterion("gender:missing=perhaps"),)),
        Search("Patient", (criterion("birthdate=yesterday"),)),
        Search("Patient", (criterion("birthdate:exact=1970"),)),
        Search("Patient", (criterion("organization:Patient=1"),)),
        Search("Observation", (criterion("value-quantity=heavy"),)),
        Search("Observation", (criterion("code-value-quantity=718-7"),)),
        Search("Location", (criterion("near=1|1"),)),
        Search("Patient", sort="name"),
        Search("Patient", after=b"nonsense"),
        Search("Patient", after=b"[1,2]"),
    ],
)
def test_a_search_that_cannot_be_answered_is_refused(read: Callable[..., Page], search: Search) -> None:
    with pytest.raises(Permanent):
        read(lambda p: reader.search(p, "default", search))


@pytest.mark.parametrize("sort", ["_id", "-_id", "_lastUpdated", "-_lastUpdated", "birthdate", "-birthdate"])
@pytest.mark.parametrize("queries", [[], ["gender=male"]])
def test_pages_hold_every_match_once_in_order(
    pool: Pool, read: Callable[..., list[Page]], sort: str, queries: list[str]
) -> None:
    org = "pages"
    for n in range(9):
        born = {"birthDate": f"19{70 + n % 4}"} if n % 3 else {}
        gender = "male" if n % 4 else "other"
        store(pool, patient(f"p{n}", gender=gender, **born), org=org, now=NOW + timedelta(seconds=n // 2))
    criteria = tuple(map(criterion, queries))

    async def pages(readers: AsyncPool) -> list[Page]:
        found = [await reader.search(readers, org, Search("Patient", criteria, count=2, sort=sort))]
        while found[-1].next:
            again = Search("Patient", criteria, count=2, sort=sort, after=found[-1].next)
            found.append(await reader.search(readers, org, again))
        return found

    found = [match for page in read(pages) for match in page.matches]

    expected = [n for n in range(9) if not queries or n % 4]
    assert sorted(match.id for match in found) == [f"p{n}" for n in expected]
    keys = [_sort_key(sort, loads(match.content or b"")) for match in found]
    dated = [key for key in keys if key]
    assert dated == sorted(dated, reverse=sort.startswith("-"))
    assert keys == dated + [""] * (len(keys) - len(dated)), "what has no date comes last"


def _sort_key(sort: str, resource: dict[str, Any]) -> str:
    field = sort.removeprefix("-")
    if field == "_lastUpdated":
        return str(resource["meta"]["lastUpdated"])
    return str(resource["id"] if field == "_id" else resource.get("birthDate", ""))


def test_a_count_of_zero_gives_the_total_alone(pool: Pool, read: Callable[..., Page]) -> None:
    store(pool, patient("a"), patient("b"), org="total")

    page = read(lambda p: reader.search(p, "total", Search("Patient", count=0)))

    assert page == Page([], None, 2)


def test_versions_are_read_one_by_one_or_as_history(pool: Pool, read: Callable[..., Any]) -> None:
    for gender in ("male", "female", "other", "unknown"):
        store(pool, patient("p", gender=gender), org="history")

    async def ask(readers: AsyncPool) -> list[Any]:
        one = await reader.current(readers, "history", "Patient", "p")
        numbers = [await reader.version(readers, "history", "Patient", "p", n) for n in (1, 4, 5)]
        first = await reader.history(readers, "history", "Patient", "p", count=3)
        second = await reader.history(readers, "history", "Patient", "p", count=3, before=first.next)
        none = await reader.history(readers, "history", "Patient", "q")
        return [one, numbers, first, second, none]

    one, numbers, first, second, none = read(ask)

    assert (one.version, loads(one.content)["gender"], one.last_updated) == (4, "unknown", NOW)
    assert [n and (n.version, loads(n.content)["gender"]) for n in numbers] == [
        (1, "male"),
        (4, "unknown"),
        None,
    ]
    assert ([v.version for v in first.versions], first.next, first.total) == ([4, 3, 2], 2, 4)
    assert ([v.version for v in second.versions], second.next, second.total) == ([1], None, 4)
    assert none == reader.History([], None, 0)


def test_what_was_never_stored_is_none(read: Callable[..., Any]) -> None:
    assert read(lambda p: reader.current(p, "default", "Patient", "nobody")) is None


def test_a_deleted_resource_is_not_found_but_known_to_have_been(pool: Pool, read: Callable[..., Any]) -> None:
    store(pool, patient("p", gender="male"), org="deleted")
    with transaction(pool, "deleted") as connection:
        connection.execute("UPDATE fhir_resource SET deleted = true, content = NULL, version = 2")

    stored = read(lambda p: reader.current(p, "deleted", "Patient", "p"))
    page = read(lambda p: reader.search(p, "deleted", Search("Patient")))

    assert (stored.version, stored.content, page.matches) == (2, None, [])


def test_another_organization_sees_nothing_even_where_a_query_forgets_to_ask(
    pool: Pool, read: Callable[..., Any]
) -> None:
    store(pool, patient("p", name=[{"family": "Secret"}], birthDate="1970"), *OBSERVATIONS, org="ours")

    async def forgetful(readers: AsyncPool) -> Sequence[Any]:
        from libs.store.engine import reading

        counts = []
        for table in (
            *("fhir_resource", "fhir_version", "fhir_index", "fhir_str", "fhir_num", "fhir_date"),
            *(
                "fhir_identifier",
                "org_resource",
                "org_index",
                "org_str",
                "org_num",
                "org_date",
                "message",
                "dead_letter",
                "api_client",
            ),
        ):
            async with reading(readers, "theirs") as connection:
                found = await connection.execute(f"SELECT count(*) FROM {table}")
                counts.append(await found.fetchone())
        async with readers.connection() as connection:  # no organization at all
            found = await connection.execute("SELECT count(*) FROM fhir_resource")
            counts.append(await found.fetchone())
        return counts

    assert set(read(forgetful)) == {(0,)}
    assert read(lambda p: reader.current(p, "theirs", "Patient", "p")) is None
    assert read(lambda p: reader.search(p, "theirs", Search("Patient", total=True))) == Page([], None, 0)
