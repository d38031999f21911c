"""Rule 16: what the sender of a message in enhanced mode hears of it once it is settled."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from libs.embedded.process import free_port
from libs.hl7v2.message import Message, parse
from libs.lanes.claim import Batch
from libs.lanes.contracts import Due, Envelope, inbound_lane, message_id
from libs.store import dead_letters, layers
from libs.store.destinations import DEAD_LETTER, Destination, put_destination
from libs.store.engine import Pool, attempt, open_pool, transaction
from libs.store.transformations import to_do
from services.transformer.configurations import Configurations
from services.transformer.conversion import LOST_WORKERS
from services.transformer.pipeline import Pipeline
from services.transformer.retransformation import Retransformation

LANE = inbound_lane("default", 3, b"any")
BACK = Destination("back", "10.0.0.7", 2575, False, ["LAB|NORTH"], True, 30, DEAD_LETTER)


@dataclass
class Transformer:
    pool: Pool
    redis: Redis
    pipeline: Pipeline
    retransformation: Retransformation

    def receive(self, *bodies: bytes, failures: int = 0) -> None:
        batch = Batch(LANE, [envelope(body).to_wire() for body in bodies], failures)
        assert self.pipeline.handle([batch]) == [len(bodies)]

    def again(self, body: bytes) -> None:
        lane, wire = to_do(envelope(body), 1_772_100_000.0)
        assert self.retransformation.handle([Batch(lane, [wire])]) == [1]

    def replay(self) -> None:
        with transaction(self.pool, "default") as connection:
            [letter] = dead_letters.dead_letters(connection, "default")
            _, wire = dead_letters.replay(connection, "default", letter.id)
        assert self.pipeline.handle([Batch(LANE, [wire])]) == [1]

    def save(self, layer: str) -> None:
        attempt(
            self.pool, "default", lambda c: layers.put(c, "default", "organization", layer, datetime.now(UTC))
        )

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with transaction(self.pool, "default") as connection:
            return connection.execute(query.encode()).fetchall()

    def owed(self) -> list[Message]:
        return [parse(body.decode()) for (body,) in self.rows("SELECT body FROM delivery ORDER BY id")]

    def codes(self) -> list[tuple[str, str]]:
        return [(one.at("MSA-1"), one.at("MSA-2")) for one in self.owed()]

    def on_lane(self) -> list[int]:
        lane = Due("default", "back", 0, 0).lane
        waiting = self.redis.lrange(f"ehr:lane:{lane}", 0, -1)
        return [Due.delivery_of(wire) for wire in waiting if isinstance(wire, bytes)]


@pytest.fixture
def transformer(fresh_postgres_url: str, redis: Redis) -> Iterator[Transformer]:
    with open_pool(fresh_postgres_url, 2) as pool:
        with transaction(pool, "default") as connection:
            put_destination(connection, "default", BACK)
        known = Configurations("UTC")
        yield Transformer(pool, redis, Pipeline(pool, known, redis), Retransformation(pool, known, redis))


def admission(
    control_id: str, modes: str = "AL|AL", *, kind: str = "ADT^A04", version: str = "2.5", sex: str = "F"
) -> bytes:
    return (
        f"MSH|^~\\&|LAB|NORTH|EHR|MAIN|20260301||{kind}|{control_id}|T|{version}|||{modes}\r"
        f"PID|1||P{control_id}^^^NORTH^MR||Doe^Jo||19700101|{sex}\r"
    ).encode()


def envelope(body: bytes) -> Envelope:
    sender = b"|".join(body.split(b"|")[2:4])
    identity = message_id("default", b"LAB", b"NORTH", body.split(b"|")[9], body)
    return Envelope(identity, "default", 1_772_000_000.0, sender.decode(), "127.0.0.1", "", body)


BAD = admission("BAD", kind="QQQ^Z99")


@pytest.mark.parametrize(
    ("modes", "expected"),
    [
        ("AL|AL", [("AA", "GOOD"), ("AE", "BAD")]),
        ("NE|ER", [("AE", "BAD")]),
        ("|SU", [("AA", "GOOD")]),
        ("AL|NE", []),
        ("AL|", []),
        ("NE|AL", []),  # original mode: the gateway has answered
        ("|", []),
        ("XX|AL", []),
    ],
)
def test_msh_15_and_16_say_which_application_acknowledgement_is_due(
    transformer: Transformer, modes: str, expected: Sequence[tuple[str, str]]
) -> None:
    transformer.receive(admission("GOOD", modes), admission("BAD", modes, kind="QQQ^Z99"))

    assert transformer.codes() == expected


def test_it_is_a_message_of_its_own_from_us_to_the_sender(transformer: Transformer) -> None:
    transformer.receive(admission("a\\T\\b", "AL|AL||8859/1"))

    [ack] = transformer.owed()
    fields = [ack.segments[0].text(number) for number in range(3, 7)]
    assert fields == ["EHR", "MAIN", "LAB", "NORTH"]
    assert [ack.at(path) for path in ("MSH-9.1", "MSH-9.2", "MSH-9.3")] == ["ACK", "A04", "ACK"]
    assert [ack.at(f"MSH-{n}") for n in (11, 12, 15, 16, 18)] == ["T", "2.5", "AL", "NE", "8859/1"]
    assert transformer.rows("SELECT convert_from(body, 'UTF8') LIKE '%MSA|AA|a\\\\T\\\\b' || chr(13)"
                            " FROM delivery") == [(True,)]  # fmt: skip


def test_a_receiver_that_never_answers_is_not_asked_to(transformer: Transformer) -> None:
    with transaction(transformer.pool, "default") as connection:
        put_destination(connection, "default", replace(BACK, waits=False), replace=True)

    transformer.receive(admission("1"))

    assert transformer.owed()[0].at("MSH-15") == "NE"


def test_a_dead_letter_is_told_with_code_and_place_and_without_content(transformer: Transformer) -> None:
    transformer.receive(BAD, admission("OLD", kind="QQQ^Z99", version="2.3"))

    new, old = transformer.owed()
    assert [new.at(path) for path in ("MSA-1", "ERR-2", "ERR-3.1", "ERR-4")] == ["AE", "MSH", "200", "E"]
    assert old.at("MSH-9") == "ACK"
    assert old.at("ERR-1.4.1") == "200"
    assert not any("Doe" in str(body) for body in transformer.rows("SELECT body FROM delivery"))


def test_a_batch_that_is_done_again_owes_nothing_more(transformer: Transformer) -> None:
    transformer.receive(admission("1"), BAD)
    transformer.receive(admission("1"), BAD)

    assert transformer.codes() == [("AA", "1"), ("AE", "BAD")]
    [ids] = transformer.rows("SELECT array_agg(id ORDER BY id) FROM delivery")
    assert transformer.on_lane() == ids[0]


def test_every_acknowledgement_has_its_own_msh_10(transformer: Transformer) -> None:
    transformer.receive(*(admission(str(number)) for number in range(20)))

    ids = {ack.at("MSH-10") for ack in transformer.owed()}
    assert len(ids) == 20
    assert all(len(one) <= 20 for one in ids)  # before v2.7


def test_a_parked_message_is_acknowledged_when_it_is_applied(transformer: Transformer) -> None:
    transformer.save('unmapped = "park"\n')
    transformer.receive(admission("1", sex="D"))
    assert transformer.codes() == []

    transformer.save('unmapped = "park"\n[codes.0001.AdministrativeSex]\nD = "other"\n')
    transformer.again(admission("1", sex="D"))
    assert transformer.codes() == [("AA", "1")]

    transformer.save("")
    transformer.again(admission("1", sex="D"))
    assert transformer.codes() == [("AA", "1")], "what was applied before is not acknowledged again"


def test_a_dead_letter_that_is_replayed_in_vain_is_told_once(transformer: Transformer) -> None:
    transformer.receive(BAD)

    transformer.replay()

    assert transformer.codes() == [("AE", "BAD")]


def test_the_success_of_a_replay_is_told_too(transformer: Transformer) -> None:
    wire = envelope(admission("1")).to_wire()
    assert transformer.pipeline.handle([Batch(LANE, [wire], stalls=LOST_WORKERS)]) == [1]
    assert transformer.codes() == [("AE", "1")]

    transformer.replay()

    assert transformer.codes() == [("AE", "1"), ("AA", "1")]


def test_without_a_destination_for_the_sender_nothing_is_sent(transformer: Transformer) -> None:
    transformer.receive(admission("1").replace(b"|LAB|", b"|WARD|"))

    assert transformer.codes() == []
    assert transformer.rows("SELECT status FROM message") == [("transformed",)]


def test_a_sender_with_a_nul_in_its_name_holds_up_nobody_and_is_answered_as_it_is_shown(
    transformer: Transformer,
) -> None:
    shown = "L\N{SYMBOL FOR NULL}B|NORTH"
    with transaction(transformer.pool, "default") as connection:
        put_destination(connection, "default", replace(BACK, acknowledges=[shown]), replace=True)

    transformer.receive(admission("1").replace(b"|LAB|", b"|L\0B|"))

    assert transformer.rows("SELECT sender, status FROM message") == [(shown, "transformed")]
    assert transformer.codes() == [("AA", "1")]


def test_with_redis_away_after_the_commit_it_is_owed_all_the_same(transformer: Transformer) -> None:
    away = Redis(port=free_port(), retry=Retry(NoBackoff(), 0))
    pipeline = Pipeline(transformer.pool, transformer.pipeline.configurations, away)

    assert pipeline.handle([Batch(LANE, [envelope(admission("1")).to_wire()])]) == [1]

    assert transformer.codes() == [("AA", "1")]
    assert transformer.on_lane() == []
