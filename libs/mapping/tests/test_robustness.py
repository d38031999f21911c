"""Nothing that a sender can write makes the mapping fail otherwise than by saying why."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.errors import Permanent
from libs.hl7v2.message import parse
from libs.mapping.inbound.mapper import MappingConfig, map_message
from libs.mapping.tests.damage import damaged
from libs.mapping.tests.messages import A01, MSH, ORU, mapped, only, resources, segment
from libs.mapping.tests.promises import CONFIGS, broken


@settings(max_examples=250, deadline=None)
@given(st.integers(min_value=0), st.sampled_from(CONFIGS))
def test_a_damaged_message_becomes_valid_resources_or_a_reason(seed: int, config: MappingConfig) -> None:
    assert broken(damaged(Random(seed)), config) == ""


_LARGE = {
    "long": "A" * 1_000_000,
    "carets": "^" * 1_000_000,
    "tildes": "~" * 1_000_000,
    "subcomponents": "&x" * 100_000,
    "components": "^x" * 100_000,
    "escapes": "\\E" * 300_000,
    "repetitions": "~".join(["1^2&3"] * 1_000),
    "hexadecimal": "\\X00\\" * 20_000,
    "digits": "9" * 1_000_000,
}


@pytest.mark.parametrize("value", _LARGE.values(), ids=_LARGE)
def test_a_field_of_any_size_is_read_in_one_pass(value: str) -> None:
    obx = segment("OBX", {1: "1", 2: "ST", 3: "8867-4^Rate^LN", 5: value, 11: "F"})
    pid = segment("PID", {3: "1^^^N^MR", 5: value, 11: value, 13: value})

    assert (
        broken("\r".join([ORU[0], pid, segment("PV1", {2: "I", 20: value}), ORU[4], obx]), CONFIGS[0]) == ""
    )


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("MSH|^~\\|A|B||||||1", "MSH-2"),
        ("MSH|^^\\&|A", "MSH-2"),
        ("MSHX^~\\&XAXB", "MSH-1"),
        ("MSH", "MSH-1"),
        ("", "MSH segment"),
        ("PID|1", "MSH segment"),
    ],
)
def test_a_header_that_cannot_be_read_is_refused_with_the_place(header: str, reason: str) -> None:
    with pytest.raises(Permanent, match=reason):
        map_message(parse(header), CONFIGS[0])


def test_what_is_stated_twice_and_once_as_an_error_is_an_error() -> None:
    prb = "PRB|{}|20260310|38341003^Hypertension^SCT|PB-1^EHR"
    found = mapped(MSH.format(kind="PPR^PC1", control="1"), ORU[1], prb.format("AD"), prb.format("DE"))

    (entry,) = [one for one in found.entries if one.resource["resourceType"] == "Condition"]
    assert "clinicalStatus" not in entry.resource
    deleted = mapped(MSH.format(kind="PPR^PC3", control="1"), ORU[1], prb.format("DE"))
    assert [one.remove for one in deleted.entries if one.url.startswith("Condition")] == [("clinicalStatus",)]


def test_ten_thousand_results_are_ten_thousand_observations() -> None:
    found = mapped(*ORU[:5], *(f"OBX|{n}|NM|{n}^Test^L||{n}||||||F" for n in range(10_000)))

    assert len(resources(found, "Observation")) == 10_000


def test_control_characters_are_marked() -> None:
    found = mapped(*A01[:2], "PID|1||1^^^N^MR||Do\x01e\\X02\\")

    assert only(found, "Patient")["name"] == [{"family": "Do\ufffde\ufffd"}]
    assert any("control characters" in one.text for one in found.report.warnings)
