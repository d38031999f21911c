"""A dead letter goes back to where it died."""

from dataclasses import dataclass

from redis import Redis

from libs.lanes.enqueue import enqueue
from libs.store import dead_letters, messages
from libs.store.engine import Pool, transaction


@dataclass(frozen=True, slots=True)
class Replayed:
    letter: int
    message_id: str
    lane: str  # where it waits now, behind what waited there
    newer: int  # messages of its patient that are applied already; it may undo what they say


def replay(pool: Pool, redis: Redis, org: str, letter_id: int) -> Replayed:
    """Put the letter's message, or delivery, back into its lane. Raises UnknownLetter, LetterClosed.

    A crash between the commit and the lane loses nothing: the letter of a message stays open until it is
    applied, and can be replayed again; a delivery that waits is put on its lane by the sweep. Replayed twice,
    the message is applied once.
    """
    with transaction(pool, org) as connection:
        letter, _ = dead_letters.dead_letter(connection, org, letter_id)
        lane, wire = dead_letters.replay(connection, org, letter_id)
        newer = 0 if letter.delivery_id else messages.newer(connection, org, letter.message_id)
    # After the commit: before it the message would be taken for one that is stored already.
    enqueue(redis, [(lane, wire)])
    return Replayed(letter_id, letter.message_id, lane, newer)
