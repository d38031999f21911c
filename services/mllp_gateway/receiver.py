"""The promise of the gateway: a positive answer leaves only after Redis has the message on disk.

Rule numbers are those of docs/mllp.md.
"""

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count

from libs.hl7v2.ack import AckCode, AckError, acknowledge, answer_mode
from libs.hl7v2.charset import decode_part
from libs.hl7v2.header import Header, NotHL7, is_answer, read_header, read_patient
from libs.lanes.contracts import Envelope, inbound_lane, message_id
from libs.log import get_logger
from libs.metrics import MLLP_QUIRKS
from services.mllp_gateway import policy
from services.mllp_gateway.exchange import Block, Client, Exchange
from services.mllp_gateway.journal import Journal
from services.mllp_gateway.lane_writer import LaneWriter, Outcome
from services.mllp_gateway.limits import Limits
from services.mllp_gateway.policy import Refusal
from services.mllp_gateway.senders import Sender, SendersFile, UnknownSender
from services.mllp_gateway.sequence import Place
from services.mllp_gateway.storage import Storage

log = get_logger(__name__)


class Receiver:
    """Judges messages, has the good ones stored, and decides every answer."""

    def __init__(self, rules: SendersFile, storage: Storage, limits: Limits, journal: Journal) -> None:
        self.writer: LaneWriter[Exchange] = LaneWriter(storage, self._settle)
        self._rules = rules
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
        else:
            self._journal.write([exchange])

    def end(self, block: Block, client: Client) -> None:
        """Nothing more comes in a frame or request."""
        self._journal.end(block, client)

    def refuse(self, exchange: Exchange, refusal: Refusal) -> None:
        """Settle an exchange negatively."""
        exchange.reason = refusal.reason
        self._answer(exchange, refusal.code, refusal.error)
        self._journal.write([exchange])

    def refuse_oversize(self, head: bytes, exchange: Exchange, limit: int) -> None:
        """Rule 6: answer the head of a message that exceeds `limit` bytes, if it tells whom to answer."""
        refusal = policy.too_large(limit)
        try:
            exchange.header = read_header(head)
        except NotHL7:
            exchange.settled = True
            exchange.reason = refusal.reason
            self._journal.write([exchange])
        else:
            self.refuse(exchange, refusal)

    def _judge(self, body: bytes, exchange: Exchange) -> None:
        """Find the lane, or settle the exchange without storing anything. Raises Refusal."""
        try:
            header = exchange.header = read_header(body)
        except NotHL7 as error:
            raise policy.not_hl7(error) from error
        for quirk in header.quirks:
            MLLP_QUIRKS.labels(quirk).inc()
        if is_answer(body, header):
            # Rule 12: or two systems would answer each other's answers for ever.
            exchange.settled = True
            exchange.reason = "unexpected_ack"
            return
        exchange.mode = answer_mode(header)
        try:
            sender = exchange.sender = self._rules.senders.identify(
                header, exchange.client.organization, exchange.client.listener.charset
            )
        except UnknownSender as error:
            raise policy.unknown_sender() from error
        if sender.sequence_numbers and self._starts_sequence(header, exchange):
            return
        policy.check(header, sender, exchange.client.listener)
        if sender.strict:
            policy.check_structure(body, header, sender.charset or exchange.client.listener.charset)
        self._address(body, header, sender, exchange)

    def _starts_sequence(self, header: Header, exchange: Exchange) -> bool:
        """Whether the message only asks for the number that is expected; it is answered then.

        Raises Refusal: one before it is missing.
        """
        sequence = exchange.client.sequence
        place = sequence.place(header.fields[13])
        if place is not Place.NONE:
            exchange.expected_sequence = sequence.expected
        if place is Place.AHEAD:
            raise policy.out_of_sequence()
        if place is Place.START and not header.type and header.control_id:
            self._answer(exchange, AckCode.AA, None)
            exchange.reason = "sequence_start"
            return True
        # What was accepted before is stored again: the same has no effect, and another must not be lost.
        exchange.numbered = place is Place.NEXT
        return False

    def _address(self, body: bytes, header: Header, sender: Sender, exchange: Exchange) -> None:
        """Write the envelope and choose the lane of a message that is to be stored."""
        exchange.message_id = message_id(
            sender.organization, header.application, header.facility, header.control_id, body
        )
        if exchange.numbered:
            exchange.client.sequence.take(header.fields[13])
            exchange.expected_sequence = exchange.client.sequence.expected
        parties = header.application + b"|" + header.facility
        charset = sender.charset or exchange.client.listener.charset
        envelope = Envelope(
            message_id=exchange.message_id,
            organization=sender.organization,
            received_at=time.time(),
            sender=parties.decode("ascii") if parties.isascii() else decode_part(parties, header, charset),
            peer=exchange.client.address,
            charset=charset,
            body=body,
            timezone=sender.timezone or exchange.client.listener.timezone,
        )
        exchange.wire = envelope.to_wire()
        exchange.lane = inbound_lane(
            sender.organization, sender.priority, read_patient(body, header, charset) or parties
        )

    def _settle(self, exchanges: Sequence[Exchange], outcome: Outcome) -> None:
        """What became of a call to Redis, for each of its messages."""
        for exchange in exchanges:
            self._limits.release(exchange.size)
            exchange.wire = b""
            try:
                self._conclude(exchange, outcome)
            except Exception as error:
                # One answer that cannot be written must not cost the others theirs.
                log.error("no answer", message_id=exchange.message_id, type=type(error).__name__)  # noqa: TRY400
                exchange.reason = "internal"
                exchange.settled = exchange.closes = True
        for client in dict.fromkeys(exchange.client for exchange in exchanges):
            client.answer()
        self._journal.write(exchanges)

    def _conclude(self, exchange: Exchange, outcome: Outcome) -> None:
        if outcome is Outcome.STORED:
            self._answer(exchange, AckCode.AA, None)
            return
        # Rule 19; but of a message that may be stored after all nothing is said: a resend settles that.
        exchange.reason = "storage_down"
        header, sender = exchange.header, exchange.sender
        if outcome is Outcome.UNKNOWN or not (header and sender) or sender.when_storage_is_down == "close":
            exchange.settled = exchange.closes = True
            return
        if exchange.numbered:
            exchange.client.sequence.give_back(header.fields[13])
            exchange.expected_sequence = exchange.client.sequence.expected
        code = AckCode.AR if exchange.mode.enhanced else AckCode(sender.when_storage_is_down)
        self._answer(exchange, code, policy.storage_down().error)

    def _answer(self, exchange: Exchange, code: AckCode, error: AckError | None) -> None:
        exchange.settled = True
        answer = exchange.mode.answer(code)
        if answer is None:
            return
        exchange.answer = acknowledge(
            exchange.header,
            answer,
            control_id=next(self._control_ids),
            now=datetime.now(UTC),
            error=error,
            expected_sequence=exchange.expected_sequence,
        )
        exchange.code = answer.value
