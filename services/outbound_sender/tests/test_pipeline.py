"""What waits in a real PostgreSQL is sent to a real receiver, in order, until it is settled."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from libs.errors import Transient, Unavailable
from libs.lanes.claim import Batch
from libs.lanes.contracts import Due, outbound_lane
from libs.store import dead_letters, deliveries
from libs.store.deliveries import Owed
from libs.store.destinations import (
    BLOCK,
    DEAD_LETTER,
    Destination,
    put_destination,
    remove_destination,
)
from libs.store.engine import Pool, open_pool, transaction
from libs.testing.receiver import Receiver, answering, silent
from services.outbound_sender import pipeline
from services.outbound_sender.client import Client
from services.outbound_sender.pipeline import RETRIES, Pipeline
from services.outbound_sender.tests.test_client import message, patience

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
LANE = outbound_lane("default", "lab")


@dataclass
class Sender:
    pool: Pool
    pipeline: Pipeline

    def destination(self, receiver: Receiver, **changes: Any) -> None:
        lab = Destination("lab", "127.0.0.1", receiver.port, False, [], True, 1, DEAD_LETTER)
        with transaction(self.pool, "default") as connection:
            put_destination(connection, "default", replace(lab, **changes), replace=True)

    def owe(self, *numbers: int, body: bytes = b"") -> list[Due]:
        owed = [
            Owed("lab", f"{number:032x}", "AA", f"A{number}", body or message(f"A{number}"))
            for number in numbers
        ]
        with transaction(self.pool, "default") as connection:
            return deliveries.owe(connection, "default", owed, NOW)

    def handle(self, due: Due) -> list[int]:
        return self.pipeline.handle([Batch(LANE, [due.to_wire()])], patience)

    def states(self) -> list[tuple[Any, ...]]:
        with transaction(self.pool, "default") as connection:
            return connection.execute(
                "SELECT control_id, state, attempts, error FROM delivery ORDER BY id"
            ).fetchall()


@pytest.fixture
def sender(fresh_postgres_url: str) -> Iterator[Sender]:
    with open_pool(fresh_postgres_url, 2) as pool:
        client = Client(None, None, None)
        yield Sender(pool, Pipeline(pool, client))
        client.close_idle(0)


def test_what_was_taken_is_delivered_and_not_sent_again(sender: Sender) -> None:
    with Receiver(answering("CA")) as receiver:
        sender.destination(receiver)
        [due] = sender.owe(1)

        assert [sender.handle(due), sender.handle(due)] == [[1], [1]]

    assert receiver.received == [message("A1")]
    assert sender.states() == [("A1", "delivered", 1, None)]


def test_what_a_crash_left_off_the_lane_is_sent_in_its_place(sender: Sender) -> None:
    with Receiver(answering("CA")) as receiver:
        sender.destination(receiver)
        _, second, third = sender.owe(1, 2, 3)

        sender.handle(second)
        assert receiver.received == [message("A1"), message("A2")]
        sender.handle(third)

    assert receiver.received == [message("A1"), message("A2"), message("A3")]


def test_what_is_refused_again_and_again_becomes_a_dead_letter_and_the_next_is_sent(sender: Sender) -> None:
    good, bad = answering("CA"), answering("AE")
    with Receiver(lambda received: (bad if b"|A1|" in received else good)(received)) as receiver:
        sender.destination(receiver)
        first, second = sender.owe(1, 2)
        for _ in range(RETRIES):
            with pytest.raises(Transient, match="refused with AE"):
                sender.handle(first)
        assert sender.states()[0] == ("A1", "pending", RETRIES, "refused with AE")

        assert [sender.handle(first), sender.handle(second)] == [[1], [1]]

    assert sender.states() == [
        ("A1", "dead", RETRIES + 1, "refused with AE"),
        ("A2", "delivered", 1, None),
    ]
    assert receiver.received == [message("A1")] * (RETRIES + 1) + [message("A2")]
    with transaction(sender.pool, "default") as connection:
        assert dead_letters.open_dead_letters(connection) == {"hl7.outbound": 1}


def test_what_fails_behind_others_waits_like_any_failure(sender: Sender) -> None:
    good, bad = answering("CA"), answering("AE")
    with Receiver(lambda received: (bad if b"|A2|" in received else good)(received)) as receiver:
        sender.destination(receiver)
        batch = Batch(LANE, [due.to_wire() for due in sender.owe(1, 2, 3)])

        assert sender.pipeline.handle([batch], patience) == [1]
        rest = Batch(LANE, batch.messages[1:])
        with pytest.raises(Transient, match="refused with AE"):
            sender.pipeline.handle([rest], patience)
        assert sender.states()[1] == ("A2", "pending", 1, "refused with AE"), "tried once so far"
        receiver.answer = good
        assert sender.pipeline.handle([rest], patience) == [2]

    assert receiver.received == [message(f"A{number}") for number in (1, 2, 2, 3)]


def test_a_destination_that_blocks_waits_for_as_long_as_it_takes(sender: Sender) -> None:
    with Receiver(silent) as receiver:
        pass
    sender.destination(receiver, on_failure=BLOCK)
    [due] = sender.owe(1)

    for _ in range(RETRIES + 2):
        with pytest.raises(Unavailable, match="Connection refused"):
            sender.handle(due)
    with receiver:
        receiver.answer = answering("CA")
        assert sender.handle(due) == [1]

    assert sender.states() == [("A1", "delivered", RETRIES + 3, None)]


def test_what_cannot_be_sent_at_all_is_a_dead_letter_at_once(sender: Sender) -> None:
    with Receiver(silent) as receiver:
        sender.destination(receiver, on_failure=BLOCK)
        [due] = sender.owe(1, body=message() + b"\x0b")

        assert sender.handle(due) == [1]

    assert sender.states()[0][:3] == ("A1", "dead", 1)


def test_when_we_stop_no_attempt_has_failed(sender: Sender) -> None:
    def stop() -> None:
        raise Unavailable("stopping")

    with Receiver(silent) as receiver:
        sender.destination(receiver)
        [due] = sender.owe(1)
        with pytest.raises(Unavailable):
            sender.pipeline.handle([Batch(LANE, [due.to_wire()])], stop)

    assert sender.states() == [("A1", "pending", 0, None)]


def test_what_stands_on_a_lane_for_nothing_is_passed_over(sender: Sender) -> None:
    assert sender.handle(Due("default", "lab", 4711, 0.0)) == [1]
    assert sender.pipeline.handle([Batch(LANE, [b"nonsense"])], patience) == [1]


def test_what_is_discarded_while_its_destination_is_slow_is_not_sent(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "FRESH", 0.0)

    def answer(received: bytes) -> bytes | None:
        with transaction(sender.pool, "default") as connection:
            remove_destination(connection, "default", "lab", NOW, discard=True)
        return answering("CA")(received)

    with Receiver(answer) as receiver:
        sender.destination(receiver)
        batch = Batch(LANE, [due.to_wire() for due in sender.owe(1, 2, 3)])
        assert sender.pipeline.handle([batch], patience) == [1], "the lane may now be found paused"
        assert sender.pipeline.handle([Batch(LANE, batch.messages[1:])], patience) == [2]

    assert receiver.received == [message("A1")]


def test_the_lane_is_kept_while_much_is_sent_that_is_never_answered(sender: Sender) -> None:
    asked: list[None] = []
    with Receiver(silent) as receiver:
        sender.destination(receiver, waits=False)
        batch = Batch(LANE, [due.to_wire() for due in sender.owe(1, 2, 3)])

        assert sender.pipeline.handle([batch], lambda: asked.append(None)) == [3]
        receiver.wait_for(3)

    assert len(asked) >= 3
