"""python-hl7's MLLP server, which stores nothing: `python -m loadtests.bench.mllp_python_hl7 PORT`."""

import asyncio
import sys
from typing import Any

from hl7.mllp import start_hl7_server


async def answer(reader: Any, writer: Any) -> None:
    try:
        while not writer.is_closing():
            message = await reader.readmessage()
            writer.writemessage(message.create_ack())
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main() -> None:
    async with await start_hl7_server(answer, port=int(sys.argv[1]), host="127.0.0.1") as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
