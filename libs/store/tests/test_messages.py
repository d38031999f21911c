from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from libs.lanes.contracts import Envelope
from libs.store import dead_letters, messages
from libs.store.dead_letters import LetterClosed, UnknownLetter
from libs.store.engine import Conflict, Pool, attempt, transaction
from libs.store.messages import Buried, Finished

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
A = Envelope("0" * 31 + "a", "default", 1_764_000_000.0, "ADT|NORTH", "10.0.0.7", "", b"MSH|a")
B = replace(A, message_id="0" * 31 + "b", body=b"MSH|b")


def finished(envelope: Envelope, control_id: str = "1") -> Finished:
    return Finished(envelope, control_id, "ADT^A01", "{}")


def buried(envelope: Envelope) -> Buried:
    return Buried(envelope, "1", "ADT^A01", "hl7.inbound:3", "lane", "Unmappable", "PID is missing", 1)


def apply(pool: Pool, *envelopes: Envelope) -> set[str]:
    """Takes, finishes and commits the fresh ones; returns their ids."""

    def work(connection: psycopg.Connection[Any]) -> set[str]:
        fresh = messages.take(connection, "default", envelopes)
        messages.finish(connection, "default", [finished(e) for e in envelopes if e.message_id in fresh], NOW)
        return fresh

    return attempt(pool, "default", work)


def test_a_message_is_fresh_once(pool: Pool) -> None:
    assert [apply(pool, A), apply(pool, A, B), apply(pool, A, B)] == [{A.message_id}, {B.message_id}, set()]


def test_a_batch_that_is_rolled_back_is_fresh_again(pool: Pool) -> None:
    def crash(connection: psycopg.Connection[Any]) -> None:
        messages.finish(connection, "default", [finished(A)], NOW)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        attempt(pool, "default", crash)

    assert apply(pool, A) == {A.message_id}


def test_of_two_workers_with_the_same_message_one_applies_it(pool: Pool) -> None:
    with transaction(pool, "default") as slow:
        assert messages.take(slow, "default", [A]) == {A.message_id}
        apply(pool, A)

        with pytest.raises(Conflict):
            messages.finish(slow, "default", [finished(A)], NOW)


def test_other_content_under_a_used_control_id_is_flagged(pool: Pool) -> None:
    other_sender = replace(A, message_id="0" * 31 + "c", sender="LAB|NORTH")

    apply(pool, A, B, other_sender)

    with transaction(pool, "default") as connection:
        flags = connection.execute(
            "SELECT raw, sender, reused_control_id FROM message ORDER BY id"
        ).fetchall()
    assert flags == [
        (b"MSH|a", "ADT|NORTH", False),
        (b"MSH|b", "ADT|NORTH", True),
        (b"MSH|a", "LAB|NORTH", False),
    ]


def test_a_dead_letter_tells_its_story_and_gives_its_message_back(pool: Pool) -> None:
    with transaction(pool, "default") as connection:
        messages.bury(connection, "default", buried(A), NOW)

    with transaction(pool, "default") as connection:
        [letter] = dead_letters.dead_letters(connection, "default")
        assert dead_letters.open_dead_letters(connection) == {"hl7.inbound:3": 1}
        assert dead_letters.dead_letter(connection, "default", letter.id) == (letter, A)
    assert letter == dead_letters.DeadLetter(
        id=1,
        message_id=A.message_id,
        queue="hl7.inbound:3",
        lane="lane",
        sender="ADT|NORTH",
        control_id="1",
        message_type="ADT^A01",
        reason="Unmappable",
        error="PID is missing",
        attempts=1,
        created_at=NOW,
        state="open",
        replaying=False,
        closed_at=None,
    )
    assert apply(pool, A) == set(), "a resend of a dead message is not applied"


