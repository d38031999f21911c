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
from libs.lanes.contracts import Envelope, transformation_lane
from libs.store import messages, transformations, writer
from libs.store.engine import Pool, attempt, transaction
from libs.store.messages import Finished
from libs.store.transformations import Chosen, UnknownMessage

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
A = Envelope("0" * 31 + "a", "default", NOW.timestamp(), "ADT|NORTH", "10.0.0.7", "", b"MSH|a")


def message(number: int, patient: int | None = 1, sender: str = "ADT|NORTH") -> Finished:
    """Received so many minutes after NOW."""
    at = (NOW + number * MINUTE).timestamp()
    envelope = replace(A, message_id=f"{number:032x}", received_at=at, sender=sender)
    return Finished(envelope, f"M{number}", "ADT^A08", "{}", patient, 3)


def ids(found: Sequence[transformations.Stored] | Iterator[Envelope]) -> list[int]:
    envelopes = [one.envelope if isinstance(one, transformations.Stored) else one for one in found]
    return [int(envelope.message_id, 16) for envelope in envelopes]


def test_messages_about_one_patient_come_together_in_their_order(
    connection: psycopg.Connection[Any],
) -> None:
    stored = [message(4), message(2), message(3, patient=2), message(1), message(5, patient=None)]
    messages.finish(connection, "default", stored[:3], NOW)
    messages.park(connection, "default", stored[3:], NOW)

    def together(number: int, limit: int = 9) -> list[int]:
        return ids(transformations.of_patient(connection, "default", f"{number:032x}", limit))

    assert [together(1), together(2), together(1, 2), together(5)] == [[1, 2, 4], [1, 2, 4], [2, 4], [5]]
    first, second, _ = transformations.of_patient(connection, "default", f"{1:032x}", 9)
    assert first == transformations.Stored(message(1).envelope, "parked", "M1", "ADT^A08", NOW, None)
    assert second == transformations.Stored(message(2).envelope, "transformed", "M2", "ADT^A08", NOW, 3)
    assert (first.applied, second.applied) == (False, True)
    with pytest.raises(UnknownMessage, match="has no message"):
        together(9)


def test_what_came_in_meanwhile_is_counted(connection: psycopg.Connection[Any]) -> None:
    messages.finish(connection, "default", [message(1), message(2), message(3, patient=2)], NOW)
    before = transformations.count(connection, "default", f"{1:032x}")

    messages.finish(connection, "default", [message(4), message(5, patient=2)], NOW)

    assert (before, transformations.count(connection, "default", f"{1:032x}")) == (2, 3)


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

    [stored] = transformations.of_patient(connection, "default", f"{1:032x}", 1)

    assert (stored.status, stored.processed_at, stored.mapping_version) == ("transformed", NOW + MINUTE, 4)


# -- what is written


def patient(value: str, **elements: Any) -> list[Entry]:
    resource = {"resourceType": "Patient", "identifier": [{"system": "s", "value": value}], **elements}
    full_url = f"urn:uuid:{uuid5(NAMESPACE_URL, value)}"
    return [Entry(resource, full_url, "PUT", f"Patient?identifier=s|{value}", merge=True)]


def apply(pool: Pool, *transactions: list[Entry]) -> None:
    attempt(pool, "default", lambda c: writer.apply(c, "default", transactions, NOW))


def amend(pool: Pool, before: list[list[Entry]], after: list[list[Entry]]) -> int:
    return attempt(pool, "default", lambda c: writer.amend(c, "default", before, after, NOW + MINUTE))


def stored(pool: Pool) -> list[tuple[int, dict[str, Any]]]:
    """Version and elements of each patient, without the identifier."""
    with transaction(pool, "default") as connection:
        found = connection.execute("SELECT version, content FROM fhir_resource ORDER BY version").fetchall()
    server = {"resourceType", "id", "meta", "identifier"}
    return [
        (version, {name: value for name, value in loads(content).items() if name not in server})
        for version, content in found
    ]


def extension(url: str, text: str) -> dict[str, str]:
    return {"url": url, "valueString": text}


def test_what_messages_would_have_made_in_the_end_is_one_version(pool: Pool) -> None:
    before = [patient("1", gender="male", birthDate="1970"), patient("1", gender="female")]
    apply(pool, *before)

    after = [patient("1", gender="male", birthDate="1970", language="de"), patient("1", gender="other")]
    left = amend(pool, before, after)

    assert (left, stored(pool)) == (0, [(3, {"gender": "other", "birthDate": "1970", "language": "de"})])
    assert amend(pool, after, after) == 0
    assert stored(pool)[0][0] == 3


def test_what_messages_would_not_have_made_goes(pool: Pool) -> None:
    before = [patient("1", gender="male", extension=[extension("a", "1"), extension("b", "2")])]
    apply(pool, *before)

    amend(pool, before, [patient("1", extension=[extension("b", "2"), extension("c", "3")])])

    assert stored(pool) == [(2, {"extension": [extension("b", "2"), extension("c", "3")]})]


def test_what_somebody_else_has_said_stays(pool: Pool) -> None:
    before = [patient("1", gender="male", language="de", extension=[extension("a", "1")])]
    apply(pool, *before)
    apply(pool, patient("1", gender="female", extension=[extension("a", "theirs"), extension("b", "theirs")]))

    left = amend(pool, before, [patient("1", gender="other", language="fr", extension=[extension("a", "2")])])

    theirs = [extension("a", "theirs"), extension("b", "theirs")]
    assert (left, stored(pool)) == (1, [(3, {"gender": "female", "language": "fr", "extension": theirs})])


def test_a_message_that_comes_late_takes_its_place_in_the_order(pool: Pool) -> None:
    first, late, last = (
        patient("1", gender="male", birthDate="1970"), patient("1", gender="other", language="de"),
        patient("1", gender="female"),
    )  # fmt: skip
    apply(pool, first, last)

    amend(pool, [first, last], [first, late, last])

    assert stored(pool) == [(3, {"gender": "female", "birthDate": "1970", "language": "de"})]


def test_resources_that_messages_would_have_made_are_made_and_found_by_their_identifiers(pool: Pool) -> None:
    before = [patient("1", gender="male")]
    apply(pool, *before)

    amend(pool, before, [patient("1", gender="male"), patient("2", gender="female")])
    apply(pool, patient("2", language="de"))

    assert stored(pool) == [(1, {"gender": "male"}), (2, {"gender": "female", "language": "de"})]


def test_a_message_goes_on_its_patients_lane_whatever_its_bytes_look_like() -> None:
    """In BIG-5 the second bytes of the name are a field separator and an escape character."""
    body = b"MSH|^~\\&|ADT|NORTH\rPID|1|" + "唰功".encode("big5") + b"|P1^^^NORTH^MR\r"

    lane, _ = transformations.to_do(replace(A, charset="BIG-5", body=body), NOW.timestamp())

    assert lane == transformation_lane("default", b"P1")
