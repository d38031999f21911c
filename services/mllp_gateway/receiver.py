"""The promise of the gateway: a positive answer leaves only after Redis has the message on disk.

Rule numbers are those of docs/mllp.md.
"""

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count

from libs.hl7v2.ack import AckCode, AckError, acknowledge, answer_mode
from libs.hl7v2.header import NotHL7, read_header, read_patient
from libs.lanes.contracts import Envelope, inbound_lane, message_id
from libs.metrics import MLLP_QUIRKS
from services.mllp_gateway import policy
from services.mllp_gateway.exchange import Exchange
from services.mllp_gateway.journal import Journal
from services.mllp_gateway.lane_writer import LaneWriter, Outcome
from services.mllp_gateway.limits import Limits
from services.mllp_gateway.policy import Refusal
from services.mllp_gateway.senders import SendersFile, UnknownSender
from services.mllp_gateway.storage import Storage

_MSA = (b"\rMSA", b"\nMSA")


class Receiver:
    """Judges messages, has the good ones stored, and decides every answer."""

    def __init__(self, rules: SendersFile, storage: Storage, limits: Limits, journal: Journal) -> None:
        self._rules = rules
        self.writer: LaneWriter[Exchange] = LaneWriter(storage, self._settle)
        self._limits = limits
        self._journal = journal
        # Our MSH-10: no two processes make the same one, and it fits the 20 characters of before v2.7.
        self._control_ids = map(f"E{os.urandom(4).hex().upper()}{{}}".format, count(1))

    def receive(self, body: bytes, exchange: Exchange) -> None:
        """Take one message.

        `exchange` is settled at once when there is nothing to store; else its client is called when it is.
        """
        try:
            self._judge(body, exchange)
        except Refusal as refusal:
            self.refuse(exchange, refusal)
            return
        if exchange.lane:
            self._limits.hold(exchange.size)
            self.writer.append(exchange.lane, exchange.wire, exchange)

    def refuse(self, exchange: Exchange, refusal: Refusal) -> None:
        """Settle an exchange negatively."""
        exchange.reason = refusal.reason
        self._answer(exchange, refusal.code, refusal.error)
        self._journal.write([exchange])

    def refuse_oversize(self, head: bytes, exchange: Exchange, limit: int) -> None:
        """Rule 6: answer the head of a message that exceeds `limit` bytes, if it tells whom to answer."""
        try:
            exchange.header = read_header(head)
        except NotHL7:
            self._ignore(exchange, "too_large")
        else:
            self.refuse(exchange, policy.too_large(limit))

    def _judge(self, body: bytes, exchange: Exchange) -> None:
        """Find the sender and the lane. Raises Refusal."""
        try:
            header = exchange.header = read_header(body)
        except NotHL7 as error:
            raise policy.not_hl7(error) from error
        for quirk in header.quirks:
            MLLP_QUIRKS.labels(quirk).inc()
        if header.type == b"ACK" or any(msa in body for msa in _MSA):
            self._ignore(exchange, "unexpected_ack")  # rule 12: or two systems answer each other for ever
            return
        exchange.mode = answer_mode(header)
        client = exchange.client
        try:
            sender = exchange.sender = self._rules.senders.identify(header, client.organization)
        except UnknownSender as error:
            raise policy.unknown_sender() from error
        policy.check(header, sender, client.listener)

        exchange.message_id = message_id(
            sender.organization, header.application, header.facility, header.control_id, body
        )
        parties = header.application + b"|" + header.facility
        envelope = Envelope(
            message_id=exchange.message_id,
            organization=sender.organization,
            received_at=time.time(),
            sender=parties.decode("latin-1"),
            peer=client.address,
            charset=sender.charset or client.listener.charset,
            body=body,
        )
        exchange.wire = envelope.to_wire()
        exchange.lane = inbound_lane(
            sender.organization, sender.priority, read_patient(body, header) or parties
        )

    def _settle(self, exchanges: Sequence[Exchange], outcome: Outcome) -> None:
        """What became of a call to Redis, for each of its messages."""
        for exchange in exchanges:
            self._limits.release(exchange.size)
            if outcome is Outcome.STORED:
                self._answer(exchange, AckCode.AA, None)
            else:
                self._not_stored(exchange, outcome)
        self._journal.write(exchanges)
        for client in dict.fromkeys(exchange.client for exchange in exchanges):
            client.answer()

    def _not_stored(self, exchange: Exchange, outcome: Outcome) -> None:
        """Rule 19; but of a message that may be stored after all nothing is said: a resend settles that."""
        exchange.reason = "storage_down"
        sender = exchange.sender
        if outcome is Outcome.UNKNOWN or sender is None or sender.when_storage_is_down == "close":
            exchange.settled = exchange.closes = True
            return
        code = AckCode.AR if exchange.mode.enhanced else AckCode(sender.when_storage_is_down)
        self._answer(exchange, code, policy.storage_down().error)

    def _answer(self, exchange: Exchange, code: AckCode, error: AckError | None) -> None:
        exchange.settled = True
        answer = exchange.mode.answer(code)
        if answer is None:
            return
        exchange.code = answer.value
        exchange.answer = acknowledge(
            exchange.header, answer, control_id=next(self._control_ids), now=datetime.now(UTC), error=error
        )

    def _ignore(self, exchange: Exchange, reason: str) -> None:
        exchange.settled = True
        exchange.reason = reason
        self._journal.write([exchange])
