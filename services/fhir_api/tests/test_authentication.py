"""The cache of API keys."""

import anyio
import pytest

from libs.http.remembered import KEPT
from libs.store.organizations import Principal
from services.fhir_api.authentication import Keys

NURSE = Principal("here", "1", "nurse")


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


class Database:
    """Stands for the look-up; says how often it was asked."""

    def __init__(self) -> None:
        self.keys = {"ehr_nurse": NURSE}
        self.asked = 0

    async def look_up(self, key: str) -> Principal | None:
        self.asked += 1
        return self.keys.get(key)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database() -> Database:
    return Database()


def test_a_key_is_looked_up_once_in_a_while(clock: Clock, database: Database) -> None:
    keys = Keys(database.look_up, clock)

    found = [anyio.run(keys.principal, "ehr_nurse") for _ in range(3)]
    clock.time += KEPT - 0.001
    found.append(anyio.run(keys.principal, "ehr_nurse"))

    assert (found, database.asked) == ([NURSE] * 4, 1)


def test_a_revoked_key_stops_working_when_the_time_is_over(clock: Clock, database: Database) -> None:
    keys = Keys(database.look_up, clock)
    anyio.run(keys.principal, "ehr_nurse")
    del database.keys["ehr_nurse"]

    clock.time += KEPT

    assert anyio.run(keys.principal, "ehr_nurse") is None


def test_a_key_that_was_just_made_works_at_once(clock: Clock, database: Database) -> None:
    keys = Keys(database.look_up, clock)
    assert anyio.run(keys.principal, "ehr_new") is None

    database.keys["ehr_new"] = NURSE

    assert anyio.run(keys.principal, "ehr_new") == NURSE
