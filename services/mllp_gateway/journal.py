"""One log line and the metrics of each message, written for many at once.

Of messages in one frame that are refused for the same reason the first few have lines, the rest a count:
a frame can hold hundreds of thousands.

A line of its own through the logging library costs a fifth of everything else that an ACK takes. The
lines have the shape of `libs.log`'s: ids, sizes and timings, never content.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from typing import BinaryIO

import orjson
from prometheus_client import Counter

from libs.metrics import ACK_SECONDS, NAKS, PARSE_ERRORS, RECEIVED
from services.mllp_gateway.exchange import Block, Client, Exchange
from services.mllp_gateway.message_types import MESSAGE_TYPES

MOST_ALIKE = 10  # lines of one frame with the same reason
_LONGEST_CONTROL_ID = 199  # characters, what HL7 v2.7 allows


class Journal:
    def __init__(self, service: str, stream: BinaryIO | None) -> None:
        """`stream` None keeps no lines, metrics only."""
        self._service = service
        self._stream = stream

    def write(self, exchanges: Sequence[Exchange]) -> None:
        """Record settled exchanges."""
        now, clock = datetime.now(UTC).isoformat(), time.monotonic()
        lines = []
        for exchange in exchanges:
            seconds = clock - exchange.arrived
            _count(exchange, seconds)
            block, reason = exchange.block, exchange.reason
            block.unsettled -= 1
            if reason:
                block.refused[reason] = block.refused.get(reason, 0) + 1
            if self._stream and block.refused.get(reason, 0) <= MOST_ALIKE:
                lines.append(self._line(exchange, seconds, now))
            if block.refused:
                lines += self._rest(block, exchange.client, now)
        self._write(lines)

    def end(self, block: Block, client: Client) -> None:
        """Nothing more comes in the block: what has no line of its own is told once it is settled."""
        block.whole = True
        if block.refused:
            self._write(self._rest(block, client, datetime.now(UTC).isoformat()))

    def _write(self, lines: Sequence[bytes]) -> None:
        if self._stream and lines:
            # A full disk under the log must not cost anyone an answer.
            with suppress(OSError):
                self._stream.write(b"".join(lines))
                self._stream.flush()

    def _rest(self, block: Block, client: Client, now: str) -> list[bytes]:
        if not block.whole or block.unsettled:
            return []
        return [
            orjson.dumps(
                {
                    "service": self._service,
                    "event": "more messages of the frame not accepted",
                    "level": "warning",
                    "timestamp": now,
                    "listener": client.listener.name,
                    "peer": client.address,
                    "reason": reason,
                    "messages": number - MOST_ALIKE,
                },
                option=orjson.OPT_APPEND_NEWLINE,
            )
            for reason, number in block.refused.items()
            if number > MOST_ALIKE
        ]

    def _line(self, exchange: Exchange, seconds: float, now: str) -> bytes:
        header, sender, client = exchange.header, exchange.sender, exchange.client
        facts: dict[str, object] = {
            "service": self._service,
            "event": "message not accepted" if exchange.reason else "message accepted",
            "level": "warning" if exchange.reason else "info",
            "timestamp": now,
            "listener": client.listener.name,
            "peer": client.address,
            "bytes": exchange.size,
            "milliseconds": round(seconds * 1000, 3),
            "answer": exchange.code or "none",
        }
        if exchange.reason:
            facts["reason"] = exchange.reason
        if header:
            facts["control_id"] = header.control_id[:_LONGEST_CONTROL_ID].decode("latin-1")
            facts["message_type"] = _type_label(header.type)
            facts["event_code"] = header.event[:3].decode("latin-1")
        if sender:
            facts["sender"] = sender.name
            facts["organization"] = sender.organization
        if exchange.lane:
            facts["message_id"] = exchange.message_id
            facts["lane"] = exchange.lane
        return orjson.dumps(facts, option=orjson.OPT_APPEND_NEWLINE)


def _count(exchange: Exchange, seconds: float) -> None:
    if not exchange.reason and exchange.header and exchange.sender:
        _received(_type_label(exchange.header.type), exchange.sender.organization).inc()
        ACK_SECONDS.observe(seconds)
        return
    PARSE_ERRORS.labels(exchange.reason).inc()
    if exchange.code:
        NAKS.labels(exchange.code, exchange.reason, exchange.client.listener.name).inc()


@cache
def _received(message_type: str, organization: str) -> Counter:
    return RECEIVED.labels(message_type, organization)


def _type_label(message_type: bytes) -> str:
    """The type, when HL7 defines it: a label must not grow with what senders send."""
    return message_type.decode("ascii") if message_type in MESSAGE_TYPES else "other"
