"""Clients that others wrote; those of npm are in `make npm-clients`."""

import asyncio
import subprocess
import sys
from pathlib import Path

import hl7
from hl7.client import MLLPClient
from hl7.mllp import open_hl7_connection

from services.mllp_gateway.tests.harness import GatewayProcess, adt, code, stored_bodies


def test_python_hl7s_blocking_client(gateway: GatewayProcess, redis_url: str) -> None:
    with MLLPClient("127.0.0.1", gateway.port) as client:
        answers = [hl7.parse(client.send_message(adt(str(n))).strip(b"\x0b\x1c\r")) for n in range(3)]

    assert [str(answer["MSA"][0][1]) for answer in answers] == ["AA"] * 3
    assert stored_bodies(redis_url) == [adt("0"), adt("1"), adt("2")]


def test_python_hl7s_asynchronous_client(gateway: GatewayProcess) -> None:
    async def ask() -> hl7.Message:
        reader, writer = await open_hl7_connection("127.0.0.1", gateway.port)
        writer.writemessage(hl7.parse(adt("7")))
        await writer.drain()
        answer = await reader.readmessage()
        writer.close()
        await writer.wait_closed()
        return answer

    answer = asyncio.run(ask())

    assert [str(field) for field in answer.segment("MSA")][1:3] == ["AA", "7"]


def test_python_hl7s_mllp_send(gateway: GatewayProcess, redis_url: str, tmp_path: Path) -> None:
    file = tmp_path / "batch.hl7"
    file.write_bytes(adt("1") + b"\n" + adt("2"))
    program = Path(sys.executable).with_name("mllp_send")
    command = [str(program), "--loose", "--file", str(file), "--port", str(gateway.port), "127.0.0.1"]

    subprocess.run(command, check=True, capture_output=True)

    assert sorted(body.split(b"|")[9] for body in stored_bodies(redis_url)) == [b"1", b"2"]


def test_netcat_which_ends_its_side_after_the_message(gateway: GatewayProcess) -> None:
    with gateway.connect() as peer:
        peer.send(b"\x0b" + adt() + b"\x1c")  # nor does printf always give the CR
        peer.socket.shutdown(1)

        assert code(peer.answer()) == "AA"
