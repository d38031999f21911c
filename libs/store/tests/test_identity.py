"""Which resource an identifier names, when resources share it, drop it, or are merged."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from libs.fhir.bundle import Entry
from libs.store import writer
from libs.store.engine import Pool, attempt, transaction
from libs.store.writer import Written

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


def put(resource_id: str, *numbers: str, **elements: Any) -> Entry:
    """A full update of a patient with those numbers, as a client makes it."""
    stated = [{"system": "s", "value": number} for number in numbers]
    patient = {"resourceType": "Patient", "id": resource_id, "identifier": stated, **elements}
    return Entry(patient, "", "PUT", f"Patient/{resource_id}")


def by(number: str, **elements: Any) -> Entry:
    """A partial update of the patient of that number, as a message makes it."""
    patient = {"resourceType": "Patient", "identifier": [{"system": "s", "value": number}], **elements}
    return Entry(patient, "", "PUT", f"Patient?identifier=s|{number}", merge=True)


def apply(pool: Pool, *transactions: Sequence[Entry]) -> list[tuple[str, str]]:
    """Applies them in one batch; the ids and outcomes."""
    written: list[list[Written]] = attempt(
        pool, "default", lambda connection: writer.apply(connection, "default", transactions, NOW)
    )
    return [(one.id, one.outcome) for each in written for one in each]


def names(pool: Pool) -> dict[str, str]:
    with transaction(pool, "default") as connection:
        return dict(connection.execute("SELECT value, id FROM fhir_identifier").fetchall())


@pytest.mark.parametrize("together", [False, True])
def test_an_identifier_that_is_dropped_names_the_next_that_states_it(pool: Pool, together: bool) -> None:
    steps = [[put("a", "1", "n")], [put("b", "2", "n")], [put("c", "3", "n")], [put("a", "1")]]
    last = [by("n", gender="male")]

    if together:
        *_, found = apply(pool, *steps, last)
    else:
        for step in steps:
            apply(pool, step)
        assert names(pool) == {"1": "a", "2": "b", "3": "c", "n": "b"}
        [found] = apply(pool, last)

    assert found == ("b", "updated")
    assert names(pool) == {"1": "a", "2": "b", "3": "c", "n": "b"}


def test_an_identifier_that_nobody_else_states_names_nothing(pool: Pool) -> None:
    apply(pool, [put("a", "1", "n")], [put("b", "2")])

    apply(pool, [put("a", "1")])

    assert names(pool) == {"1": "a", "2": "b"}


def test_an_identifier_that_names_another_stays_when_it_is_dropped(pool: Pool) -> None:
    apply(pool, [put("a", "1", "n")], [put("b", "2", "n")])

    apply(pool, [put("b", "2")])

    assert names(pool) == {"1": "a", "2": "b", "n": "a"}


def test_an_identifier_of_another_organization_is_no_heir(pool: Pool) -> None:
    attempt(pool, "north", lambda connection: writer.apply(connection, "north", [[put("x", "n")]], NOW))
    apply(pool, [put("a", "1", "n")])

    apply(pool, [put("a", "1")])

    assert names(pool) == {"1": "a"}
