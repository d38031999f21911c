"""A worker lets references follow between its jobs, whatever is killed, fails or comes between."""

import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from libs.fhir.bundle import Entry
from libs.store import repointing, rows, writer
from libs.store.engine import attempt, open_pool, transaction
from libs.store.followers import Follow
from services.transformer.repointing import AWAY, LOOK_EVERY, Repointing
from services.transformer.tests.hospital import Hospital, a_result, admit, mrg, pid, pv1

WITHIN = 60.0  # seconds


def flags(hospital: Hospital, number: str, count: int) -> None:
    """That many resources about a patient, as an application writes them."""
    subject = {"reference": f"Patient/{hospital.id_of('Patient', number)}"}
    flag = {"resourceType": "Flag", "status": "active", "subject": subject}
    write(hospital, *(flag | {"code": {"text": str(n)}} for n in range(count)))


def write(hospital: Hospital, *resources: dict[str, Any]) -> None:
    entries = [Entry(resource, "", "POST", resource["resourceType"]) for resource in resources]
    attempt(hospital.pool, "default", lambda c: writer.apply(c, "default", [entries], datetime.now(UTC)))


def versions(hospital: Hospital) -> list[tuple[int, int]]:
    """(version, how many flags have it)."""
    query = "SELECT version, count(*) FROM fhir_resource WHERE type = 'Flag' GROUP BY 1 ORDER BY 1"
    return [(version, number) for version, number in hospital.rows(query)]


def merged(hospital: Hospital, count: int) -> None:
    """Patient 2 with so many flags, merged into patient 1."""
    admit(hospital, "1", "V1")
    admit(hospital, "2", "V2")
    flags(hospital, "2", count)
    hospital.send("ADT^A40", pid("1"), mrg("2"))


def test_a_worker_that_is_killed_again_and_again_leaves_nothing_behind_and_does_nothing_twice(
    hospital: Hospital, redis_url: str
) -> None:
    merged(hospital, 4 * repointing.BATCH)
    environment = os.environ | {"EHR_DATABASE_URL": hospital.url, "EHR_REDIS_URL": redis_url}
    command = [sys.executable, "-m", "services.transformer.worker"]
    deadline, kills, before = time.monotonic() + WITHIN, 0, 0

    while hospital.rows("SELECT count(*) FROM repointing") != [(0,)]:
        done, kills = before, kills + 1
        with subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        ) as worker:
            while done == before and hospital.rows("SELECT count(*) FROM repointing") != [(0,)]:
                done = hospital.found_by_patient("Flag", "1")
                assert time.monotonic() < deadline
            worker.kill()
        before = done

    assert kills >= 3
    assert versions(hospital) == [(2, 4 * repointing.BATCH)]
    assert hospital.referring("Patient", "2") == {"Patient"}


