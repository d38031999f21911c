"""/api/messages: what was received, what became of it, and what was not carried over."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

import orjson
from starlette.responses import Response

from libs.store import message_list, messages
from libs.store.message_list import Criteria, Position
from services.console.actions.describe import describe
from services.console.api.call import Call
from services.console.api.parameters import COUNT, flag, message_id, moment, one_of, text

STATUSES = (messages.TRANSFORMED, messages.DEAD, messages.REPLAYING, messages.PARKED)
DEFAULT_COUNT = 100


def position(value: str) -> Position:
    """After which message a list goes on: `received_at,id`."""
    at, _, identity = value.rpartition(",")
    try:
        return datetime.fromisoformat(at.replace(" ", "+")), message_id(identity)
    except ValueError:
        raise ValueError("not of a `next` link") from None


LISTED = {
    "status": one_of(*STATUSES),
    "type": text,
    "sender": text,
    "control_id": text,
    "since": moment,
    "until": moment,
    "reused": flag,
    "count": COUNT,
    "after": position,
}


def listed(call: Call) -> Any:
    """The newest first, a page at a time."""
    asked = call.asked
    count = asked.get("count", DEFAULT_COUNT)
    criteria = Criteria(
        status=asked.get("status"),
        message_type=asked.get("type"),
        sender=asked.get("sender"),
        control_id=asked.get("control_id"),
        since=asked.get("since"),
        until=asked.get("until"),
        reused=asked.get("reused", False),
    )
    with call.transaction() as connection:
        found = message_list.received(
            connection, call.organization, criteria, limit=count + 1, after=asked.get("after")
        )
    page = found[:count]
    more = len(found) > count
    following = call.following(after=f"{page[-1].received_at.isoformat()},{page[-1].id}") if more else None
    return {"messages": page, "next": following}


def shown(call: Call) -> Any:
    """One message with its conversion report; not what it says."""
    with call.transaction() as connection:
        known = describe(connection, call.organization, call.named["id"])
    return {
        **asdict(known.message),
        "report": orjson.Fragment(known.report) if known.report else None,
        "resources": known.resources,
        "dead_letters": known.dead_letters,
        "deliveries": known.deliveries,
        "unsent_acknowledgement": known.unsent_acknowledgement,
    }


def raw(call: Call) -> Response:
    """A message as it was received."""
    with call.transaction() as connection:
        content = message_list.content(connection, call.organization, call.named["id"])
    call.did("message read", message_id=call.named["id"])
    return Response(content, media_type="application/hl7-v2")
