"""What is answered to what content."""

import pytest

from services.mllp_gateway.tests.harness import (
    GatewayProcess,
    adt,
    code,
    fields,
    stored,
    stored_bodies,
)


def error(answer: bytes | None) -> tuple[str, str, str]:
    """MSA-1, and ERR-2 and ERR-3.1 as of v2.5."""
    err = fields(answer, "ERR")
    return code(answer), err[2], err[3].partition("^")[0]


def test_the_answer_is_addressed_to_the_sender(gateway: GatewayProcess) -> None:
    first, second = gateway.ask(adt("A7")), gateway.ask(adt("A7"))

    msh = fields(first, "MSH")
    assert msh[:6] == ["MSH", "^~\\&", "EHR", "MAIN", "ADMIT", "NORTH"]
    assert msh[8] == "ACK^A01^ACK"
    assert msh[10:12] == ["P", "2.5.1"]
    assert fields(first, "MSA") == ["MSA", "AA", "A7"]
    assert msh[9] != fields(second, "MSH")[9]


def test_processing_id_version_and_character_set_are_the_senders(gateway: GatewayProcess) -> None:
    message = adt(processing="T^A", version="2.5^DEU", msh16="||8859/1~ISO IR87")

    msh = fields(gateway.ask(message), "MSH")

    assert (msh[10], msh[11], msh[17]) == ("T^A", "2.5^DEU", "8859/1~ISO IR87")


@pytest.mark.parametrize(
    ("version", "expected"),
    [("2.2", "ACK"), ("2.3.1", "ACK"), ("2.4", "ACK^A01^ACK"), ("2.9", "ACK^A01^ACK")],
)
def test_every_version_is_answered_in_its_own_form(
    gateway: GatewayProcess, version: str, expected: str
) -> None:
    msh = fields(gateway.ask(adt(version=version)), "MSH")

    assert (msh[8], msh[11]) == (expected, version)


def test_no_name_is_cut_at_a_byte_that_looks_like_a_delimiter(
    gateway: GatewayProcess, redis_url: str
) -> None:
    """In BIG-5 the second bytes of these two are a field separator and an escape character."""
    name = "唰功".encode("big5")
    message = adt("A7", facility="NAME", msh16="||BIG-5").replace(b"NAME", name)

    answer = gateway.ask(message)

    assert answer is not None
    assert answer.startswith(b"MSH|^~\\&|EHR|MAIN|ADMIT|" + name + b"|20")
    assert b"\rMSA|AA|A7\r" in answer
    (envelope,) = stored(redis_url)
    assert (envelope.sender, envelope.body) == ("ADMIT|唰功", message)


@pytest.mark.parametrize("control_id", ["A\\T\\B", "Übung", "x" * 199, "a^b&c", " 1 "])
def test_msh_10_comes_back_byte_for_byte(gateway: GatewayProcess, control_id: str) -> None:
    assert fields(gateway.ask(adt(control_id)), "MSA")[1:3] == ["AA", control_id]


def test_custom_delimiters_are_used_in_the_answer(gateway: GatewayProcess, redis_url: str) -> None:
    message = adt("77").translate(bytes.maketrans(b"|^~\\&", b"!@#$%"))

    answer = gateway.ask(message)

    assert answer is not None
    assert answer.startswith(b"MSH!@#$%!EHR!MAIN!ADMIT!NORTH!")
    assert b"\rMSA!AA!77\r" in answer
    assert stored_bodies(redis_url) == [message]


@pytest.mark.parametrize(
    "message",
    [
        adt().replace(b"\r", b"\n"),
        adt().replace(b"\r", b"\r\n"),
        adt().rstrip(b"\r"),
        b"\r" + adt(),
        b"\xef\xbb\xbf" + adt(),
        adt().replace(b"Paula", b"Pa\xff\xfe\x80la"),
        adt().replace(b"Paula", b"Pa\0la"),
        adt().replace(b"^~\\&", b"^~\\&#"),
        adt(version=""),
        adt(processing=""),
    ],
    ids=[
        "LF", "CRLF", "no last CR", "leading CR", "BOM", "invalid UTF-8", "NUL", "truncation character",
        "no version", "no processing id",
    ],
)  # fmt: skip
def test_what_is_odd_but_readable_is_taken_as_it_is(
    gateway: GatewayProcess, redis_url: str, message: bytes
) -> None:
    assert code(gateway.ask(message)) == "AA"
    assert stored_bodies(redis_url) == [message]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (b"PID|1||4711\r", ("AR", "", "100")),
        (b"no HL7 at all", ("AR", "", "100")),
        (b"<ADT_A01 xmlns='urn:hl7-org:v2xml'/>", ("AR", "", "100")),
        (adt().decode("latin-1").encode("utf-16-le"), ("AR", "", "100")),
        (adt().decode("latin-1").encode("utf-16"), ("AR", "", "100")),
        (adt().replace(b"^~\\&", b"^~"), ("AR", "MSH^1^2", "102")),
        (adt().replace(b"^~\\&", b"^^^^"), ("AR", "MSH^1^2", "102")),
        (adt(""), ("AE", "MSH^1^10", "101")),
        (adt('""'), ("AE", "MSH^1^10", "101")),
        (adt("  "), ("AE", "MSH^1^10", "101")),
        (adt(type=""), ("AE", "MSH^1^9", "101")),
        (adt(type="QQQ^Z01"), ("AR", "MSH^1^9^1^1", "200")),
        (adt(version="3.0"), ("AR", "MSH^1^12", "203")),
        (adt(msh16="||UNICODE UTF-16"), ("AR", "MSH^1^18", "103")),
    ],
    ids=[
        "no MSH", "text", "XML", "UTF-16", "UTF-16 with BOM", "short MSH-2", "equal delimiters", "no MSH-10",
        "null MSH-10", "blank MSH-10", "no type", "unknown type", "version 3", "UTF-16 declared",
    ],
)  # fmt: skip
def test_what_cannot_be_accepted_is_refused_with_the_place_and_the_reason(
    gateway: GatewayProcess, redis_url: str, message: bytes, expected: tuple[str, str, str]
) -> None:
    with gateway.connect() as peer:
        assert error(peer.ask(message)) == expected
        assert code(peer.ask(adt("good"))) == "AA"
    assert stored_bodies(redis_url) == [adt("good")]


