from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.hl7v2.ack import ORIGINAL, AckCode, AckError, AnswerMode, Condition, acknowledge, answer_mode
from libs.hl7v2.header import NotHL7, read_header
from libs.hl7v2.message import parse
from libs.hl7v2.mllp import FrameDecoder, frame

NOW = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)


def message(version: str = "2.5.1", control_id: str = "id-7", more: str = "") -> bytes:
    return f"MSH|^~\\&|LAB|NORTH|EHR|SOUTH|2023||ADT^A01^ADT_A01|{control_id}|T|{version}{more}\r".encode(
        "latin-1"
    )


def answer(
    body: bytes, code: AckCode = AckCode.AA, error: AckError | None = None, sequence: int | None = None
) -> str:
    written = acknowledge(
        read_header(body), code, control_id="our-1", now=NOW, error=error, expected_sequence=sequence
    )
    return written.decode("latin-1")


def test_an_acknowledgement_swaps_the_parties_and_echoes_the_rest() -> None:
    assert answer(message(more="||||||UNICODE UTF-8")) == (
        "MSH|^~\\&|EHR|SOUTH|LAB|NORTH|20240102030405+0000||ACK^A01^ACK|our-1|T|2.5.1||||||UNICODE UTF-8\r"
        "MSA|AA|id-7\r"
    )


@pytest.mark.parametrize(
    ("version", "message_type"),
    [("2.1", "ACK"), ("2.3.1", "ACK"), ("2.4", "ACK^A01^ACK"), ("2.9", "ACK^A01^ACK"), ("", "ACK^A01^ACK")],
)
def test_msh_9_has_components_from_version_2_4_on(version: str, message_type: str) -> None:
    assert read_header(answer(message(version)).encode()).fields[9] == message_type.encode()


def test_what_the_sender_left_empty_is_ours() -> None:
    body = b"MSH|^~\\&|||||||ADT|1\r"

    assert answer(body) == "MSH|^~\\&|||||20240102030405+0000||ACK|our-1|P|2.5.1\rMSA|AA|1\r"


def test_an_error_before_2_5_is_in_err_1() -> None:
    error = AckError("101", "send MSH-10", "MSH^1^10")

    assert answer(message("2.4"), AckCode.AE, error).split("\r")[1:] == [
        "MSA|AE|id-7|send MSH-10",
        "ERR|MSH^1^10^101&Required field missing&HL70357",
        "",
    ]
    assert answer(message("2.3"), AckCode.AR, AckError("200", location="MSH^1^9^1^1")).split("\r")[2] == (
        "ERR|MSH^1^9^200&Unsupported message type&HL70357"
    )
    assert answer(message("2.3"), AckCode.AR, AckError("207")).split("\r")[1:] == [
        "MSA|AR|id-7|Application internal error",
        "ERR|^^^207&Application internal error&HL70357",
        "",
    ]


def test_an_error_from_2_5_on_has_location_code_severity_and_text() -> None:
    error = AckError("203", "version 2.2 & older: use 2.5|2.6", "MSH^1^12")

    assert answer(message(), AckCode.AR, error).split("\r")[1:] == [
        "MSA|AR|id-7",
        "ERR||MSH^1^12|203^Unsupported version id^HL70357|E||||version 2.2 \\T\\ older: use 2.5\\F\\2.6",
        "",
    ]
    assert answer(message(), AckCode.AR, AckError("207")).split("\r")[2] == (
        "ERR|||207^Application internal error^HL70357|E"
    )


def test_the_delimiters_are_the_senders() -> None:
    body = b"MSH#*%!?#LAB#N*1#EHR#S#2023##ADT*A01#9!E!9#P#2.5\r"

    assert answer(body, AckCode.AE, AckError("102", location="PID^1^7")) == (
        "MSH#*%!?#EHR#S#LAB#N*1#20240102030405+0000##ACK*A01*ACK#our-1#P#2.5\r"
        "MSA#AE#9!E!9\r"
        "ERR##PID*1*7#102*Data type error*HL70357#E\r"
    )


@pytest.mark.parametrize("control_id", ["x" * 199, "a\\T\\b", "ü\xff\0", " 7 ", "a^b~c&d", "7\x1c"])
def test_msa_2_repeats_msh_10_byte_for_byte_and_can_be_framed(control_id: str) -> None:
    written = answer(message(control_id=control_id)).encode("latin-1")

    assert written.split(b"\r")[1].split(b"|")[2] == control_id.encode("latin-1")
    assert list(FrameDecoder(1000).feed(frame(written))) == [written]


def test_the_expected_sequence_number_is_msa_4() -> None:
    assert answer(message(), sequence=8).split("\r")[1] == "MSA|AA|id-7||8"


