"""Stored messages by newer layers, and messages that wait for one, in a real PostgreSQL and Redis."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import orjson
import psycopg
import pytest
from redis import Redis

from libs.errors import Transient, Unavailable
from libs.lanes.claim import Batch
from libs.lanes.contracts import Envelope, inbound_lane, message_id
from libs.store import dead_letters, layers
from libs.store.engine import Pool, attempt, open_pool, transaction
from libs.store.transformations import to_do
from services.transformer import retransformation
from services.transformer.configurations import Configurations
from services.transformer.conversion import convert
from services.transformer.pipeline import Pipeline
from services.transformer.retransformation import Retransformation

LANE = inbound_lane("default", 3, b"any")
ZPI_LANGUAGE = '[[rule]]\nfrom = "ZPI-1"\nto = "Patient.language"\n'
WARD = '[[rule]]\nfrom = "ZPI-1"\nto = "Patient.extension"\nurl = "https://x.example/ward"\nas = "string"\n'
PARK = 'unmapped = "park"\n'
D_IS_OTHER = '[codes.0001.AdministrativeSex]\nD = "other"\n'


@dataclass
class Transformer:
    """What a worker has, and how a test looks at what it did."""

    pool: Pool
    pipeline: Pipeline
    retransformation: Retransformation

    def save(self, text: str, layer: str = "organization") -> int:
        return attempt(
            self.pool, "default", lambda c: layers.put(c, "default", layer, text, datetime.now(UTC))
        )

    def receive(self, *received: Envelope) -> None:
        for one in received:
            assert self.pipeline.handle([Batch(LANE, [one.to_wire()])]) == [1]

    def again(self, envelope: Envelope, failures: int = 0) -> None:
        lane, wire = to_do(envelope, 1_772_100_000.0)
        batch = Batch(lane, [wire], failures)
        assert self.retransformation.handle([batch]) == [1]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with transaction(self.pool, "default") as connection:
            return connection.execute(query.encode()).fetchall()

    def statuses(self) -> list[tuple[Any, ...]]:
        return self.rows("SELECT control_id, status, mapping_version FROM message ORDER BY received_at")

    def patients(self) -> list[tuple[int, dict[str, Any]]]:
        found = self.rows(
            "SELECT version, content FROM fhir_resource WHERE type = 'Patient' ORDER BY content"
        )
        return [(version, orjson.loads(content)) for version, content in found]


@pytest.fixture
def transformer(fresh_postgres_url: str, redis: Redis) -> Iterator[Transformer]:
    configurations = Configurations("UTC")
    with open_pool(fresh_postgres_url, 2) as pool:
        yield Transformer(
            pool, Pipeline(pool, configurations, redis), Retransformation(pool, configurations, redis)
        )


def update(
    number: int, *segments: str, family: str = "Doe", sex: str = "F", patient: str = "P1", event: str = "A08"
) -> Envelope:
    """A message that was received so many seconds after the first."""
    body = "\r".join(
        [
            f"MSH|^~\\&|ADT|NORTH|||2026030110{number:02}00+0000||ADT^{event}|M{number}|P|2.5",
            f"PID|1||{patient}^^^NORTH^MR||{family}^Jo||19700101|{sex}",
            *segments,
        ]
    ).encode()
    identity = message_id("default", b"ADT", b"NORTH", f"M{number}".encode(), body)
    return Envelope(identity, "default", 1_772_000_000.0 + number, "ADT|NORTH", "127.0.0.1", "", body)


def test_a_layer_holds_for_the_messages_after_it(transformer: Transformer) -> None:
    transformer.receive(update(1, "ZPI|de"))
    transformer.save(ZPI_LANGUAGE)
    transformer.receive(update(2, "ZPI|fr", patient="P2"))

    assert transformer.statuses() == [("M1", "transformed", 0), ("M2", "transformed", 1)]
    assert [patient.get("language") for _, patient in transformer.patients()] == [None, "fr"]


def test_a_layer_of_a_sender_decides_its_character_set(transformer: Transformer) -> None:
    transformer.save('charset = "8859/5"', "sender:ADT|NORTH")
    cyrillic = "Иванов".encode("iso8859-5")
    ours, other = (
        replace(one, body=one.body.replace(b"Doe", cyrillic)) for one in (update(1), update(2, patient="P2"))
    )

    transformer.receive(ours, replace(other, sender="LAB|NORTH"))

    names = [patient["name"][0]["family"] for _, patient in transformer.patients()]
    assert names == ["Иванов", cyrillic.decode("cp1252")]


def died(number: int, patient: str, at: str = "20260301101500", sent: str = "") -> Envelope:
    """A message with a time of death; `sent` is the offset of MSH-7."""
    one = update(number, patient=patient)
    body = one.body.replace(b"+0000||ADT", f"{sent}||ADT".encode())
    return replace(one, body=body.replace(b"|F", b"|F" + b"|" * 21 + at.encode()))


def test_the_zone_of_a_time_is_that_of_the_value_of_msh_7_or_of_who_is_closest_to_the_sender(
    transformer: Transformer,
) -> None:
    transformer.save('timezone = "America/New_York"', "organization")
    transformer.save('timezone = "Asia/Kolkata"', "sender:LAB|NORTH")
    transformer.receive(
        replace(died(1, "P1", "20260301101500-0100"), timezone="Asia/Tokyo"),
        replace(died(2, "P2", sent="+0200"), timezone="Asia/Tokyo"),
        replace(died(3, "P3"), sender="LAB|NORTH", timezone="Asia/Tokyo"),
        replace(died(4, "P4"), timezone="Asia/Tokyo"),
        died(5, "P5"),
    )

    died_at = {one["identifier"][0]["value"]: one["deceasedDateTime"] for _, one in transformer.patients()}
    offsets = [died_at[f"P{number}"].removeprefix("2026-03-01T10:15:00") for number in range(1, 6)]
    assert offsets == ["-01:00", "+02:00", "+05:30", "+09:00", "-05:00"]


def test_a_message_keeps_the_zone_and_the_character_set_that_it_came_with(transformer: Transformer) -> None:
    cyrillic = "Иванов".encode("iso8859-5")
    one = replace(died(1, "P1"), charset="8859/5", timezone="Asia/Tokyo")
    one = replace(one, body=one.body.replace(b"Doe", cyrillic))
    transformer.receive(one)
    before = transformer.patients()
    transformer.save(ZPI_LANGUAGE)

    transformer.again(replace(one, charset="", timezone=""))

    assert transformer.statuses() == [("M1", "transformed", 1)]
    assert transformer.patients() == before
    [(_, patient)] = before
    assert (patient["name"][0]["family"], patient["deceasedDateTime"]) == (
        "Иванов", "2026-03-01T10:15:00+09:00",
    )  # fmt: skip


def test_a_message_by_a_newer_layer_updates_its_resources(transformer: Transformer) -> None:
    transformer.receive(update(1, "ZPI|W3"), update(2, family="Roe"))
    transformer.save(WARD)

    transformer.again(update(1, "ZPI|W3"))

    [(version, patient)] = transformer.patients()
    assert (version, patient["name"][0]["family"]) == (3, "Roe"), "the newest message has the last word"
    assert patient["extension"] == [{"url": "https://x.example/ward", "valueString": "W3"}]
    assert transformer.statuses() == [("M1", "transformed", 1), ("M2", "transformed", 1)]


def test_the_same_layers_again_change_nothing(transformer: Transformer) -> None:
    transformer.save(WARD)
    received = [update(1, "ZPI|W3"), update(2, family="Roe", sex="M"), update(3, event="A03")]
    transformer.receive(*received)
    query = "SELECT type, id, version, content FROM fhir_resource ORDER BY 1, 2"
    before = transformer.rows(query)

    transformer.again(received[0])
    transformer.again(received[0])

    assert transformer.rows(query) == before


def test_what_another_has_said_since_stays(transformer: Transformer) -> None:
    transformer.receive(update(1, "ZPI|W3"))
    elsewhere = update(2, family="Elsewhere", sex="M")
    body = elsewhere.body.replace(b"P1^^^NORTH^MR", b"X^^^SOUTH~P1^^^NORTH^MR")
    transformer.receive(replace(elsewhere, body=body))
    transformer.save(WARD + '[codes.0001.AdministrativeSex]\nF = "other"\n', "sender:ADT|NORTH")

    transformer.again(update(1, "ZPI|W3"))

    [(_, patient)] = transformer.patients()
    assert (patient["name"][0]["family"], patient["gender"]) == ("Elsewhere", "male")
    assert patient["extension"] == [{"url": "https://x.example/ward", "valueString": "W3"}]


def test_what_a_layer_made_goes_with_it(transformer: Transformer) -> None:
    transformer.save(WARD)
    transformer.receive(update(1, "ZPI|W3"), update(2))
    transformer.save("")

    transformer.again(update(1, "ZPI|W3"))

    [(_, patient)] = transformer.patients()
    assert "extension" not in patient
    assert {version for _, _, version in transformer.statuses()} == {2}


def test_a_message_that_comes_in_meanwhile_is_applied_after_what_was_before_it(
    transformer: Transformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    transformer.receive(update(1, "ZPI|W3"))
    transformer.save(WARD)
    late = [update(2, family="Late")]

    def convert_while_another_comes_in(*arguments: Any) -> Any:
        if late:
            transformer.receive(late.pop())
        return convert(*arguments)

    monkeypatch.setattr("services.transformer.retransformation.convert", convert_while_another_comes_in)
    with pytest.raises(retransformation.Overtaken):
        transformer.again(update(1, "ZPI|W3"))
    transformer.again(update(1, "ZPI|W3"))

    [(_, patient)] = transformer.patients()
    assert (patient["name"][0]["family"], patient["extension"][0]["valueString"]) == ("Late", "W3")


def test_a_message_with_an_unmapped_code_waits_for_its_map(transformer: Transformer) -> None:
    transformer.save(PARK)
    waiting = update(1, family="First", sex="D")
    transformer.receive(waiting, waiting, update(2, family="Second"))

    assert transformer.statuses() == [("M1", "parked", None), ("M2", "transformed", 1)]
    [(report,)] = transformer.rows("SELECT report FROM message WHERE status = 'parked'")
    assert orjson.loads(report)["uncoded"] == [{"position": "PID[1]-8", "table": "0001", "code": "D"}]

    transformer.again(waiting)
    assert transformer.statuses()[0] == ("M1", "parked", None), "it waits as long as there is no map"

    transformer.save(PARK + D_IS_OTHER)
    transformer.again(waiting)
    assert transformer.statuses() == [("M1", "transformed", 2), ("M2", "transformed", 2)]
    [(_, patient)] = transformer.patients()
    assert (patient["name"][0]["family"], patient["gender"]) == ("Second", "female")


def test_a_message_that_was_applied_once_is_not_parked_later(transformer: Transformer) -> None:
    transformer.receive(update(1, sex="D"))
    transformer.save(PARK)

    transformer.again(update(1, sex="D"))

    assert transformer.statuses() == [("M1", "transformed", 1)]


def test_what_is_older_than_the_messages_that_fit_stays(
    transformer: Transformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    received = [update(number, f"ZPI|W{number}", family=f"Name{number}") for number in (1, 2, 3)]
    transformer.receive(*received)
    transformer.save(WARD)
    monkeypatch.setattr(retransformation, "MOST", 2)

    transformer.again(received[0])

    [(_, patient)] = transformer.patients()
    assert (patient["name"][0]["family"], patient["extension"][0]["valueString"]) == ("Name3", "W3")
    assert [version for _, _, version in transformer.statuses()] == [0, 1, 1]


def test_what_fails_is_tried_three_times_and_then_a_dead_letter_that_can_be_replayed(
    transformer: Transformer, fresh_postgres_url: str
) -> None:
    message = update(1, "ZPI|W3")
    transformer.receive(message)
    transformer.save(WARD)
    with psycopg.connect(fresh_postgres_url) as connection:
        connection.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'a defect that quotes %', NEW.content; END $$;"
            "CREATE TRIGGER refuse BEFORE INSERT ON fhir_resource FOR EACH ROW EXECUTE FUNCTION refuse();"
        )

    for failures in (0, 1):
        with pytest.raises(psycopg.errors.RaiseException):
            transformer.again(message, failures)
    transformer.again(message, 2)

    assert transformer.statuses() == [("M1", "dead", 0)]
    [letter] = transformer.rows("SELECT id, queue, attempts, error FROM dead_letter")
    assert letter[1:3] == ("transformations", 3)
    assert "quotes" not in letter[3]
    assert len(transformer.patients()) == 1, "what was stored before stays"

    with psycopg.connect(fresh_postgres_url) as connection:
        connection.execute("DROP TRIGGER refuse ON fhir_resource")
    with transaction(transformer.pool, "default") as connection:
        lane, wire = dead_letters.replay(connection, "default", letter[0])
    transformer.again(Envelope.from_wire(wire))

    assert lane == to_do(message, 0.0)[0]
    assert transformer.statuses() == [("M1", "transformed", 1)]


def test_a_layer_that_this_release_cannot_read_makes_messages_wait(
    transformer: Transformer, fresh_postgres_url: str
) -> None:
    with psycopg.connect(fresh_postgres_url) as connection:
        connection.execute(
            "INSERT INTO mapping_layer (org_id, version, name, document)"
            " VALUES ('default', 1, 'organization', 'of_tomorrow = true')"
        )

    with pytest.raises(Unavailable, match=r"of_tomorrow is no setting of a layer.*save that layer again"):
        transformer.pipeline.handle([Batch(LANE, [update(1).to_wire()])])

    assert transformer.statuses() == []


def test_what_cannot_be_read_or_is_not_stored_is_a_dead_letter(transformer: Transformer) -> None:
    lane, unknown = to_do(update(1), 1_772_100_000.0)

    settled = transformer.retransformation.handle([Batch(lane, [unknown]), Batch(lane, [b"{}"])])

    assert settled == [1, 1]
    assert transformer.rows("SELECT reason, queue FROM dead_letter ORDER BY id") == [
        ("UnknownMessage", "transformations"),
        ("Unreadable", "transformations"),
    ]


def test_messages_that_come_in_while_others_are_transformed_again_have_the_last_word(
    transformer: Transformer,
) -> None:
    received = [update(number, family=f"Name{number}") for number in range(1, 31)]
    first = update(0, "ZPI|W3")
    transformer.receive(first)
    transformer.save(WARD)

    with ThreadPoolExecutor(1) as receiving:
        done = receiving.submit(transformer.receive, *received)
        while not done.done():
            with suppress(Transient):
                transformer.again(first)
        done.result()
    [(_, patient)] = transformer.patients()
    assert patient["name"][0]["family"] == "Name30"

    transformer.again(first)
    [(_, patient)] = transformer.patients()
    assert (patient["name"][0]["family"], patient["extension"][0]["valueString"]) == ("Name30", "W3")


def test_a_message_about_a_patient_that_was_merged_meanwhile_is_the_survivors(
    transformer: Transformer,
) -> None:
    about_old = update(1, "PV1|1|I|||||||||||||||||V1^^^NORTH^VN", "ZPI|W3", patient="P2")
    transformer.receive(about_old, update(2, family="Roe"))
    transformer.receive(update(3, "MRG|P2^^^NORTH^MR", family="Roe", event="A40"))
    transformer.save(WARD)

    transformer.again(about_old)

    patients = {patient["identifier"][0]["value"]: patient for _, patient in transformer.patients()}
    assert patients["P1"]["extension"] == [{"url": "https://x.example/ward", "valueString": "W3"}]
    assert "extension" not in patients["P2"]
    assert (patients["P1"]["name"][0]["family"], patients["P2"]["active"]) == ("Roe", False)


def test_a_resource_that_a_newer_layer_makes_of_an_old_message_is_the_survivors(
    transformer: Transformer,
) -> None:
    transformer.save(PARK)
    parked = update(2, "AL1|1|DA|^Latex", sex="D", patient="P2")
    transformer.receive(update(1, patient="P2"), parked, update(3))
    transformer.receive(update(4, "MRG|P2^^^NORTH^MR", event="A40"))
    transformer.save(PARK + D_IS_OTHER)

    transformer.again(parked)

    survivor = next(p["id"] for _, p in transformer.patients() if p["active"])
    [(content,)] = transformer.rows("SELECT content FROM fhir_resource WHERE type = 'AllergyIntolerance'")
    assert orjson.loads(content)["patient"] == {"reference": f"Patient/{survivor}"}


def test_a_merge_that_was_parked_is_followed_by_references_once_it_is_applied(
    transformer: Transformer,
) -> None:
    transformer.save(PARK)
    parked = update(3, "MRG|P2^^^NORTH^MR", sex="D", event="A40")
    transformer.receive(update(1), update(2, patient="P2"), parked)
    transformer.save(PARK + D_IS_OTHER)

    transformer.again(parked)

    old = next(p["id"] for _, p in transformer.patients() if not p.get("active", True))
    assert transformer.rows("SELECT about, was FROM repointing") == [(f"Patient/{old}", f"Patient/{old}")]


def test_a_merge_that_is_transformed_again_leaves_the_patients_as_they_are(transformer: Transformer) -> None:
    transformer.receive(update(1), update(2, patient="P2"), update(3, patient="P3"))
    transformer.receive(update(4, "MRG|P2^^^NORTH^MR", event="A40"))
    transformer.receive(update(5, "MRG|P1^^^NORTH^MR", event="A40", patient="P3"))
    before = transformer.patients()
    transformer.save(WARD)

    transformer.again(update(1))
    transformer.again(update(3, patient="P3"))
    transformer.again(update(2, patient="P2"))

    assert transformer.patients() == before
