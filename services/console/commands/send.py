"""`ehrconnect send FILE... --to HOST:PORT`: HL7 v2 files over MLLP, each answer waited for."""

import argparse
import asyncio
import os
import ssl
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from libs.hl7v2.ack import NO_ANSWER, ORIGINAL, AckCode, AnswerMode, answer_mode
from libs.hl7v2.header import is_answer, read_header
from libs.hl7v2.message import NotHL7, parse
from libs.hl7v2.mllp import FrameDecoder, frame
from services.console.commands.address import address
from services.console.commands.files import read_messages
from services.console.commands.output import CommandError

ANSWER_WITHIN = 60.0  # seconds
REFUSAL_WITHIN = 2.0  # seconds, where MSH-15 asks for an answer to what is refused only
LARGEST_ANSWER = 1_000_000  # bytes
SENT = "sent (no answer asked for)"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="HL7 v2, one or more messages")
    parser.add_argument("--to", type=address, required=True, metavar="HOST:PORT")
    parser.add_argument("--connections", type=_positive, default=1, metavar="N", help="at a time (1)")
    parser.add_argument("--tls", action="store_true", help="over TLS")
    parser.add_argument("--ca", type=Path, metavar="FILE", help="authorities to trust, PEM (the system's)")
    parser.add_argument(
        "--cert", type=Path, metavar="FILE", help="our certificate, PEM, where one is asked for"
    )
    parser.add_argument("--key", type=Path, metavar="FILE", help="its key, PEM (in the same file)")
    parser.add_argument("--rate", type=float, default=0, metavar="N", help="messages a second at most")


def run(options: argparse.Namespace) -> int:
    """0 when every message was accepted, or asked for no answer."""
    messages = [(file, message) for file in options.files for message in read_messages(file)]
    host, port = options.to
    receiver = Receiver(host, port, _tls(options) if options.tls else None)
    started = time.monotonic()
    outcomes = asyncio.run(_send(messages, receiver, options.connections, options.rate))
    seconds = time.monotonic() - started
    counts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
    print(f"{len(messages)} messages in {seconds:.1f} s: {counts or 'nothing to send'}")
    return 0 if outcomes["accepted"] + outcomes[SENT] == len(messages) else 1


def _tls(options: argparse.Namespace) -> ssl.SSLContext:
    """Raises CommandError."""
    try:
        context = ssl.create_default_context(cafile=options.ca)
        if options.cert:
            context.load_cert_chain(options.cert, options.key)
    except OSError as error:
        reason = (error.reason if isinstance(error, ssl.SSLError) else error.strerror) or "not PEM"
        raise CommandError(f"--ca, --cert or --key cannot be used: {reason}") from None
    return context


@dataclass(frozen=True, slots=True)
class Receiver:
    host: str
    port: int
    tls: ssl.SSLContext | None


async def _send(
    messages: Sequence[tuple[Path, bytes]], to: Receiver, connections: int, rate: float
) -> Counter[str]:
    """What became of the messages, counted: accepted, refused, unanswered, SENT."""
    outcomes: Counter[str] = Counter()
    waiting = iter(messages)
    paces = _paces(rate)
    await asyncio.gather(
        *(_connection(waiting, to, paces, outcomes) for _ in range(min(connections, len(messages))))
    )
    return outcomes


async def _connection(
    waiting: Iterator[tuple[Path, bytes]],
    to: Receiver,
    paces: Iterator[float],
    outcomes: Counter[str],
) -> None:
    """Send what is waiting over one connection, made again whenever the receiver closes it."""
    line: _Line | None = None
    for file, message in waiting:
        await asyncio.sleep(max(0.0, next(paces) - time.monotonic()))
        was_used = line is not None
        line = line or await _Line.to(to)
        try:
            try:
                answer = await line.exchange(message)
            except ConnectionError:
                if not was_used:
                    raise
                await line.close()  # many receivers hang up after each answer
                line = await _Line.to(to)
                answer = await line.exchange(message)
        except (OSError, TimeoutError) as error:
            outcomes["unanswered"] += 1
            print(f"{file}: no answer: {_problem(error)}", file=sys.stderr)
            await line.close()
            line = None
            continue
        refusal = "" if answer is None else _refusal(answer)
        outcomes[SENT if answer is None else "refused" if refusal else "accepted"] += 1
        if refusal:
            print(f"{file}: {refusal}", file=sys.stderr)
    if line:
        await line.close()


class _Line:
    """One MLLP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._decoder = FrameDecoder(LARGEST_ANSWER)

    @classmethod
    async def to(cls, receiver: Receiver) -> "_Line":
        try:
            return cls(*await asyncio.open_connection(receiver.host, receiver.port, ssl=receiver.tls))
        except ssl.SSLError as error:
            raise CommandError(f"no TLS with {receiver.host}:{receiver.port}: {error.reason}") from None
        except ConnectionResetError:
            if receiver.tls is None:
                raise CommandError(f"{receiver.host}:{receiver.port} hung up") from None
            raise CommandError(
                f"no TLS with {receiver.host}:{receiver.port}: it hung up; is that its TLS port?"
            ) from None
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
            raise CommandError(
                f"{receiver.host}:{receiver.port} cannot be reached: {reason or error}"
            ) from None

    async def exchange(self, message: bytes) -> bytes | None:
        """The answer to the message; None when none is due. Raises OSError, TimeoutError, CommandError."""
        try:
            self._writer.write(frame(message))
        except ValueError as error:
            raise CommandError(str(error)) from None
        async with asyncio.timeout(ANSWER_WITHIN):
            await self._writer.drain()
        mode = _mode(message)
        if mode.answer(AckCode.AA):
            return await self._answer(ANSWER_WITHIN)
        if not mode.answer(AckCode.AR):
            return None
        try:
            return await self._answer(REFUSAL_WITHIN)
        except TimeoutError:
            return None

    async def _answer(self, within: float) -> bytes:
        async with asyncio.timeout(within):
            while data := await self._reader.read(65536):
                for answer in self._decoder.feed(data):
                    return answer
        raise ConnectionResetError("the receiver closed the connection")

    async def close(self) -> None:
        """Returns when what was written is on its way."""
        self._writer.close()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(ANSWER_WITHIN):
                await self._writer.wait_closed()


def _mode(message: bytes) -> AnswerMode:
    try:
        header = read_header(message)
    except NotHL7:
        return ORIGINAL
    if is_answer(message, header) and not header.accept_ack:
        return NO_ANSWER
    return answer_mode(header)


def _problem(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return f"no TLS: {error.reason}"
    if error.errno and error.errno > 0:
        return os.strerror(error.errno)  # asyncio's own text repeats the address
    if isinstance(error, TimeoutError):
        return f"none within {ANSWER_WITHIN:.0f} s"
    return error.strerror or "it closed the connection"


def _refusal(answer: bytes) -> str:
    """Why the receiver did not accept; "" when it did."""
    try:
        acknowledgement = parse(answer.decode("utf-8", "replace"))
    except NotHL7:
        return "the answer is not HL7"
    code = acknowledgement.at("MSA-1")
    if code in ("AA", "CA"):
        return ""
    return " ".join(filter(None, (code, acknowledgement.at("ERR-3.2"), acknowledgement.at("ERR-8"))))


def _paces(rate: float) -> Iterator[float]:
    """When to send the 1st, 2nd, ... message, on the monotonic clock; at once without a rate."""
    start = time.monotonic()
    return (start + number / rate if rate else start for number in count())


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return int(text)
