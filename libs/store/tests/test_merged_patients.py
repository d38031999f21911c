"""Patients that were merged (A40): the old one stays, and what is said of it later lands on the survivor."""

from datetime import UTC, datetime
from typing import Any

import pytest

from libs.fhir.bundle import Entry
from libs.fhir.json import loads
from libs.hl7v2.message import parse
from libs.mapping.inbound.config import MappingConfig
from libs.mapping.inbound.mapper import map_message
from libs.store import writer
from libs.store.engine import Pool, attempt, transaction

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


def message(event: str, number: str, *more: str, family: str = "Doe") -> list[Entry]:
    """What an ADT of that event about the patient of that number becomes."""
    header = f"MSH|^~\\&|ADT|NORTH|EHR|NORTH|20260310083000+0000||ADT^{event}|C1|P|2.5.1"
    text = "\r".join([header, f"PID|1||{number}^^^NORTH^MR||{family}^Jane", *more])
    return map_message(parse(text), MappingConfig()).entries


def merge(gone: str, survivor: str) -> list[Entry]:
    return message("A40", survivor, f"MRG|{gone}^^^NORTH^MR")


def visit(number: str) -> str:
    return f"PV1|1|I|||||||||||||||||{number}^^^NORTH^VN"


def apply(pool: Pool, *transactions: list[Entry]) -> None:
    attempt(pool, "default", lambda connection: writer.apply(connection, "default", transactions, NOW))


def stored(pool: Pool, kind: str) -> list[dict[str, Any]]:
    with transaction(pool, "default") as connection:
        rows = connection.execute(
            "SELECT content FROM fhir_resource WHERE type = %s ORDER BY rid", (kind,)
        ).fetchall()
    return [loads(content) for (content,) in rows]


def links(pool: Pool) -> list[tuple[str, bool | None, list[tuple[str, str]]]]:
    """Each patient's family name, whether it is active, and its links by family name."""
    patients = stored(pool, "Patient")
    names = {f"Patient/{patient['id']}": patient["name"][0]["family"] for patient in patients}
    return [
        (
            patient["name"][0]["family"],
            patient.get("active"),
            [(link["type"], names[link["other"]["reference"]]) for link in patient.get("link", [])],
        )
        for patient in patients
    ]


ADMITTED = [message("A01", number, family=f"P{number}") for number in "123"]


@pytest.mark.parametrize("together", [False, True])
def test_a_message_for_the_old_number_lands_on_the_survivor(pool: Pool, together: bool) -> None:
    steps = [*ADMITTED, merge("2", "1"), message("A08", "2", visit("V1"), family="New")]
    if together:
        apply(pool, *steps)
    else:
        for step in steps:
            apply(pool, step)

    one, two, _ = stored(pool, "Patient")
    [encounter] = stored(pool, "Encounter")
    assert (one["name"][0]["family"], one["active"]) == ("New", True)
    assert (two["name"][0]["family"], two["active"]) == ("P2", False)
    assert encounter["subject"] == {"reference": f"Patient/{one['id']}"}


def test_a_survivor_that_is_merged_itself_passes_on(pool: Pool) -> None:
    apply(pool, *ADMITTED, merge("3", "2"))
    apply(pool, merge("2", "1"))

    apply(pool, message("A08", "3", family="New"))

    assert [patient["name"][0]["family"] for patient in stored(pool, "Patient")] == ["New", "Doe", "P3"]


def test_a_merge_that_is_told_again_changes_nothing(pool: Pool) -> None:
    apply(pool, *ADMITTED, merge("2", "1"))
    before = stored(pool, "Patient")

    apply(pool, merge("2", "1"))
    apply(pool, merge("2", "1"), merge("2", "1"))

    assert stored(pool, "Patient") == before


def test_a_merge_back_into_the_old_number_leaves_one_patient_active(pool: Pool) -> None:
    apply(pool, *ADMITTED, merge("2", "1"))

    apply(pool, merge("1", "2"))

    assert links(pool) == [
        ("Doe", True, [("replaces", "P2")]),
        ("P2", False, [("replaced-by", "Doe")]),
        ("P3", None, []),
    ]


def test_a_client_still_writes_to_the_old_patient_by_its_id(pool: Pool) -> None:
    apply(pool, *ADMITTED, merge("2", "1"))
    old = stored(pool, "Patient")[1]

    apply(pool, [Entry(old | {"gender": "other"}, "", "PUT", f"Patient/{old['id']}")])

    assert [patient.get("gender") for patient in stored(pool, "Patient")] == [None, "other", None]


def test_a_condition_in_a_reference_finds_the_survivor(pool: Pool) -> None:
    apply(pool, *ADMITTED, merge("2", "1"))
    one, two, _ = stored(pool, "Patient")
    number = two["identifier"][0]
    condition = f"Patient?identifier={number['system']}|{number['value']}"
    flag = {"resourceType": "Basic", "code": {"text": "x"}, "subject": {"reference": condition}}

    apply(pool, [Entry(flag, "", "POST", "Basic")])

    assert [basic["subject"] for basic in stored(pool, "Basic")] == [{"reference": f"Patient/{one['id']}"}]
