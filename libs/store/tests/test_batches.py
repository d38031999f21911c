"""However a list of transactions is cut into batches, what is stored in the end is the same."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.fhir.bundle import Entry
from libs.store import writer
from libs.store.engine import Pool, attempt, open_pool, transaction

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
numbers = count()
values = st.sampled_from("12")


@pytest.fixture(scope="module")
def pool(postgres_url: str) -> Iterator[Pool]:
    with open_pool(postgres_url, 2) as pool:
        yield pool


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    """A write to one of a few resources, by identifier, by id or as a conditional create."""
    value = draw(values)
    more = draw(st.lists(values, max_size=2))
    resource: dict[str, Any] = {
        "resourceType": "Patient",
        "identifier": [{"system": "s", "value": v} for v in dict.fromkeys([value, *more])],
        "gender": draw(st.sampled_from(["male", "female"])),
    }
    if draw(st.booleans()):
        resource["name"] = [{"family": draw(values)}]
    if draw(st.booleans()):
        resource["link"] = [{"other": {"reference": f"Patient/{draw(values)}"}, "type": "seealso"}]
    full_url = f"urn:uuid:{uuid5(NAMESPACE_URL, value)}"
    match draw(st.sampled_from(["identifier", "id", "create"])):
        case "identifier":
            remove = tuple(draw(st.sets(st.sampled_from(["name", "link"]), max_size=1)) - set(resource))
            url = f"Patient?identifier=s|{value}"
            return Entry(resource, full_url, "PUT", url, merge=draw(st.booleans()), remove=remove)
        case "id":
            if draw(st.booleans()):
                del resource["identifier"]
            return Entry(resource, full_url, "PUT", f"Patient/p{value}")
        case _:
            return Entry(resource, full_url, "POST", "Patient", if_none_exist=f"identifier=s|{value}")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.lists(entries(), min_size=1, max_size=2), min_size=1, max_size=6),
    st.lists(st.integers(1, 6), min_size=6, max_size=6),
)
def test_a_batch_does_what_its_transactions_do_one_by_one(
    pool: Pool, transactions: list[list[Entry]], sizes: list[int]
) -> None:
    one_by_one, together = f"one{next(numbers)}", f"all{next(numbers)}"

    _apply(pool, one_by_one, transactions, [1] * len(transactions))
    _apply(pool, together, transactions, sizes)

    assert _stored(pool, together) == _stored(pool, one_by_one)


def _apply(pool: Pool, org: str, transactions: list[list[Entry]], sizes: Sequence[int]) -> None:
    rest = transactions
    for size in sizes:
        batch, rest = rest[:size], rest[size:]
        attempt(pool, org, lambda c, batch=batch: writer.apply(c, org, batch, NOW))  # type: ignore[misc]


# The id of a resource whose place by its identifier is taken; later ones sort behind earlier ones.
_RANDOM_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


def _stored(pool: Pool, org: str) -> list[str]:
    with transaction(pool, org) as connection:
        return [
            _RANDOM_ID.sub("random", repr(connection.execute(query).fetchall()))
            for query in (
                "SELECT type, id, version, deleted, last_updated, content FROM fhir_resource ORDER BY id",
                "SELECT type, id, version, last_updated, content FROM fhir_version ORDER BY id, version",
                "SELECT system, value, id FROM fhir_identifier ORDER BY 1, 2",
                "SELECT r.id, i.patient, i.date_from, i.refs, array_length(i.tok, 1)"
                " FROM org_index i JOIN fhir_resource r USING (rid) ORDER BY r.id",
                "SELECT r.id, replace(s.lexemes::text, r.org_id, '') FROM org_str s"
                " JOIN fhir_resource r USING (rid) ORDER BY r.id",
                "SELECT r.id, d.param, d.lo FROM fhir_date d JOIN fhir_resource r USING (rid) ORDER BY 1, 2",
            )
        ]
