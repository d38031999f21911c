"""Stored messages by newer layers, and messages that wait for one, in a real PostgreSQL and Redis."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import orjson
import psycopg
import pytest
from redis import Redis

from libs.errors import Unavailable
from libs.lanes.claim import Batch
from libs.lanes.contracts import Envelope, inbound_lane, message_id
from libs.store import layers, messages
from libs.store.engine import Pool, attempt, open_pool, transaction
from libs.store.transformations import lane_of
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
        batch = Batch(lane_of(envelope), [envelope.to_wire()], failures)
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
        yield Transformer(pool, Pipeline(pool, configurations), Retransformation(pool, redis, configurations))


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


def test_what_another_has_changed_since_stays(transformer: Transformer) -> None:
    transformer.receive(update(1, "ZPI|W3"))
    elsewhere = update(2, family="Elsewhere")
    transformer.receive(
        replace(elsewhere, body=elsewhere.body.replace(b"P1^^^NORTH^MR", b"X^^^SOUTH~P1^^^NORTH^MR"))
    )
    before = transformer.patients()
    transformer.save(WARD)

    transformer.again(update(1, "ZPI|W3"))

    assert transformer.patients() == before


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

    assert transformer.statuses() == [("M1", "parked", 1), ("M2", "transformed", 1)]
    [(report,)] = transformer.rows("SELECT report FROM message WHERE status = 'parked'")
    assert orjson.loads(report)["uncoded"] == [{"position": "PID[1]-8", "table": "0001", "code": "D"}]

    transformer.again(waiting)
    assert transformer.statuses()[0] == ("M1", "parked", 1), "it waits as long as there is no map"

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


def test_more_messages_than_fit_a_transaction_follow_in_another(
    transformer: Transformer, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    received = [update(number, "ZPI|W3", family=f"Name{number}") for number in range(1, 6)]
    transformer.receive(*received)
    transformer.save(WARD)
    monkeypatch.setattr(retransformation, "MOST", 2)

    transformer.again(received[0])
    follows = redis.lindex(f"ehr:lane:{lane_of(received[0])}", 0)
    transformer.again(received[2])
    transformer.again(received[4])

    assert follows == received[2].to_wire()
    [(_, patient)] = transformer.patients()
    assert (patient["name"][0]["family"], len(patient["extension"])) == ("Name5", 1)
    assert {row[2] for row in transformer.statuses()} == {1}


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
        lane, envelope = messages.replay(connection, "default", letter[0], datetime.now(UTC))
    transformer.again(envelope)

    assert lane == lane_of(message)
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
