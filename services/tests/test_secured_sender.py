"""`ehrconnect send` to a gateway that asks for a certificate."""

from pathlib import Path
from typing import Any

from libs.embedded.process import free_port
from libs.testing.certificates import Authority
from services.console.tests.command import ehrconnect
from services.mllp_gateway.tests.harness import adt, running_gateway, stored_bodies


def test_a_sender_with_a_certificate_is_heard_and_one_without_is_not(tmp_path: Path, redis_url: str) -> None:
    authority = Authority(tmp_path, "ca")
    certificate, key = authority.issue("localhost", "server")
    own, own_key = authority.issue("lab.north.example", "lab")
    port = free_port()
    secured: dict[str, Any] = {
        "mllps_port": port,
        "mllps_certificate": certificate,
        "mllps_key": key,
        "mllps_client_authority": authority.certificate,
    }
    file = tmp_path / "lab.hl7"
    file.write_bytes(adt())
    send: list[str | Path] = [
        "send",
        file,
        "--to",
        f"localhost:{port}",
        "--tls",
        "--ca",
        authority.certificate,
    ]

    with running_gateway(tmp_path, redis_url, **secured):
        without = ehrconnect(*send)
        heard = ehrconnect(*send, "--cert", own, "--key", own_key)

    assert without.code == 1
    assert without.out.endswith("1 unanswered\n")
    assert (heard.code, heard.err) == (0, "")
    assert stored_bodies(redis_url) == [adt()]


def test_certificates_that_cannot_be_used_are_said_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "lab.hl7"
    file.write_bytes(adt())

    for option, value in (("--ca", file), ("--cert", file), ("--cert", tmp_path / "none.pem")):
        run = ehrconnect("send", file, "--to", "localhost:1", "--tls", option, value)

        assert run.code == 1
        assert run.err.startswith("ehrconnect: --ca, --cert or --key cannot be used: ")
        assert run.err.count("\n") == 1
