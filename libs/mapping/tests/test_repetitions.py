"""A field is called read in every repetition if a further one changes what comes out, and else it is not."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import product

import pytest

from libs.fhir.bundle import Entry
from libs.hl7v2.message import parse
from libs.mapping.inbound.mapper import Mapped, MappingConfig, map_message
from libs.mapping.inbound.repetitions import REPEATED
from libs.mapping.tests.messages import MAPPED, PID, event, mapped, segment

# What a field of this number holds, and another value for a further repetition of it; one of them fits any
# data type.
VALUES = [
    ("A{0}&x^b^c^d^e^f^g", "Q{0}&y^m^n^o^p^q^r^s"),
    ("20260101", "20270202"),
    ("7{0}", "8{0}"),
    ("^PRN^PH^^43^316^55{0}", "^WPN^PH^^43^316^66{0}"),
    ("A{0}^b&c^d^e^f^g^h^i^A&1.2&ISO", "Q{0}^m&n^o^p^q^r^s^t^A&1.2&ISO"),
    ("a{0}@b.example", "c{0}@d.example"),
    ("0800", "0900"),
    ("Y", "N"),
    ("A{0}^b^L^d^e^L2", "Q{0}^m^L^o^p^L2"),
]
VALUED = (range(2, 80), range(2, 80, 3), range(3, 80, 3), range(4, 80, 3), range(20, 80))
# They tell a result from others by the text of the whole field: a further repetition makes another result.
KEYS = {("OBX", 4)}
NOT_FACTS = {"MSH": {18, 21}}  # how a message travels

Lines = list[list[str]]


def test_a_repetition_is_called_used_where_it_changes_something() -> None:
    wanted = {(name, field) for name, fields in REPEATED.items() for field in fields}
    wanted -= {(name, field) for name, fields in NOT_FACTS.items() for field in fields}
    for lines, other in probes():
        before = converted(lines).entries
        for place, (name, *fields) in enumerate(lines[1:], 1):
            for field in sorted(field for of, field in wanted if of == name and fields[field - 1]):
                after = converted(with_field(lines, place, field, other.format(field))).entries
                if before != after:
                    wanted.remove((name, field))

    assert wanted == set()


def test_a_repetition_that_is_listed_changes_nothing() -> None:
    changing: dict[str, list[Entry]] = defaultdict(list)
    for lines, other in probes():
        plain = converted(lines)
        more, listed = repeated(lines, other, plain)
        found = converted(more)
        assert {str(one) for one in found.report.unused_repetitions} == listed
        changing[lines[0][8]] += [
            after for before, after in zip(plain.entries, found.entries, strict=True) if before != after
        ]

    assert {kind: entries for kind, entries in changing.items() if entries} == {}


@pytest.mark.parametrize(
    ("fields", "unused"),
    [
        pytest.param({6: "Bello^Ada~Cruz^Ada"}, ["PID[2]-6[2]"], id="of the first only"),
        pytest.param({6: "Bello^Ada~~Cruz~Diaz"}, ["PID[2]-6[3]", "PID[2]-6[4]"], id="by their places"),
        pytest.param({6: "~Cruz"}, ["PID[2]-6[2]"], id="behind an empty one"),
        pytest.param({6: 'Bello^Ada~""~^&~'}, [], id="nothing is stated"),
        pytest.param({6: "Bello^Ada~Bello^Ada^"}, [], id="the same once more"),
        pytest.param({5: "Okafor^Amara~Bello^Amara"}, [], id="of every repetition"),
        pytest.param({38: "N~Y"}, [], id="of a field that is listed whole"),
    ],
)
def test_a_further_repetition_that_no_mapping_reads_is_listed(
    fields: dict[int, str], unused: list[str]
) -> None:
    report = mapped(*event("A04", segment("PID", {3: "1^^^NORTH", 5: "Okafor^Amara"} | fields))).report

    assert report.to_dict()["repetitions"] == {"unused": unused}


def test_the_components_of_a_repetition_that_is_listed_are_not_listed_again() -> None:
    line = segment("PID", {3: "1^^^NORTH", 5: "Okafor", 19: "123456789~1^2^3"})
    report = mapped(*event("A04", line)).report

    assert [str(one) for one in report.unused_repetitions] == ["PID[2]-19[2]"]
    assert report.unused_components == []


def test_the_lines_of_an_instruction_are_lines_of_text() -> None:
    order = segment("ORC", {1: "NW", 2: "P1^NORTH"})
    diet = segment("ODS", {1: "D", 3: "1^Soft^L", 4: "No salt~Small meals"})
    found = mapped("MSH|^~\\&|A|B|C|D|20260101||OMD^O03|1|P|2.5.1", PID, order, diet)

    [stated] = [one.resource for one in found.entries if one.resource["resourceType"] == "NutritionOrder"]
    assert stated["oralDiet"]["instruction"] == "No salt\nSmall meals"


def probes() -> Iterator[tuple[Lines, str]]:
    """Messages as lines of fields, and a value for further repetitions.

    In one every field is valued; in the others only some, so that one which stands in for another is read.
    """
    for kind, names in MAPPED.items():
        header = f"MSH|^~\\&|A|B|C|D|20260101||{kind}|1|P|2.8".split("|")
        for (value, other), valued in product(VALUES, VALUED):
            yield [header, *(line(name, value, valued) for name in names.split())], other


def line(name: str, value: str, valued: range) -> list[str]:
    """A segment of fields with the value; what it means to do is something that does it."""
    fields = [name, value.format(1)]
    fields += [value.format(field) if field in valued else "" for field in range(2, 80)]
    if name == "OBX":
        fields[2] = "ST" if "^" not in value else "CWE"
    if name == "ORC":
        fields[1] = "NW"
    return fields


def with_field(lines: Lines, place: int, field: int, value: str) -> Lines:
    """The lines, with one more repetition of a field."""
    changed = [*lines[place]]
    changed[field] += f"~{value}"
    return [*lines[:place], changed, *lines[place + 1 :]]


def repeated(lines: Lines, other: str, found: Mapped) -> tuple[Lines, set[str]]:
    """The lines with a further repetition of all that is read in the first alone, and what names those."""
    more, named = [lines[0]], set()
    for place, (name, *fields) in enumerate(lines[1:], 1):
        changed = [name, *fields]
        read = found.report.mapped.get(place, frozenset())
        for field in read - REPEATED.get(name, frozenset()):
            if (name, field) not in KEYS and changed[field]:
                changed[field] += "~" + other.format(field)
                named.add(f"{name}[{place}]-{field}[2]")
        more.append(changed)
    return more, named


def converted(lines: Lines) -> Mapped:
    """What the message of these lines becomes."""
    return map_message(parse("\r".join("|".join(line) for line in lines)), MappingConfig())
