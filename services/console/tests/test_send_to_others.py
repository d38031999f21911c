"""`ehrconnect send` to a receiver that others wrote: hl7apy's, which has a server and no client."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from hl7apy.core import Message
from hl7apy.mllp import AbstractHandler, MLLPServer
from hl7apy.parser import parse_message

from libs.testing.messages import adt
from services.console.tests.command import ehrconnect


class Acknowledge(AbstractHandler):  # type: ignore[misc]  # untyped
    def __init__(self, message: str, heard: list[str]) -> None:
        super().__init__(message)
        heard.append(message)

    def reply(self) -> str:
        received = parse_message(self.incoming_message, find_groups=False)
        answer = Message("ACK", version="2.5.1")
        answer.msa.msa_1 = "AA"
        answer.msa.msa_2 = received.msh.msh_10.value
        return str(answer.to_mllp())


@contextmanager
def receiver(heard: list[str]) -> Iterator[int]:
    with MLLPServer("127.0.0.1", 0, {"ADT^A01^ADT_A01": (Acknowledge, heard)}) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_hl7apys_server_takes_what_is_sent_and_its_answers_are_understood(tmp_path: Path) -> None:
    """It hangs up after each answer."""
    files = [tmp_path / f"{number}.hl7" for number in range(3)]
    for number, file in enumerate(files):
        file.write_bytes(adt(control_id=f"A{number}"))
    heard: list[str] = []

    with receiver(heard) as port:
        run = ehrconnect("send", *files, "--to", f"127.0.0.1:{port}")

    assert (run.code, run.err) == (0, "")
    assert re.fullmatch(r"3 messages in \d+\.\d s: 3 accepted\n", run.out)
    assert heard == [file.read_text().replace("\n", "\r") for file in files]
