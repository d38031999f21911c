from importlib import import_module

import pytest
from hl7apy import SUPPORTED_LIBRARIES, load_library
from hypothesis import given
from hypothesis import strategies as st

from libs.hl7v2.conformance import Finding, validate
from libs.hl7v2.message import NotHL7

MSH = "MSH|^~\\&|LAB|N|EHR|S|20240102||{}|1|P|{}"
A01 = [
    MSH.format("ADT^A01^ADT_A01", "2.5.1"),
    "EVN||20240102",
    "PID|1||42^^^H^MR||Smith^Ann||19700101|F",
    "PV1|1|I",
]
TIME = "a time (YYYY[MM[DD[HH[MM[SS[.SSSS]]]]]][+/-ZZZZ])"
ORU = [
    MSH.format("ORU^R01^ORU_R01", "2.5.1"),
    "PID|1||42^^^H^MR||Smith^Ann",
    "OBR|1|||GLU^Glucose^L",
    "OBX|1|NM|GLU^Glucose^L||5.4|mmol/L|||||F",
]


def findings(*segments: str) -> list[tuple[str, str, str]]:
    return [(f.severity, f.code, f.path) for f in validate("\r".join(segments) + "\r")]


def test_a_conformant_message_has_no_findings() -> None:
    assert findings(*A01) == []
    assert findings(*ORU) == []


def test_a_finding_says_what_where_and_how_bad() -> None:
    assert validate("\r".join([*A01[:2], "PID|1||42||Smith||1970-01-01", "PV1|1|I"])) == [
        Finding("E", "102", "PID^1^7^1^1", "date time of birth, time is not " + TIME)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("segments", "expected"),
    [
        pytest.param([*A01[:2], A01[3]], [("E", "100", "PID")], id="missing segment"),
        pytest.param([A01[0], *A01[2:]], [("E", "100", "EVN")], id="missing EVN"),
        pytest.param([A01[0], A01[1], A01[3], A01[2]], [("E", "100", "PID")], id="out of order"),
        pytest.param([*A01, A01[2]], [("E", "100", "PID[2]")], id="one too many"),
        pytest.param([*A01, "OBR|1|||X"], [("E", "100", "OBR")], id="not in the structure"),
        pytest.param([*A01[:3], "ZPI|1", A01[3], "ZZZ"], [], id="Z segments may stand anywhere"),
        pytest.param([*A01, "a line of text"], [("E", "100", "")], id="no segment"),
        pytest.param([*A01, "AL1|1||PEN", "AL1|2||NUT"], [], id="repeating segment"),
        pytest.param([*A01, "PR1|1||X||20240101", "IN1|1|A^B|C", "IN1|2|A|C"], [], id="repeating groups"),
        pytest.param([*A01, "IN2|1"], [("E", "100", "IN2")], id="a group without its first segment"),
        pytest.param(ORU + ORU[2:] + ORU[3:], [], id="repeated orders and results"),
        pytest.param(ORU[:2], [("E", "100", "OBR")], id="missing group"),
    ],
)
def test_segments_are_checked_against_the_structure(segments: list[str], expected: list[object]) -> None:
    assert findings(*segments) == expected


@pytest.mark.parametrize(
    ("pid", "expected"),
    [
        pytest.param("PID|1||||Smith", [("E", "101", "PID-3")], id="required"),
        pytest.param('PID|1||""||Smith', [("E", "101", "PID-3")], id="required and null"),
        pytest.param("PID|x||42||Smith", [("E", "102", "PID-1")], id="sequence number"),
        pytest.param("PID|1||42||Smith|||F~M", [("E", "102", "PID-8")], id="too many repetitions"),
        pytest.param("PID|1||42||Smith|||X", [("I", "103", "PID-8")], id="user-defined table"),
        pytest.param("PID|1||42||Smith" + "|" * 19 + "Q", [("W", "103", "PID-24")], id="HL7 table"),
        pytest.param("PID|1||42~^^^^^^^x||Smith", [("E", "102", "PID-3[2].8")], id="date in a repetition"),
        pytest.param(
            "PID|1||42||Smith" + "|" * 35 + "x", [("E", "102", "PID-40")], id="more fields than known"
        ),
        pytest.param("PID|1||42^^^H&1&ISO&x||Smith", [("E", "102", "PID-3.4.4")], id="more parts than known"),
        pytest.param("PID|1||42||Smith|||F^M", [("E", "102", "PID-8.2")], id="parts of what has none"),
        pytest.param("PID|1||42||Smith|||F&M", [("E", "102", "PID-8.1.2")], id="parts of parts"),
        pytest.param("PID|1||42&x||Smith", [("E", "102", "PID-3.1.2")], id="parts of a component"),
        pytest.param("PID|1||42^^^^^^^^^^^^||Smith&&|||F^&" + "|" * 60, [], id="empty parts at the end"),
    ],
)
def test_fields_are_checked_against_the_version(pid: str, expected: list[object]) -> None:
    assert findings(*A01[:2], pid, A01[3]) == expected


