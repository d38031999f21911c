from pathlib import Path

import pytest

from libs.hl7v2.header import Header, read_header
from services.mllp_gateway.senders import BadSendersFile, Senders, UnknownSender, read_senders
from services.mllp_gateway.tests.harness import GatewayProcess, adt, code, fields, running_gateway, stored

RULES = """
[default]
priority = 4

[[sender]]
name = "lab"
application = "LAB"
organization = "north"
priority = 1

[[sender]]
application = "LAB^1.2.3^ISO"
facility = "WEST"
organization = "west"
"""


def header(application: str, facility: str) -> Header:
    return read_header(adt(application=application, facility=facility))


def read(folder: Path, content: str, default: str = "default") -> Senders:
    file = folder / "senders.toml"
    file.write_text(content)
    return read_senders(file, default)


@pytest.mark.parametrize(
    ("application", "facility", "expected"),
    [
        ("LAB", "ANY", ("lab", "north", 1)),
        ("LAB^9.9^ISO", "ANY", ("lab", "north", 1)),
        ("OTHER", "WEST", ("default", "default", 4)),
        ("LABOR", "", ("default", "default", 4)),
    ],
)
def test_the_first_rule_that_matches_decides(
    tmp_path: Path, application: str, facility: str, expected: tuple[str, str, int]
) -> None:
    sender = read(tmp_path, RULES).identify(header(application, facility), "", "")

    assert (sender.name, sender.organization, sender.priority) == expected


def test_a_connection_that_stands_for_an_organization_gets_only_that_ones_rules(tmp_path: Path) -> None:
    senders = read(tmp_path, RULES)

    assert senders.identify(header("LAB", "X"), "north", "").name == "lab"
    south = senders.identify(header("LAB", "X"), "south", "")
    assert (south.name, south.organization) == ("default", "south")


NAMED = """
[[sender]]
name = "temple"
application = "功能"
facility = "許"

[[sender]]
name = "south"
facility = "Süd"
"""


@pytest.mark.parametrize(
    ("charset", "codec", "default"),
    [
        ("BIG-5", "big5", ""),
        ("GB 18030-2000", "gb18030", ""),
        ("UNICODE UTF-8", "utf-8", ""),
        ("", "utf-8", ""),
        ("", "gb18030", "GB 18030-2000"),
    ],
)
def test_rules_name_senders_in_any_script(tmp_path: Path, charset: str, codec: str, default: str) -> None:
    text = f"MSH|^~\\&|功能^1.2^ISO|許|||||ADT^A01|1|P|2.5.1||||||{charset}\r"

    sender = read(tmp_path, NAMED).identify(read_header(text.encode(codec)), "", default)

    assert sender.name == "temple"


@pytest.mark.parametrize(("charset", "codec"), [("", "cp1252"), ("", "utf-8"), ("8859/1", "latin-1")])
def test_rules_name_senders_with_accents(tmp_path: Path, charset: str, codec: str) -> None:
    text = f"MSH|^~\\&|LAB|Süd|||||ADT^A01|1|P|2.5.1||||||{charset}\r"

    assert read(tmp_path, NAMED).identify(read_header(text.encode(codec)), "", "").name == "south"


def test_without_a_default_organization_a_stranger_is_unknown(tmp_path: Path) -> None:
    senders = read_senders(None, "")

    with pytest.raises(UnknownSender):
        senders.identify(header("LAB", "X"), "", "")
    assert senders.identify(header("LAB", "X"), "north", "").organization == "north"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("[[sender]]\npriority = 9\n", "sender 1: priority: "),
        ("[[sender]]\norganisation = 'x'\n", "sender 1: organisation: "),
        ("[[sender]]\norganization = 'Not A Slug'\n", "sender 1: organization: "),
        ("[[sender]]\ncharset = 'latin'\n", "sender 1: charset: "),
        ("[default]\ncharset = 'UTF-16'\n", "default: charset: "),
        (
            "[[sender]]\ntimezone = 'CEST'\n",
            "sender 1: timezone: Value error, not a time zone of the IANA database, such as Europe/Berlin",
        ),
        ("[other]\n", "other is neither [default] nor [[sender]]"),
        ("not toml", "Expected"),
    ],
)
def test_a_bad_file_is_said_in_one_line(tmp_path: Path, content: str, problem: str) -> None:
    with pytest.raises(BadSendersFile) as caught:
        read(tmp_path, content)

    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_gateway_does_not_start_with_a_bad_file(tmp_path: Path) -> None:
    gateway = GatewayProcess(tmp_path, "redis://127.0.0.1:1", senders_file=tmp_path / "missing.toml")

    assert gateway.process.wait(10) == 1
    assert "missing.toml: " in gateway._log.read_text()


def test_rules_decide_the_organization_the_lane_and_what_is_refused(tmp_path: Path, redis_url: str) -> None:
    file = tmp_path / "senders.toml"
    file.write_text("""
        [[sender]]
        application = "LAB"
        organization = "north"
        priority = 1
        charset = "8859/1"
        types = ["ADT^A01", "ORU"]
        versions = ["2.5.1"]
        processing_ids = ["P"]
        required = [7, 3]

        [[sender]]
        application = "ODD"
        unknown_types = "accept"
        """)
    with running_gateway(tmp_path, redis_url, senders_file=file) as gateway, gateway.connect() as peer:
        lab = {"application": "LAB"}
        asked = [
            adt("1", **lab),
            adt("2", type="ADT^A08", **lab),
            adt("3", type="ORM^O01", **lab),
            adt("4", version="2.6", **lab),
            adt("5", processing="T", **lab),
            adt("6", **lab).replace(b"20260302101500||ADT", b"||ADT"),
            adt("7", application="ODD", type="ZZZ^Z01"),
        ]
        answers = [peer.ask(message) for message in asked]

    refused = [fields(answer, "ERR")[2:4] for answer in answers[1:6]]
    assert [code(answer) for answer in answers] == ["AA", "AR", "AR", "AR", "AR", "AE", "AA"]
    assert [(location, error[:3]) for location, error in refused] == [
        ("MSH^1^9^1^2", "201"),
        ("MSH^1^9^1^1", "200"),
        ("MSH^1^12", "203"),
        ("MSH^1^11", "202"),
        ("MSH^1^7", "101"),
    ]
    kept = {(e.organization, e.charset, e.sender) for e in stored(redis_url)}
    assert kept == {("north", "8859/1", "LAB|NORTH"), ("default", "", "ODD|NORTH")}


def test_a_stranger_is_refused_when_there_is_no_default(tmp_path: Path, redis_url: str) -> None:
    with running_gateway(tmp_path, redis_url, default_organization="") as gateway:
        answer = gateway.ask(adt("1"))

    assert code(answer) == "AR"
    assert stored(redis_url) == []