def test_before_version_2_5_the_reason_is_in_err_1(gateway: GatewayProcess) -> None:
    answer = gateway.ask(adt(type="QQQ^Z01", version="2.3"))

    assert fields(answer, "ERR")[1].endswith("200&Unsupported message type&HL70357")


def test_a_refusal_tells_nothing_of_the_patient(gateway: GatewayProcess) -> None:
    answer = gateway.ask(adt(type="QQQ^Z01"))

    assert answer is not None
    assert b"Example" not in answer
    assert b"4711^" not in answer  # without the ^ it could be part of a time or a port
    assert "Example" not in str(gateway.log())
    assert "4711^" not in str(gateway.log())


@pytest.mark.parametrize(
    "message",
    [
        b"MSH|^~\\&|A|B|C|D|20260302||ACK^A01|9|P|2.5\rMSA|AA|1\r",
        b"MSH|^~\\&|A|B|C|D|20260302||RSP^K21|9|P|2.5\rMSA|AA|1\r",
    ],
    ids=["ACK", "a response"],
)
def test_an_acknowledgement_is_never_acknowledged(
    gateway: GatewayProcess, redis_url: str, message: bytes
) -> None:
    name = 'hl7_parse_errors_total{error_type="unexpected_ack"}'
    before = gateway.metric(name)
    with gateway.connect() as peer:
        peer.send(b"\x0b" + message + b"\x1c\r")

        assert fields(peer.ask(adt("next")), "MSA")[1:3] == ["AA", "next"]
    assert stored_bodies(redis_url) == [adt("next")]
    assert gateway.metric(name) == before + 1


@pytest.mark.parametrize(
    ("accept", "application", "good", "bad"),
    [
        ("AL", "NE", "CA", "CR"),
        ("AL", "", "CA", "CR"),
        ("AL", "AL", "CA", "CR"),
        ("NE", "NE", None, None),
        ("ER", "NE", None, "CR"),
        ("SU", "NE", "CA", None),
        ("NE", "AL", "AA", "AR"),
        ("", "", "AA", "AR"),
        ("XX", "", "AA", "AR"),
    ],
)
def test_msh_15_and_16_say_what_is_answered(
    gateway: GatewayProcess, accept: str, application: str, good: str | None, bad: str | None
) -> None:
    modes = {"msh15": accept, "msh16": application}
    with gateway.connect() as peer:
        peer.send(
            b"\x0b" + adt("good", **modes) + b"\x1c\r\x0b" + adt("bad", type="QQQ", **modes) + b"\x1c\r"
        )
        peer.send(b"\x0b" + adt("last") + b"\x1c\r")
        expected = [(c, i) for c, i in ((good, "good"), (bad, "bad"), ("AA", "last")) if c]

        assert [tuple(fields(peer.answer(), "MSA")[1:3]) for _ in expected] == expected


def test_a_resend_is_acknowledged_again_under_the_same_message_id(
    gateway: GatewayProcess, redis_url: str
) -> None:
    answers = [gateway.ask(adt("1")), gateway.ask(adt("1")), gateway.ask(adt("1", patient="9"))]
    answers.append(gateway.ask(adt("1", facility="SOUTH")))

    assert [code(answer) for answer in answers] == ["AA"] * 4
    ids = {(e.body, e.message_id) for e in stored(redis_url)}
    assert len(stored(redis_url)) == 4
    assert len(ids) == len({message_id for _, message_id in ids}) == 3


def test_a_patients_messages_share_a_lane_in_order(gateway: GatewayProcess, redis_url: str) -> None:
    messages = [adt(f"{patient}-{n}", patient=str(patient)) for n in range(5) for patient in range(5)]
    with gateway.connect() as peer:
        for message in messages:
            assert code(peer.ask(message)) == "AA"

    bodies = stored_bodies(redis_url)
    for patient in range(5):
        own = [adt(f"{patient}-{n}", patient=str(patient)) for n in range(5)]
        assert [body for body in bodies if body in own] == own


def test_what_was_received_is_counted_and_logged_by_id(gateway: GatewayProcess, redis_url: str) -> None:
    name = 'hl7_messages_received_total{message_type="ADT",org_id="default"}'
    before, acks = gateway.metric(name), gateway.metric("mllp_ack_duration_seconds_count")

    gateway.ask(adt("logged-1"))

    assert gateway.metric(name) == before + 1
    assert gateway.metric("mllp_ack_duration_seconds_count") == acks + 1
    line = next(line for line in gateway.log() if line.get("control_id") == "logged-1")
    assert line["message_id"] == stored(redis_url)[0].message_id
    assert (line["event"], line["answer"], line["bytes"]) == ("message accepted", "AA", len(adt("logged-1")))
    assert 0 <= line["milliseconds"] < 10_000
