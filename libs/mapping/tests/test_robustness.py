"""Nothing that a sender can write makes the mapping fail otherwise than by saying why."""

from hypothesis import given, settings
from hypothesis import strategies as st

from libs.errors import Permanent
from libs.fhir.bundle import transaction
from libs.fhir.json import dumps
from libs.fhir.validate import validate
from libs.hl7v2.message import parse
from libs.mapping.inbound.mapper import MappingConfig, map_message
from libs.mapping.tests.messages import A01, ORU, RICH, mapped, only, resources

JUNK = st.sampled_from(
    [
        '""',
        "^",
        "&&",
        "~",
        "20201399",
        "-1",
        "1e9",
        "\\X00\\",
        "\\X01\\",
        " ",
        "<>^1",
        "A&B^C&D~E",
        "\x01",
        "NaN",
        "0" * 300,
        "1^2^3^4^5^6^7^8^9^10^11^12^13^14^15",
        "\\",
        "ED",
        "NM",
        "^Base64^",
        "http://x y",
        "2020-01-01",
    ]
)


@st.composite
def damaged(draw: st.DrawFn) -> str:
    segments = list(draw(st.sampled_from([A01, ORU, RICH])))
    for _ in range(draw(st.integers(1, 5))):
        place = draw(st.integers(1, len(segments) - 1))
        fields = segments[place].split("|")
        kind = draw(st.integers(0, 3))
        if kind == 0:
            fields[draw(st.integers(0, len(fields) - 1))] = draw(JUNK)
            segments[place] = "|".join(fields)
        elif kind == 1:
            segments[place] = segments[place][: draw(st.integers(0, len(segments[place])))]
        elif kind == 2:
            segments.insert(draw(st.integers(1, len(segments))), segments[place])
        else:
            segments.insert(draw(st.integers(1, len(segments))), segments.pop(place))
    return "\r".join(segments)


@settings(max_examples=150, deadline=None)
@given(damaged())
def test_a_damaged_message_becomes_valid_resources_or_a_reason(text: str) -> None:
    try:
        found = map_message(parse(text), MappingConfig())
    except Permanent:
        return
    dumps(transaction(found.entries))
    found.report.to_dict()
    assert [one for entry in found.entries for one in validate(entry.resource)] == []


def test_ten_thousand_results_are_ten_thousand_observations() -> None:
    found = mapped(*ORU[:5], *(f"OBX|{n}|NM|{n}^Test^L||{n}||||||F" for n in range(10_000)))

    assert len(resources(found, "Observation")) == 10_000


def test_control_characters_are_marked() -> None:
    found = mapped(*A01[:2], "PID|1||1^^^N^MR||Do\x01e\\X02\\")

    assert only(found, "Patient")["name"] == [{"family": "Do\ufffde\ufffd"}]
    assert any("control characters" in one.text for one in found.report.warnings)
