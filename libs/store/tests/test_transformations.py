"""Applying stored messages again: which, in what order, and what they leave alone."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import psycopg
import pytest

from libs.fhir.bundle import Entry
from libs.fhir.json import loads
from libs.lanes.contracts import Envelope
from libs.store import messages, transformations, writer
from libs.store.engine import Pool, attempt, open_pool, transaction
from libs.store.messages import Finished
from libs.store.transformations import Chosen, UnknownMessage

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
A = Envelope("0" * 31 + "a", "default", NOW.timestamp(), "ADT|NORTH", "10.0.0.7", "", b"MSH|a")


@pytest.fixture
def pool(fresh_postgres_url: str) -> Iterator[Pool]:
    with open_pool(fresh_postgres_url, 2) as pool:
        yield pool


@pytest.fixture
def connection(pool: Pool) -> Iterator[psycopg.Connection[Any]]:
    with transaction(pool, "default") as connection:
        yield connection


def message(number: int, patient: int | None = 1, sender: str = "ADT|NORTH") -> Finished:
    """Received so many minutes after NOW."""
    at = (NOW + number * MINUTE).timestamp()
    envelope = replace(A, message_id=f"{number:032x}", received_at=at, sender=sender)
    return Finished(envelope, f"M{number}", "ADT^A08", "{}", patient, 3)


def ids(found: Sequence[transformations.Stored] | Iterator[Envelope]) -> list[int]:
    envelopes = [one.envelope if isinstance(one, transformations.Stored) else one for one in found]
    return [int(envelope.message_id, 16) for envelope in envelopes]


def test_a_message_is_followed_by_those_about_its_patient_in_their_order(
    connection: psycopg.Connection[Any],
) -> None:
    stored = [message(4), message(2), message(3, patient=2), message(1), message(5, patient=None)]
    messages.finish(connection, "default", stored[:3], NOW)
    messages.park(connection, "default", stored[3:], NOW)

    def onwards(number: int, limit: int = 9) -> list[int]:
        return ids(transformations.onwards(connection, "default", f"{number:032x}", limit))

    assert [onwards(1), onwards(2), onwards(1, 2), onwards(5)] == [[1, 2, 4], [2, 4], [1, 2], [5]]
    [first, *_] = transformations.onwards(connection, "default", f"{1:032x}", 1)
    assert first == transformations.Stored(message(1).envelope, "parked", "M1", "ADT^A08", NOW, 3)
    with pytest.raises(UnknownMessage, match="has no message"):
        onwards(9)


def test_what_came_in_meanwhile_is_counted(connection: psycopg.Connection[Any]) -> None:
    messages.finish(connection, "default", [message(n) for n in (1, 2, 4)], NOW)
    messages.finish(connection, "default", [message(3, patient=2), message(5, patient=None)], NOW)

    def count(first: int, last: int | None = None) -> int:
        until = None if last is None else f"{last:032x}"
        return transformations.count(connection, "default", f"{first:032x}", until)

    assert [count(1), count(2), count(1, 2), count(5)] == [3, 2, 2, 1]


@pytest.mark.parametrize(
    ("chosen", "first"),
    [
        pytest.param(Chosen(), [1, 3, 5, 6], id="all: one of each patient, each without one"),
        pytest.param(Chosen(since=NOW + 2 * MINUTE), [2, 3, 5, 6], id="since"),
        pytest.param(Chosen(until=NOW + 3 * MINUTE), [1], id="until"),
        pytest.param(Chosen(sender="LAB|NORTH"), [4], id="of a sender"),
        pytest.param(Chosen(message_id=f"{2:032x}"), [2], id="one"),
        pytest.param(Chosen(parked=True), [4], id="parked"),
    ],
)
def test_of_each_patient_the_first_chosen_message_begins(
    connection: psycopg.Connection[Any], chosen: Chosen, first: list[int]
) -> None:
    stored = [
        message(1), message(2), message(3, patient=2), message(5, patient=None), message(6, patient=None),
    ]  # fmt: skip
    messages.finish(connection, "default", stored, NOW)
    messages.park(connection, "default", [message(4, sender="LAB|NORTH")], NOW)

    assert sorted(ids(transformations.first_of_each_patient(connection, "default", chosen))) == first


def test_the_newest_messages_are_looked_at_first(connection: psycopg.Connection[Any]) -> None:
    messages.finish(connection, "default", [message(n) for n in (1, 2, 3)], NOW)

    assert ids(transformations.newest(connection, "default", Chosen(), 2)) == [3, 2]


def test_a_message_that_is_opened_again_can_be_finished_again(connection: psycopg.Connection[Any]) -> None:
    messages.finish(connection, "default", [message(1)], NOW)
    transformations.reopen(connection, "default", [f"{1:032x}"])
    messages.finish(connection, "default", [replace(message(1), mapping_version=4)], NOW + MINUTE)

    [stored] = transformations.onwards(connection, "default", f"{1:032x}", 1)

    assert (stored.status, stored.processed_at, stored.mapping_version) == ("transformed", NOW + MINUTE, 4)


# -- what is written


def patient(value: str, **elements: Any) -> Entry:
    resource = {"resourceType": "Patient", "identifier": [{"system": "s", "value": value}], **elements}
    full_url = f"urn:uuid:{uuid5(NAMESPACE_URL, value)}"
    return Entry(resource, full_url, "PUT", f"Patient?identifier=s|{value}", merge=True)


def apply(
    pool: Pool, *entries: Entry, now: datetime, applied_at: Sequence[datetime] | None = None
) -> list[str]:
    def work(connection: psycopg.Connection[Any]) -> list[str]:
        transactions = [[entry] for entry in entries]
        written = writer.apply(connection, "default", transactions, now, applied_at=applied_at)
        return [one.outcome for [one] in written]

    return attempt(pool, "default", work)


def stored_patients(pool: Pool) -> list[tuple[int, datetime, dict[str, Any]]]:
    with transaction(pool, "default") as connection:
        found = connection.execute("SELECT version, last_updated, content FROM fhir_resource").fetchall()
    resources = [(version, at, loads(content)) for version, at, content in found]
    return [
        (version, at, {name: one.get(name) for name in ("gender", "language", "birthDate")})
        for version, at, one in resources
    ]


def test_messages_that_are_applied_again_make_one_version_of_what_they_say_in_the_end(pool: Pool) -> None:
    entries = [patient("1", gender="male", birthDate="1970"), patient("1", gender="female")]
    apply(pool, *entries, now=NOW)

    again = [patient("1", gender="male", birthDate="1970", language="de"), patient("1", gender="female")]
    apply(pool, *again, now=NOW + MINUTE, applied_at=[NOW, NOW])

    assert stored_patients(pool) == [
        (3, NOW + MINUTE, {"gender": "female", "language": "de", "birthDate": "1970"})
    ]
    with transaction(pool, "default") as connection:
        assert connection.execute("SELECT version FROM fhir_version ORDER BY 1").fetchall() == [(1,), (2,)]


def test_messages_that_say_the_same_in_the_end_change_nothing(pool: Pool) -> None:
    entries = [patient("1", gender="male", birthDate="1970"), patient("1", gender="female")]
    apply(pool, *entries, now=NOW)
    before = stored_patients(pool)

    apply(pool, *entries, now=NOW + MINUTE, applied_at=[NOW, NOW])

    assert stored_patients(pool) == before


def test_what_something_else_has_changed_since_is_left_alone(pool: Pool) -> None:
    apply(pool, patient("1", gender="male"), now=NOW)
    apply(pool, patient("1", gender="female"), now=NOW + MINUTE)
    before = stored_patients(pool)

    outcomes = apply(
        pool,
        patient("1", gender="male", language="de"),
        patient("2", gender="male"),
        now=NOW + 2 * MINUTE,
        applied_at=[NOW, NOW],
    )

    assert outcomes == ["newer", "created"]
    assert [one for one in stored_patients(pool) if one in before] == before