@pytest.mark.parametrize(
    ("obx", "expected"),
    [
        ("OBX|1|NM|A||five||||||F", [("E", "102", "OBX-5")]),
        ("OBX|1|NM|A||-5.40||||||F", []),
        ("OBX|1|ST|A||five||||||F", []),
        ("OBX|1|CE|A||X^Y^L||||||F", []),
        ("OBX|1|TS|A||2024-01-01||||||F", [("E", "102", "OBX-5.1")]),
        ("OBX|1|QQ|A||five||||||F", [("W", "103", "OBX-2")]),
    ],
)
def test_an_observation_value_is_of_the_type_that_obx_2_names(obx: str, expected: list[object]) -> None:
    assert findings(*ORU[:3], obx) == expected


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("2.3.1", []),
        ("2.8.2", []),
        ("2.9", [("I", "203", "MSH-12")]),
        ("2.7.1", [("I", "203", "MSH-12")]),
        ("3.0", [("E", "203", "MSH-12")]),
        ("x", [("E", "203", "MSH-12")]),
    ],
)
def test_a_version_without_definitions_is_checked_as_its_nearest(
    version: str, expected: list[object]
) -> None:
    found = findings(MSH.format("ADT^A01^ADT_A01", version), "EVN|A01|20240102", *A01[2:])

    assert [finding for finding in found if finding[2] == "MSH-12"] == expected


@pytest.mark.parametrize("message_type", ["ADT^A04", "ADT^A08", "ADT^A04^ADT_A01", "ADT^A13^WRONG"])
def test_events_share_structures(message_type: str) -> None:
    found = findings(MSH.format(message_type, "2.4"), *A01[1:2], A01[3])

    assert ("E", "100", "PID") in found


def test_an_unknown_message_type_is_said_so_and_its_fields_still_checked() -> None:
    assert findings(MSH.format("XXX^X01^XXX_X01", "2.5.1"), "PID|1") == [
        ("W", "200", "MSH-9"), ("W", "103", "MSH-9.1"), ("W", "103", "MSH-9.2"), ("W", "103", "MSH-9.3"),
        ("E", "101", "PID-3"), ("E", "101", "PID-5"),
    ]  # fmt: skip


@pytest.mark.parametrize("version", sorted(SUPPORTED_LIBRARIES))
def test_every_definition_can_be_used(version: str) -> None:
    """Also the few that hl7apy has in a form of their own."""
    library = load_library(version)
    names = {
        part: list(vars(import_module(f"{library.__name__}.{part.lower()}"))[part])
        for part in ("MESSAGES", "SEGMENTS")
    }
    types = vars(import_module(f"{library.__name__}.datatypes"))["DATATYPES_STRUCTS"]
    fields = "|".join(["1^2&3"] * 60)

    for structure in names["MESSAGES"]:
        assert isinstance(findings(MSH.format(f"{structure[:3]}^{structure[4:]}^{structure}", version)), list)
    for segment in names["SEGMENTS"]:
        assert findings(MSH.format("ADT^A01", version), f"{segment}|{fields}")
    for data_type in types:
        assert findings(MSH.format("ORU^R01", version), f"OBX|1|{data_type}|||{'a&b^' * 20}")


@pytest.mark.parametrize(
    ("version", "segment", "expected"),
    [
        pytest.param("2.6", "NK1|1||||^PRN", [], id="XTN of v2.6 has no first component"),
        pytest.param("2.6", "NK1|1||||555", [("E", "102", "NK1-5.1")], id="which was withdrawn"),
        pytest.param("2.8", "EVN|A01|20240102", [("E", "102", "EVN-1")], id="EVN-1 was withdrawn, too"),
        pytest.param("2.7", "NK1|1||||555^^PH", [("E", "102", "NK1-5.1")], id="withdrawn, and still listed"),
        pytest.param("2.3", "NK1|1|A^B|||555-1234", [], id="telephone number"),
        pytest.param("2.2", "NK1|1|A^B|||none", [("E", "102", "NK1-5")], id="no telephone number"),
    ],
)
def test_what_a_version_has_differently(version: str, segment: str, expected: list[object]) -> None:
    found = findings(MSH.format("ADT^A01", version), segment)

    assert [one for one in found if one[0] == "E" and one[2].startswith(f"{segment[:3]}-")] == expected


def test_what_is_not_hl7_is_refused() -> None:
    with pytest.raises(NotHL7):
        validate("PID|1")


SEGMENTS = st.sampled_from(
    ["EVN", "PID", "PV1", "OBR", "OBX", "AL1", "IN1", "IN2", "ORC", "NTE", "ZZZ", "QQQ", "DSC", "line"]
)
RESTS = st.text(st.sampled_from('|^~\\&"12NMSTA.-'), max_size=20)
TYPES = st.sampled_from(
    ["ADT^A01^ADT_A01", "ORU^R01^ORU_R01", "ORM^O01", "SIU^S12", "QBP^Q11^QBP_Q11", "ACK", "", "Z^Z"]
)


@given(
    TYPES,
    st.sampled_from(["2.1", "2.3", "2.5.1", "2.8.2", "2.9", ""]),
    st.lists(st.tuples(SEGMENTS, RESTS), max_size=12),
)
def test_any_message_gets_findings_that_have_a_place(
    message_type: str, version: str, rest: list[tuple[str, str]]
) -> None:
    text = "\r".join([MSH.format(message_type, version), *(f"{name}|{fields}" for name, fields in rest)])

    for finding in validate(text):
        assert finding.severity in "EWI"
        assert isinstance(finding.path, str)
