"""/api/dead-letters: what could not be applied or delivered, and what to do with it."""

from datetime import UTC, datetime
from typing import Any

from libs.store import dead_letters
from services.console.actions import replay
from services.console.api.call import Call
from services.console.api.parameters import COUNT, number, one_of

DEFAULT_COUNT = 100
STATES = (dead_letters.OPEN, dead_letters.REPLAYED, dead_letters.DISCARDED)

_LARGEST = 2**63 - 1

LISTED = {"state": one_of(*STATES), "count": COUNT, "after": number(0, _LARGEST)}


def listed(call: Call) -> Any:
    """The oldest first, a page at a time."""
    asked = call.asked
    count = asked.get("count", DEFAULT_COUNT)
    with call.transaction() as connection:
        found = dead_letters.dead_letters(
            connection,
            call.organization,
            asked.get("state", dead_letters.OPEN),
            count + 1,
            asked.get("after", 0),
        )
    page = found[:count]
    following = call.following(after=page[-1].id) if len(found) > count else None
    return {"dead_letters": page, "next": following}


def shown(call: Call) -> Any:
    """One dead letter; its message is read at /api/messages/ID/raw."""
    with call.transaction() as connection:
        letter, _ = dead_letters.dead_letter(connection, call.organization, _id(call))
    return letter


def replayed(call: Call) -> Any:
    """Back in its lane; `newer` messages of its patient are applied, which it may undo."""
    done = replay.replay(call.runtime.pool, call.runtime.redis, call.organization, _id(call))
    call.did("dead letter replayed", letter=done.letter, message_id=done.message_id, lane=done.lane)
    return done


def discarded(call: Call) -> Any:
    """Closed for good; its message stays stored."""
    with call.transaction() as connection:
        dead_letters.discard(connection, call.organization, _id(call), datetime.now(UTC))
        letter, _ = dead_letters.dead_letter(connection, call.organization, _id(call))
    call.did("dead letter discarded", letter=letter.id, message_id=letter.message_id)
    return letter


def _id(call: Call) -> int:
    """Raises UnknownLetter."""
    try:
        return int(number(0, _LARGEST)(call.named["id"]))
    except ValueError:
        raise dead_letters.UnknownLetter("no such dead letter") from None
