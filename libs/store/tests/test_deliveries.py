"""The outbox: what is owed is sent once it is committed, in order, and until somebody gives it up."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from libs.errors import Unavailable
from libs.lanes.contracts import Due
from libs.store import dead_letters, deliveries
from libs.store.dead_letters import LetterClosed, UnknownLetter
from libs.store.deliveries import Delivery, Owed
from libs.store.destinations import (
    BLOCK,
    DEAD_LETTER,
    DeliveriesPending,
    Destination,
    UnknownDestination,
    acknowledging,
    destination,
    destinations,
    pending_destinations,
    put_destination,
    remove_destination,
)
from libs.store.engine import Pool, transaction
from libs.store.organizations import create_organization
from libs.store.tests.test_messages import A, apply

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
LAB = Destination("lab", "10.0.0.7", 2575, False, ["LAB|NORTH"], True, 30, DEAD_LETTER)
WARD = replace(LAB, name="ward", acknowledges=["WARD|NORTH", "LAB|NORTH"])


@pytest.fixture
def pool(pool: Pool) -> Pool:
    """Of a database that has two destinations and a message."""
    with transaction(pool, "default") as connection:
        put_destination(connection, "default", LAB)
        put_destination(connection, "default", WARD)
    apply(pool, A)
    return pool


def owed(number: int, to: str = "lab", message_id: str = "") -> Owed:
    return Owed(to, message_id or f"{number:032x}", "AA", f"A{number}", b"MSH|%d" % number)


def owe(pool: Pool, *what: Owed, now: datetime = NOW) -> Sequence[Due]:
    with transaction(pool, "default") as connection:
        return deliveries.owe(connection, "default", what, now)


def first(pool: Pool, up_to: int = 1_000) -> Delivery | None:
    with transaction(pool, "default") as connection:
        found = deliveries.pending(connection, "default", "lab", up_to, 1)
        return found[0] if found else None


def remove_at_once(pool: Pool) -> None:
    with transaction(pool, "default") as connection:
        connection.execute("SET LOCAL lock_timeout = '100ms'")
        remove_destination(connection, "default", "lab", NOW)


def give_up(pool: Pool, delivery_id: int) -> int:
    """The number of the dead letter."""
    with transaction(pool, "default") as connection:
        deliveries.give_up(
            connection, "default", delivery_id, lane="hl7.outbound/default/lab", reason="NoAnswer",
            error="no answer within 30 s", now=NOW,
        )  # fmt: skip
        return dead_letters.dead_letters(connection, "default")[-1].id


def test_what_is_owed_waits_in_order_and_is_owed_once(pool: Pool) -> None:
    dues = owe(pool, owed(1), owed(2))

    assert dues == [Due("default", "lab", dues[0].delivery_id + n, NOW.timestamp()) for n in (0, 1)]
    assert owe(pool, owed(1), owed(2)) == []
    assert first(pool) == Delivery(dues[0].delivery_id, f"{1:032x}", "A1", b"MSH|1", 0)
    assert first(pool, up_to=dues[0].delivery_id - 1) is None
    with transaction(pool, "default") as connection:
        deliveries.failed(connection, "default", dues[0].delivery_id, "no answer")
        waiting = deliveries.pending(connection, "default", "lab", 1000, 10)
        assert [(one.control_id, one.attempts) for one in waiting] == [("A1", 1), ("A2", 0)]
        deliveries.delivered(connection, "default", dues[0].delivery_id, NOW)
    delivery = first(pool)
    assert delivery is not None
    assert delivery.control_id == "A2"


def test_what_a_crash_left_off_its_lane_is_found(pool: Pool) -> None:
    late = owe(pool, owed(1), now=datetime.now(UTC) - timedelta(minutes=1))
    owe(pool, owed(2), now=datetime.now(UTC))  # about to be put on its lane by who wrote it

    with transaction(pool, "default") as connection:
        assert pending_destinations(connection) == [("default", "lab")]
        assert deliveries.overdue(connection, "default", "lab", 10) == late


def test_a_dead_delivery_is_a_dead_letter_that_can_be_sent_again(pool: Pool) -> None:
    [due] = owe(pool, owed(1, message_id=A.message_id))
    letter_id = give_up(pool, due.delivery_id)

    with transaction(pool, "default") as connection:
        letter, envelope = dead_letters.dead_letter(connection, "default", letter_id)
        [sent] = deliveries.sent_for(connection, "default", A.message_id)
        assert dead_letters.open_dead_letters(connection) == {"hl7.outbound": 1}
    assert (letter.queue, letter.lane, letter.delivery_id) == ("hl7.outbound", due.lane, due.delivery_id)
    assert (letter.reason, letter.error, letter.attempts, envelope) == ("NoAnswer", sent.error, 1, A)
    assert (sent.state, sent.attempts, sent.error) == ("dead", 1, "no answer within 30 s")
    assert first(pool) is None

    apply(pool, A)  # it is a letter of the delivery, not of the message
    with transaction(pool, "default") as connection:
        assert dead_letters.replay(connection, "default", letter_id) == (due.lane, due.to_wire())
    assert first(pool) == Delivery(due.delivery_id, A.message_id, "A1", b"MSH|1", 0)
    with transaction(pool, "default") as connection, pytest.raises(LetterClosed):
        dead_letters.replay(connection, "default", letter_id)


def test_a_dead_delivery_can_be_discarded(pool: Pool) -> None:
    [due] = owe(pool, owed(1, message_id=A.message_id))
    letter_id = give_up(pool, due.delivery_id)

    with transaction(pool, "default") as connection:
        dead_letters.discard(connection, "default", letter_id, NOW)
        [sent] = deliveries.sent_for(connection, "default", A.message_id)

    assert (sent.state, first(pool)) == ("discarded", None)


def test_a_destination_is_not_removed_while_something_waits_for_it(pool: Pool) -> None:
    [due] = owe(pool, owed(1, message_id=A.message_id))

    with transaction(pool, "default") as connection:
        with pytest.raises(DeliveriesPending, match="1 deliveries wait for lab"):
            remove_destination(connection, "default", "lab", NOW)
        remove_destination(connection, "default", "lab", NOW, discard=True)
        assert destinations(connection, "default") == [WARD]
        assert deliveries.sent_for(connection, "default", A.message_id)[0].state == "discarded"
        with pytest.raises(UnknownDestination):
            remove_destination(connection, "default", "lab", NOW)
    assert first(pool, due.delivery_id) is None


def test_a_destination_is_not_removed_while_something_is_written_for_it(pool: Pool) -> None:
    with transaction(pool, "default") as writing:
        assert acknowledging(writing, "default", ["LAB|NORTH"]) == [LAB, WARD]
        with pytest.raises(Unavailable, match="LockNotAvailable"):
            remove_at_once(pool)


def test_a_dead_delivery_to_a_destination_that_is_no_more_stays_dead(pool: Pool) -> None:
    [due] = owe(pool, owed(1, message_id=A.message_id))
    letter_id = give_up(pool, due.delivery_id)

    with transaction(pool, "default") as connection:
        remove_destination(connection, "default", "lab", NOW)
        with pytest.raises(UnknownLetter, match="has been removed"):
            dead_letters.replay(connection, "default", letter_id)


def test_a_destination_is_replaced_only_when_that_is_asked_for(pool: Pool) -> None:
    moved = replace(LAB, host="10.0.0.8", on_failure=BLOCK)

    with transaction(pool, "default") as connection:
        assert not put_destination(connection, "default", moved)
        assert destination(connection, "default", "lab") == LAB
        assert put_destination(connection, "default", moved, replace=True)
        assert destination(connection, "default", "lab") == moved


def test_another_organization_sees_nothing_of_it(pool: Pool) -> None:
    [due] = owe(pool, owed(1, message_id=A.message_id))
    with transaction(pool, "other") as connection:
        create_organization(connection, "other", "Other")

    with transaction(pool, "other") as connection:
        assert destinations(connection, "other") == []
        assert acknowledging(connection, "other", ["LAB|NORTH"]) == []
        assert deliveries.sent_for(connection, "other", A.message_id) == []
        # Not even where the code asks for it: row-level security.
        assert deliveries.sent_for(connection, "default", A.message_id) == []
        assert deliveries.pending(connection, "default", "lab", due.delivery_id, 10) == []
        assert destinations(connection, "default") == []
