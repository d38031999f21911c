"""The report is honest: what it calls used is read by a mapping, and what is read it calls used."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from libs.hl7v2.message import Message, Segment, Value, parse
from libs.mapping.inbound.mapper import MappingConfig, map_message
from libs.mapping.tests.messages import MAPPED, MSH, PID, event, mapped, segment

# Positions in a list, actions and the event, which MSH-9 states already, are no facts of their own; nor is
# how a message travels.
NOT_FACTS = {
    "EVN": {1, 2},
    "MSH": {1, 2, 8, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21},
    "PRT": {1, 2},
    "ROL": {1, 2},
}
SET_ID = {1}


class Probe(Segment):
    """A segment that notes which of its fields are asked for."""

    __slots__ = ("asked",)

    def __init__(self, segment: Segment) -> None:
        super().__init__(segment.line, segment.position, segment.delimiters)
        self.asked: set[int] = set()

    def text(self, field: int, component: int = 1, subcomponent: int = 1) -> str:
        self.asked.add(field)
        return super().text(field, component, subcomponent)

    def first(self, field: int) -> Value:
        self.asked.add(field)
        return super().first(field)

    def repetitions(self, field: int) -> list[Value]:
        self.asked.add(field)
        return super().repetitions(field)


def probed(text: str) -> tuple[dict[str, set[int]], dict[str, set[int]]]:
    """What the mapping of the message claims to use and what it asks for, by segment name."""
    plain = parse(text)
    probes = [Probe(segment) for segment in plain.segments]
    found = map_message(Message(probes, plain.delimiters), MappingConfig())
    claimed: dict[str, set[int]] = defaultdict(set)
    asked: dict[str, set[int]] = defaultdict(set)
    for probe in probes:
        claimed[probe.name] |= found.report.mapped.get(probe.position, frozenset())
        asked[probe.name] |= probe.asked
    return claimed, asked


def messages(kind: str, names: list[str]) -> Iterator[str]:
    """Messages of these segments: every field valued in one way or another, then each field alone."""
    header = f"MSH|^~\\&|A|B|C|D|20260101||{kind}|1|P|2.8|||||||||^^|V^W|X|Y|Z|S^T|U^V"
    for value in ("1^2^3", "20260101", "NM", "1", "Y", "A", "^^^A^^^B"):
        yield "\r".join([header, *("|".join([name, *[value] * 60]) for name in names)])
    header = header.partition("|||||||||")[0]
    for name in names:
        for field in range(1, 45):
            alone = "|".join([name, *[""] * (field - 1), "1^2^3"])
            yield "\r".join([header, *(alone if one == name else f"{one}|1" for one in names)])


def test_what_is_called_used_is_read() -> None:
    claimed: dict[str, set[int]] = defaultdict(set)
    asked: dict[str, set[int]] = defaultdict(set)
    for kind, names in MAPPED.items():
        for text in messages(kind, names.split()):
            for total, part in zip((claimed, asked), probed(text), strict=True):
                for name, fields in part.items():
                    total[name] |= fields

    false_claims = {
        name: fields
        for name in claimed
        if (fields := claimed[name] - asked[name] - SET_ID - NOT_FACTS.get(name, set()))
    }
    assert false_claims == {}


@pytest.mark.parametrize(
    ("segments", "expected"),
    [
        (["ZPI|1|blue"], {"segments": ["ZPI[3]"], "fields": []}),
        ([segment("NK1", {1: "1", 2: "Doe^Jo", 11: "Boss"})], {"segments": [], "fields": ["NK1[3]-11"]}),
        (["UB1|1", "UB2|2"], {"segments": ["UB1[3]", "UB2[4]"], "fields": []}),
    ],
)
def test_what_no_mapping_reads_is_listed(segments: list[str], expected: dict[str, Any]) -> None:
    report = mapped(*event("A04", PID, *segments)).report.to_dict()

    assert {"segments": report["segments"]["unused"], "fields": report["fields"]["unused"]} == expected


class ProbeValue(Value):
    """A value that notes which of its components are asked for."""

    __slots__ = ("asked",)

    def __init__(self, value: Value, asked: set[int]) -> None:
        super().__init__(value.raw, value._delimiters, value._level)
        self.asked = asked

    def text(self, component: int = 1, subcomponent: int = 1) -> str:
        self.asked.add(component)
        return super().text(component, subcomponent)

    def part(self, component: int) -> Value:
        self.asked.add(component)
        return super().part(component)

    def parts(self) -> list[Value]:
        self.asked.update(range(1, self.component_count + 1))
        return super().parts()


class ComponentProbe(Segment):
    """A segment that notes which components of its fields are asked for."""

    __slots__ = ("asked",)

    def __init__(self, segment: Segment) -> None:
        super().__init__(segment.line, segment.position, segment.delimiters)
        self.asked: dict[int, set[int]] = defaultdict(set)

    def text(self, field: int, component: int = 1, subcomponent: int = 1) -> str:
        self.asked[field].add(component)
        return super().text(field, component, subcomponent)

    def first(self, field: int) -> Value:
        return ProbeValue(super().first(field), self.asked[field])

    def repetitions(self, field: int) -> list[Value]:
        return [ProbeValue(value, self.asked[field]) for value in super().repetitions(field)]


WHOLE = tuple(map(str, range(2, 23)))
SPARSE = (*map(str, range(2, 12)), "", "", "", "15", "16", "17", "18")
SHORT = ("", "3", "4")
BARE = ("", "", "4")


def rich(kind: str, names: list[str]) -> Iterator[str]:
    """Messages whose every field has many components, so that what is read of them is there."""
    for first, more in product(("a&b", "20260101", ""), (WHOLE, SPARSE, SHORT, BARE)):
        header = f"MSH|^~\\&|A^1^ISO|B^2^ISO|C^3^ISO|D^4^ISO|20260101||{kind}|1|P^T|2.8|||||||||^^"
        numbers = range(22, 24) if more is SHORT else range(22, 28)
        values = "|".join("^".join([f"a&b{number}", *more]) for number in numbers)
        lines = [
            "|".join([name, *("^".join([first.replace("a", f"{name}{n}"), *more]) for n in range(1, 60))])
            for name in names
        ]
        yield "\r".join([f"{header}|{values}", *lines])


def test_which_components_are_called_used_is_what_is_read() -> None:
    claimed: dict[tuple[str, int], set[int]] = defaultdict(set)
    asked: dict[tuple[str, int], set[int]] = defaultdict(set)
    for kind, names in MAPPED.items():
        for text in rich(kind, names.split()):
            plain = parse(text)
            probes = [ComponentProbe(segment) for segment in plain.segments]
            report = map_message(Message(probes, plain.delimiters), MappingConfig()).report
            for probe in probes:
                for field, components in probe.asked.items():
                    asked[probe.name, field] |= components
                    claimed[probe.name, field] |= report.read(probe, field)

    del claimed["OBX", 5]  # read by its type
    false_claims = {key: said - asked[key] - {1} for key, said in claimed.items()}
    assert {key: extra for key, extra in false_claims.items() if extra} == {}


@pytest.mark.parametrize(
    ("line", "unused"),
    [
        (segment("PID", {3: "1^^^NORTH", 5: "Okafor", 19: "123456789^X^Y"}), ["PID[2]-19.2", "PID[2]-19.3"]),
        (segment("PID", {3: "1^^^NORTH^^^^^A^B", 5: "Okafor^Amara"}), ["PID[2]-3.9", "PID[2]-3.10"]),
        (segment("PID", {3: "1^2^M10^NORTH", 5: "Okafor^Amara^^^^^L", 8: 'F^""^&'}), []),
    ],
)
def test_a_component_that_no_mapping_reads_is_listed(line: str, unused: list[str]) -> None:
    report = mapped(*event("A04", line)).report

    assert [str(position) for position in report.unused_components] == unused


OBR = {1: "1", 3: "F1^LAB", 4: "1^Panel^L", 25: "F"}


@pytest.mark.parametrize(
    ("kind", "lines", "unused"),
    [
        (
            "DFT^P03",
            [segment("FT1", {1: "1", 6: "CG", 7: "A", 11: "10", 12: "5", 22: "4"})],
            ["FT1[2]-12", "FT1[2]-22"],
        ),
        ("DFT^P03", [segment("FT1", {1: "1", 6: "CG", 7: "A", 12: "5"})], []),
        ("ADT^A01", ["IN1|1|P|C|Alpine", segment("IN2", {69: "Works", 70: "Other"})], ["IN2[3]-70"]),
        ("ADT^A01", ["IN1|1|P|C|Alpine", segment("IN2", {70: "Other"})], []),
        ("ADT^A01", [segment("NK1", {1: "1", 2: "Doe^Jo", 13: "Works^^7^^^^^^^8"})], ["NK1[2]-13.3"]),
        ("ADT^A01", [segment("NK1", {1: "1", 2: "Doe^Jo", 13: "Works^^7"})], []),
        (
            "SIU^S12",
            ["SCH|1^A", segment("AIG", {1: "1", 3: "A^Pump^^B^Other", 8: "20260101080000"})],
            ["AIG[3]-3.4", "AIG[3]-3.5"],
        ),
        ("ORU^R01", [segment("OBR", OBR | {15: "BLD", 39: "1^Cold"})], ["OBR[2]-39.1"]),
        ("ORU^R01", [segment("OBR", OBR | {15: "BLD", 39: "1"})], []),
    ],
)
def test_what_stands_beside_what_is_carried_is_listed(kind: str, lines: list[str], unused: list[str]) -> None:
    report = mapped(MSH.format(kind=kind, control="R-1"), PID, *lines).report

    assert [*map(str, report.unused_fields), *map(str, report.unused_components)] == unused


@pytest.mark.parametrize(
    ("owners", "unused"),
    [
        pytest.param([], ["ORC[2]-22", "ORC[2]-23", "ORC[2]-24", "OBX[4]-24"], id="nobody is named"),
        pytest.param([12, 21, 23], [], id="whose they are is named"),
    ],
)
def test_the_address_of_nobody_is_no_field_that_was_used(owners: list[int], unused: list[str]) -> None:
    named = {12: "7^Berger", 21: "Clinic^L^1", 23: "Laboratory^L^2"}
    orc = {1: "RE", 3: "F1^LAB", 22: "1 Street^^Graz", 23: "^PRN^PH^^43^316^1", 24: "2 Street^^Graz"}
    obx = {1: "1", 2: "NM", 3: "2^Test^L", 5: "1", 11: "F", 24: "3 Street^^Graz"}
    found = mapped(
        MSH.format(kind="ORU^R01", control="R-1"),
        PID,
        segment("ORC", {field: named[field] for field in owners if field != 23} | orc),
        segment("OBR", {1: "1", 3: "F1^LAB", 4: "1^Panel^L", 25: "F"}),
        segment("OBX", {field: named[field] for field in owners if field == 23} | obx),
    )

    assert [str(one) for one in found.report.unused_fields] == unused


@pytest.mark.parametrize("field", [10, 22])
def test_the_alternate_code_of_a_race_is_listed(field: int) -> None:
    line = segment("PID", {3: "1^^^NORTH", 5: "Okafor", field: "2106-3^White^HL70005^W^Other^L"})
    report = mapped(*event("A04", line)).report

    assert [str(one) for one in report.unused_components] == [f"PID[2]-{field}.{part}" for part in (4, 5, 6)]