def letters(pool: Pool) -> list[tuple[int, str, bool, datetime | None]]:
    with transaction(pool, "default") as connection:
        return [
            (letter.id, letter.state, letter.replaying, letter.closed_at)
            for state in ("open", "replayed", "discarded")
            for letter in dead_letters.dead_letters(connection, "default", state)
        ]


def bury(pool: Pool) -> None:
    with transaction(pool, "default") as connection:
        messages.bury(connection, "default", buried(A), NOW)


def replay(pool: Pool) -> tuple[str, bytes]:
    with transaction(pool, "default") as connection:
        return dead_letters.replay(connection, "default", 1)


def test_a_replayed_message_is_applied_once_more(pool: Pool) -> None:
    bury(pool)

    assert [replay(pool), replay(pool)] == [("lane", A.to_wire())] * 2, "until it is applied"
    assert letters(pool) == [(1, "open", True, None)], "what was not put on its lane is still to be seen"

    assert [apply(pool, A), apply(pool, A)] == [{A.message_id}, set()]
    assert letters(pool) == [(1, "replayed", False, NOW)]
    with pytest.raises(LetterClosed):
        replay(pool)


def test_a_replayed_message_may_die_again_or_wait_for_a_map(pool: Pool) -> None:
    bury(pool)
    replay(pool)
    bury(pool)

    assert letters(pool) == [(2, "open", False, None), (1, "replayed", False, NOW)]

    with transaction(pool, "default") as connection:
        dead_letters.replay(connection, "default", 2)
        messages.park(connection, "default", [finished(A)], NOW)

    assert letters(pool) == [(1, "replayed", False, NOW), (2, "replayed", False, NOW)]


def test_a_letter_that_is_discarded_while_its_message_waits_in_its_lane_takes_it_back(pool: Pool) -> None:
    bury(pool)
    replay(pool)
    with transaction(pool, "default") as connection:
        dead_letters.discard(connection, "default", 1, NOW)

    assert apply(pool, A) == set()
    assert letters(pool) == [(1, "discarded", False, NOW)]


def test_newer_messages_of_the_same_patient_are_counted(pool: Pool) -> None:
    later = replace(B, received_at=A.received_at + 1)
    earlier = replace(A, message_id="0" * 31 + "c", received_at=A.received_at - 1)
    other, unknown = (replace(later, message_id="0" * 31 + digit) for digit in "de")

    def of(envelope: Envelope, patient: int | None) -> Finished:
        return replace(finished(envelope), patient_key=patient)

    with transaction(pool, "default") as connection:
        everyone = [of(A, 7), of(later, 7), of(earlier, 7), of(other, 8), of(unknown, None)]
        messages.finish(connection, "default", everyone, NOW)

        counts = [messages.newer(connection, "default", one.envelope.message_id) for one in everyone]

    assert counts == [1, 0, 2, 0, 0]


def test_a_discarded_letter_stays_closed(pool: Pool) -> None:
    with transaction(pool, "default") as connection:
        messages.bury(connection, "default", buried(A), NOW)
        dead_letters.discard(connection, "default", 1, NOW)

        assert dead_letters.dead_letters(connection, "default") == []
        with pytest.raises(LetterClosed):
            dead_letters.replay(connection, "default", 1)
        with pytest.raises(LetterClosed):
            dead_letters.discard(connection, "default", 1, NOW)
        with pytest.raises(UnknownLetter):
            dead_letters.discard(connection, "default", 2, NOW)


def test_texts_of_any_size_and_content_can_be_kept(pool: Pool) -> None:
    wild = replace(A, sender="S" * 100_000, body=b"\0\xff" * 50_000)

    with transaction(pool, "default") as connection:
        messages.finish(connection, "default", [finished(wild, "c\0" * 9_000)], NOW)
        messages.finish(connection, "default", [finished(B, "c\0" * 9_001)], NOW)

        kept = connection.execute("SELECT raw, length(control_id) FROM message ORDER BY id").fetchall()
    assert kept == [(wild.body, 333), (B.body, 333)]
