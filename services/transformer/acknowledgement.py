"""What the senders of settled messages are owed: an application acknowledgement as a message of its own.

It is written in the transaction that settles the message (rule 16 of docs/mllp.md), so that both are there or
neither. Its MSH-10 comes from the message and the answer: the batch done again makes the same, and the
database has it once.
"""

from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any

from psycopg import Connection
from redis import Redis, RedisError

from libs.hl7v2.ack import AckCode, Condition, acknowledge, application_answer
from libs.hl7v2.header import Header
from libs.lanes.contracts import Due
from libs.lanes.enqueue import enqueue
from libs.log import get_logger
from libs.store.deliveries import Owed, owe
from libs.store.destinations import Destination, acknowledging
from libs.store.messages import storable
from services.transformer.conversion import Conversion

log = get_logger(__name__)


def acknowledge_settled(
    connection: Connection[Any], org: str, settled: Sequence[Conversion], now: datetime
) -> list[Due]:
    """Write what is owed for messages that have just been applied or have become dead letters.

    What to put on the destinations' lanes after the commit.
    """
    wanted = [
        (one, code, header)
        for one in settled
        if (header := one.header) and (code := application_answer(header, _outcome(one)))
    ]
    if not wanted:
        return []
    destinations = acknowledging(connection, org, {_sender(one) for one, _, _ in wanted})
    owed = []
    for one, code, header in wanted:
        found = [to for to in destinations if _sender(one) in to.acknowledges]
        owed += [_owed(one, code, header, to, now) for to in found]
        if not found:
            log.warning(
                "no application acknowledgement: no destination acknowledges the sender; "
                "`ehrconnect destination add NAME --to HOST:PORT --acknowledges SENDER` sets one",
                message_id=one.envelope.message_id,
                org_id=org,
            )
    return owe(connection, org, owed, now)


def announce(redis: Redis, dues: Sequence[Due]) -> None:
    """Put committed deliveries onto their lanes. What Redis does not take, a sweep puts there later."""
    if not dues:
        return
    try:
        enqueue(redis, [(due.lane, due.to_wire()) for due in dues])
    except RedisError as error:
        log.warning("deliveries are not on their lanes yet", count=len(dues), reason=type(error).__name__)


def _sender(one: Conversion) -> str:
    """As operators see it, and name it for a destination."""
    return storable(one.envelope.sender)


def _outcome(one: Conversion) -> AckCode:
    return AckCode.AA if one.failure is None else AckCode.AE


def _owed(one: Conversion, code: AckCode, header: Header, to: Destination, now: datetime) -> Owed:
    message_id = one.envelope.message_id
    control_id = "A" + blake2b(f"{message_id} {code}".encode(), digest_size=9).hexdigest().upper()
    body = acknowledge(
        header,
        code,
        control_id=control_id,
        now=now,
        error=one.failure.answer if one.failure else None,
        asks=Condition.AL if to.waits else Condition.NE,
    )
    return Owed(to.name, message_id, code.value, control_id, body)