def test_without_a_header_the_answer_has_a_fixed_one() -> None:
    error = AckError("100", "no MSH")

    assert acknowledge(None, AckCode.AR, control_id="our-1", now=NOW, error=error) == (
        b"MSH|^~\\&|||||20240102030405+0000||ACK|our-1|P|2.5.1\r"
        b"MSA|AR|\r"
        b"ERR|||100^Segment sequence error^HL70357|E||||no MSH\r"
    )


@pytest.mark.parametrize("code", [AckCode.AA, AckCode.CA])
def test_a_message_without_msh_10_is_never_accepted(code: AckCode) -> None:
    for header in (None, read_header(message(control_id=""))):
        with pytest.raises(ValueError, match="without MSH-10"):
            acknowledge(header, code, control_id="our-1", now=NOW)


AL, NE, ER, SU = Condition.AL, Condition.NE, Condition.ER, Condition.SU
UNKNOWN = AnswerMode(enhanced=False, accept=AL, application=NE, unknown=True)


@pytest.mark.parametrize(
    ("accept", "application", "mode"),
    [
        ("", "", ORIGINAL),
        ("NE", "AL", ORIGINAL),
        ("", "AL", ORIGINAL),
        ("AL", "NE", AnswerMode(enhanced=True, accept=AL, application=NE)),
        ("AL", "", AnswerMode(enhanced=True, accept=AL, application=NE)),
        ("NE", "NE", AnswerMode(enhanced=True, accept=NE, application=NE)),
        ("ER", "SU", AnswerMode(enhanced=True, accept=ER, application=SU)),
        ("XX", "AL", UNKNOWN),
        ("AL", "al", UNKNOWN),
    ],
)
def test_msh_15_and_16_choose_the_mode(accept: str, application: str, mode: AnswerMode) -> None:
    assert answer_mode(read_header(message(more=f"|||{accept}|{application}"))) == mode


@pytest.mark.parametrize(
    ("condition", "answers"),
    [(AL, ["CA", "CE", "CR"]), (NE, [None, None, None]), (ER, [None, "CE", "CR"]), (SU, ["CA", None, None])],
)
def test_enhanced_mode_answers_when_the_sender_wants_it(
    condition: Condition, answers: list[str | None]
) -> None:
    mode = AnswerMode(enhanced=True, accept=condition, application=NE)

    assert [mode.answer(code) for code in (AckCode.AA, AckCode.AE, AckCode.AR)] == answers


def test_original_mode_always_answers() -> None:
    assert [ORIGINAL.answer(code) for code in (AckCode.AA, AckCode.AE, AckCode.AR)] == ["AA", "AE", "AR"]


@given(st.binary(max_size=120))
def test_whatever_has_a_header_can_be_answered(rest: bytes) -> None:
    try:
        header = read_header(b"MSH|^~\\&|" + rest)
    except NotHL7:
        return
    error = AckError("207", "later", "MSH^1^10")
    written = acknowledge(header, AckCode.AR, control_id="our-1", now=NOW, error=error)
    answered = read_header(written)

    assert answer_mode(header).answer(AckCode.AR) in ("AR", "CR", None)
    assert [answered.application, answered.facility] == [
        header.receiving_application,
        header.receiving_facility,
    ]
    assert written.split(b"\r")[1].split(b"|")[2] == header.control_id


@pytest.mark.parametrize("msh", ["MSH+^~\\&+", "MSH|+~\\&|", "MSH.^~\\&.", "MSH|^~\\&+|"])
def test_what_we_write_ourselves_holds_none_of_the_senders_delimiters(msh: str) -> None:
    separator = msh[3]
    header = read_header((msh + separator * 7 + "17").encode())

    answer = parse(acknowledge(header, AckCode.AA, control_id="E1", now=NOW).decode())

    assert answer.at("MSH-7")[:14] == NOW.strftime("%Y%m%d%H%M%S")
    assert (answer.at("MSH-10"), answer.at("MSH-12"), answer.at("MSA-2")) == ("E1", "2.5.1", "17")


@pytest.mark.parametrize(
    ("version", "charset", "expected"),
    [
        (
            "2.5.1",
            "",
            "MSH|^~\\&|EHR|SOUTH|LAB|NORTH|20240102030405+0000||ACK^A01^ACK|our-1|T|2.5.1|||AL|NE\r",
        ),
        (
            "2.3",
            "||8859/1",
            "MSH|^~\\&|EHR|SOUTH|LAB|NORTH|20240102030405+0000||ACK|our-1|T|2.3|||AL|NE||8859/1\r",
        ),
    ],
)
def test_one_that_is_a_message_of_its_own_asks_for_an_accept_acknowledgement_only(
    version: str, charset: str, expected: str
) -> None:
    header = read_header(message(version, more=f"|||AL|AL{charset}"))

    own = acknowledge(header, AckCode.AA, control_id="our-1", now=NOW, asks=Condition.AL)

    assert own.decode() == expected + "MSA|AA|id-7\r"
