"""`ehrconnect listen PORT`: a receiver that acknowledges all it gets, to try senders with."""

import argparse
import asyncio
from datetime import datetime
from uuid import uuid4

from libs.hl7v2.ack import AckCode, acknowledge, answer_mode
from libs.hl7v2.header import NotHL7, read_header
from libs.hl7v2.mllp import ForeignProtocol, FrameDecoder, FrameTooLarge, frame

LARGEST = 100_000_000  # bytes


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("port", type=int, metavar="PORT")
    parser.add_argument("--bind", default="127.0.0.1", metavar="ADDRESS", help="to listen on (127.0.0.1)")


def run(options: argparse.Namespace) -> int:
    """Prints a line for each message, without its content; ends with Ctrl-C."""
    asyncio.run(_listen(options.bind, options.port))
    return 0


async def _listen(address: str, port: int) -> None:
    server = await asyncio.start_server(_serve, address, port)
    print(f"listening on {address}:{server.sockets[0].getsockname()[1]}; Ctrl-C ends", flush=True)
    async with server:
        await server.serve_forever()


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One sender's connection."""
    decoder = FrameDecoder(LARGEST)
    peer = ":".join(map(str, writer.get_extra_info("peername")[:2]))
    try:
        while data := await reader.read(65536):
            for message in decoder.feed(data):
                if answer := _answer(message, peer):
                    writer.write(frame(answer))
            await writer.drain()
    except (FrameTooLarge, ForeignProtocol, ConnectionError) as error:
        print(f"{peer} closed: {error}", flush=True)
    finally:
        writer.close()


def _answer(message: bytes, peer: str) -> bytes | None:
    """The acknowledgement; None when the sender wants none."""
    now = datetime.now().astimezone()
    control_id = uuid4().hex[:20]
    try:
        header = read_header(message)
    except NotHL7 as error:
        print(f"{peer} {len(message)} bytes, AR: {error}", flush=True)
        return acknowledge(None, AckCode.AR, control_id=control_id, now=now)
    code = answer_mode(header).answer(AckCode.AA if header.control_id else AckCode.AR)
    kind = "^".join(part.decode("latin-1") for part in (header.type, header.event) if part)
    identity = header.control_id.decode("latin-1") or "no MSH-10"
    print(f"{peer} {kind} {identity} {len(message)} bytes, {code or 'no answer wanted'}", flush=True)
    return acknowledge(header, code, control_id=control_id, now=now) if code else None