def test_a_batch_is_bounded_and_the_next_goes_on_behind_it(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    merged(hospital, 5)
    monkeypatch.setattr(repointing, "BATCH", 2)
    [(org, one)] = due(hospital)

    changed: list[int | None] = []
    while (row := hospital.rows("SELECT after FROM repointing")) and len(changed) < 20:
        hospital.make_due()
        changed.append(attempt(hospital.pool, org, lambda c: repointing.step(c, org, one, datetime.now(UTC))))

    assert row == []
    assert max(number or 0 for number in changed) == 2
    assert hospital.referring("Patient", "2") == {"Patient"}


def test_a_resource_that_a_message_changes_meanwhile_is_re_pointed_as_the_message_left_it(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    admit(hospital, "1", "V1")
    admit(hospital, "2", "V2")
    hospital.send("ADT^A40", pid("1"), mrg("2"))
    events = [("ADT^A03", pid("2"), pv1("V2"))]

    fetch = rows.fetch

    def fetch_while_a_message_comes_in(*arguments: Any) -> Any:
        found = fetch(*arguments)
        if events and ("Encounter", hospital.id_of("Encounter", "V2")) in arguments[2]:
            hospital.send(*events.pop())
        return found

    monkeypatch.setattr(rows, "fetch", fetch_while_a_message_comes_in)
    hospital.follow()

    assert events == []
    assert hospital.read("Encounter", "V2")["status"] == "finished"
    assert hospital.found_by_patient("Encounter", "1") == 2


def test_what_fails_waits_and_holds_up_nobody(hospital: Hospital) -> None:
    merged(hospital, 1)
    admit(hospital, "3", "V3")
    hospital.send("ADT^A40", pid("1"), mrg("3"))
    with psycopg.connect(hospital.url) as connection:
        connection.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'a defect that quotes %', NEW.content; END $$;"
            "CREATE TRIGGER refuse BEFORE INSERT ON fhir_resource FOR EACH ROW"
            " WHEN (NEW.type = 'Flag') EXECUTE FUNCTION refuse();"
        )

    chore = Repointing(hospital.pool, lambda: False)
    while chore() == 0.0:
        pass
    tries = hospital.rows("SELECT tries, due_at > now() FROM repointing WHERE overlapping IS NULL")
    left = [hospital.found_by_patient("Encounter", number) for number in "123"]
    with psycopg.connect(hospital.url) as connection:
        connection.execute("DROP TRIGGER refuse ON fhir_resource")
    hospital.follow()

    assert (tries, left) == ([(1, True)], [2, 1, 0])
    assert hospital.referring("Patient", "2") == {"Patient"}


def test_a_worker_that_is_to_stop_stops_after_its_batch(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    merged(hospital, 4)
    monkeypatch.setattr(repointing, "BATCH", 2)

    Repointing(hospital.pool, lambda: True)()

    assert sum(number for version, number in versions(hospital) if version == 2) <= 2


def test_two_workers_do_not_do_the_same(hospital: Hospital) -> None:
    merged(hospital, 1)
    [(org, one)] = due(hospital)

    with transaction(hospital.pool, org) as first:
        assert repointing.step(first, org, one, datetime.now(UTC)) is not None
        with transaction(hospital.pool, org) as second:
            assert repointing.step(second, org, one, datetime.now(UTC)) is None


def test_a_patient_that_is_no_longer_replaced_keeps_its_references(hospital: Hospital) -> None:
    merged(hospital, 1)
    old = hospital.read("Patient", "2")
    parted = {name: value for name, value in old.items() if name != "link"} | {"active": True}
    entry = Entry(parted, "", "PUT", f"Patient/{old['id']}")
    attempt(hospital.pool, "default", lambda c: writer.apply(c, "default", [[entry]], datetime.now(UTC)))

    hospital.follow()

    assert hospital.found_by_patient("Flag", "2") == 1


def test_a_reference_to_a_version_of_the_old_patient_stays(hospital: Hospital) -> None:
    admit(hospital, "1", "V1")
    admit(hospital, "2", "V2")
    version = f"Patient/{hospital.id_of('Patient', '2')}/_history/1"
    flag = {"resourceType": "Flag", "status": "active", "code": {"text": "x"}}
    write(hospital, flag | {"subject": {"reference": version}})

    hospital.send("ADT^A40", pid("1"), mrg("2"))
    hospital.follow()

    assert versions(hospital) == [(1, 1)]


def test_references_at_any_depth_follow_and_are_told_once(hospital: Hospital) -> None:
    admit(hospital, "1", "V1")
    admit(hospital, "2", "V2")
    one, two = ({"reference": f"Patient/{hospital.id_of('Patient', number)}"} for number in "12")
    extension = [{"url": "https://x.example/seen-with", "valueReference": two}]
    group = {
        "resourceType": "Group", "type": "person", "actual": True, "extension": extension,
        "member": [{"entity": one}, {"entity": two}],
    }  # fmt: skip
    write(hospital, group)

    hospital.send("ADT^A40", pid("1"), mrg("2"))
    hospital.follow()

    [(content,)] = hospital.rows("SELECT content FROM fhir_resource WHERE type = 'Group'")
    assert content.count(one["reference"]) == 2
    assert two["reference"] not in content


def test_another_organization_is_left_alone(hospital: Hospital) -> None:
    merged(hospital, 1)
    [(_, one)] = due(hospital)

    with transaction(hospital.pool, "elsewhere") as connection:
        assert repointing.step(connection, "elsewhere", one, datetime.now(UTC)) is None
    with transaction(hospital.pool, "elsewhere") as connection:
        assert connection.execute("SELECT count(*) FROM repointing").fetchone() == (0,)


def test_nothing_to_do_is_looked_for_again_soon_and_an_outage_waited_for(hospital: Hospital) -> None:
    assert Repointing(hospital.pool, lambda: False)() == LOOK_EVERY
    with open_pool("postgresql://nobody@127.0.0.1:1/nowhere", 1) as pool:
        assert Repointing(pool, lambda: False)() == AWAY


def due(hospital: Hospital) -> list[tuple[str, Follow]]:
    with transaction(hospital.pool, "default") as connection:
        return repointing.due(connection, 9)


def test_an_ordinary_message_leaves_nothing_to_follow(hospital: Hospital) -> None:
    admit(hospital, "1", "V1")
    hospital.send("ORU^R01", *a_result("1", "V1", "O1"))

    assert due(hospital) == []
