"""`ehrconnect send` and `ehrconnect listen`, against each other over TCP."""

import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from libs.embedded.process import free_port
from libs.testing.messages import adt, oru
from services.console.tests.command import Run, ehrconnect


@pytest.fixture
def listener() -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "services.console.commands", "listen", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.terminate()


def test_every_message_is_answered_and_counted(listener: "subprocess.Popen[str]", tmp_path: Path) -> None:
    to = f"127.0.0.1:{_port(listener)}"
    (tmp_path / "day.hl7").write_bytes(adt(control_id="A1") + oru(control_id="O1"))
    (tmp_path / "one.hl7").write_bytes(adt(control_id="A2"))

    run = ehrconnect("send", tmp_path / "day.hl7", tmp_path / "one.hl7", "--to", to, "--connections", "2")

    assert re.fullmatch(r"3 messages in \d+\.\d s: 3 accepted\n", run.out)
    assert (run.code, run.err) == (0, "")
    assert listener.stdout is not None
    heard = sorted(re.sub(r"^\S+ ", "", listener.stdout.readline()) for _ in range(3))
    size = len(adt(control_id="A1"))
    assert heard == [
        f"ADT^A01 A1 {size} bytes, AA\n",
        f"ADT^A01 A2 {size} bytes, AA\n",
        f"ORU^R01 O1 {len(oru(control_id='O1'))} bytes, AA\n",
    ]


def test_what_was_refused_is_told(listener: "subprocess.Popen[str]", tmp_path: Path) -> None:
    (tmp_path / "nameless.hl7").write_bytes(adt(control_id=""))

    run = ehrconnect("send", tmp_path / "nameless.hl7", "--to", f"127.0.0.1:{_port(listener)}")

    assert (run.code, run.err) == (1, f"{tmp_path}/nameless.hl7: AR\n")
    assert run.out.endswith("1 refused\n")


def test_an_answer_that_a_message_does_not_ask_for_is_not_waited_for(
    listener: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    never, refused_only = (
        adt().replace(b"|2.5.1\r", f"|2.5.1|||{mode}|NE\r".encode(), 1) for mode in ("NE", "ER")
    )
    large = never + b"NTE|1||" + b"x" * 5_000_000 + b"\r"
    (tmp_path / "day.hl7").write_bytes(never + refused_only + adt() + large)

    run = ehrconnect("send", tmp_path / "day.hl7", "--to", f"127.0.0.1:{_port(listener)}")

    assert re.fullmatch(r"4 messages in \d\.\d s: 1 accepted, 3 sent \(no answer asked for\)\n", run.out)
    assert (run.code, run.err) == (0, "")
    assert listener.stdout is not None
    heard = [listener.stdout.readline().rsplit(" bytes, ", 1) for _ in range(4)]
    assert [told for _, told in heard] == ["no answer wanted\n"] * 2 + ["AA\n", "no answer wanted\n"]
    assert heard[3][0].endswith(f" {len(large)}")


def test_an_answer_is_sent_without_waiting_for_one_to_it(tmp_path: Path) -> None:
    (tmp_path / "answer.hl7").write_bytes(adt().replace(b"\rPID", b"\rMSA|AA|1\rPID", 1))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        run = ehrconnect("send", tmp_path / "answer.hl7", "--to", f"127.0.0.1:{silent.getsockname()[1]}")

    assert run.code == 0
    assert run.out.endswith(": 1 sent (no answer asked for)\n")


def test_a_receiver_that_hangs_up_leaves_the_message_unanswered(tmp_path: Path) -> None:
    (tmp_path / "one.hl7").write_bytes(adt())
    with socket.create_server(("127.0.0.1", 0)) as server:
        command = [sys.executable, "-m", "services.console.commands", "send", str(tmp_path / "one.hl7")]
        command += ["--to", f"127.0.0.1:{server.getsockname()[1]}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as sender:
            connection, _ = server.accept()
            connection.recv(10)
            connection.close()
            out, err = sender.communicate()

    assert sender.returncode == 1
    assert out.endswith("1 unanswered\n")
    assert err in (
        f"{tmp_path}/one.hl7: no answer: it closed the connection\n",
        f"{tmp_path}/one.hl7: no answer: Connection reset by peer\n",
    )


def test_a_receiver_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "one.hl7").write_bytes(adt())
    port = free_port()

    run = ehrconnect("send", tmp_path / "one.hl7", "--to", f"127.0.0.1:{port}")

    assert run.code == 1
    assert run.err.startswith(f"ehrconnect: 127.0.0.1:{port} cannot be reached: ")
    assert run.err.count("\n") == 1


def test_a_port_that_hangs_up_on_tls_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "one.hl7").write_bytes(adt())
    with socket.create_server(("127.0.0.1", 0)) as plain:
        port = plain.getsockname()[1]
        threading.Thread(target=_hang_up, args=(plain,), daemon=True).start()

        run = ehrconnect("send", tmp_path / "one.hl7", "--to", f"127.0.0.1:{port}", "--tls")

    assert run == Run(1, "", f"ehrconnect: no TLS with 127.0.0.1:{port}: it hung up; is that its TLS port?\n")


def test_an_address_without_a_port_is_a_usage_error(tmp_path: Path) -> None:
    run = ehrconnect("send", tmp_path / "one.hl7", "--to", "localhost")

    assert run == Run(2, "", run.err)
    assert run.err.endswith("argument --to: localhost is not HOST:PORT\n")


def _port(listener: "subprocess.Popen[str]") -> int:
    assert listener.stdout is not None
    found = re.match(r"listening on 127\.0\.0\.1:(\d+);", listener.stdout.readline())
    assert found
    return int(found[1])


def _hang_up(listening: socket.socket) -> None:
    connection, _ = listening.accept()
    connection.close()
