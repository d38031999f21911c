"""Times, identifiers, names, addresses and telephone numbers, as the fields of a PID show them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.mapping.inbound.datatypes.numbers import decimal, reference_range
from libs.mapping.inbound.mapper import MappingConfig
from libs.mapping.tests.messages import MSH, Json, event, mapped, only, segment


def patient(fields: dict[int, str], config: MappingConfig | None = None) -> Json:
    return only(mapped(*event("A04", segment("PID", fields)), config=config), "Patient")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2019", "2019"),
        ("201902", "2019-02"),
        ("20190203", "2019-02-03"),
        ("2019020304", "2019-02-03T04:00:00+01:00"),
        ("201902030405", "2019-02-03T04:05:00+01:00"),
        ("20190203040506.1234", "2019-02-03T04:05:06.1234+01:00"),
        ("20190203040506-0500", "2019-02-03T04:05:06-05:00"),
        ("20190203040506+02", "2019-02-03T04:05:06+02:00"),
        ("2019-02-03T04:05:06Z", "2019-02-03T04:05:06+00:00"),
        ("20190230", "2019-02"),
        ("20190203250000", "2019-02-03"),
    ],
)
def test_a_time_keeps_the_precision_it_has(text: str, expected: str) -> None:
    assert patient({29: text})["deceasedDateTime"] == expected


@pytest.mark.parametrize("text", ["tomorrow", "0000", "00000000", "12:30"])
def test_what_is_no_date_is_left_out_and_reported(text: str) -> None:
    found = mapped(*event("A04", segment("PID", {3: "1", 29: text})))

    assert "deceasedDateTime" not in only(found, "Patient")
    assert any(str(one.position) == "PID[2]-29" for one in found.report.warnings)


@pytest.mark.parametrize(
    ("text", "expected", "carried"),
    [
        ("20240231", "2024-02", "year and month"),
        ("20241301", "2024", "year"),
        ("202402282561", "2024-02-28", "date"),
    ],
)
def test_the_part_of_a_bad_time_that_is_carried_is_named(text: str, expected: str, carried: str) -> None:
    found = mapped(*event("A04", segment("PID", {3: "1^^^NORTH", 5: "Doe^Jo", 29: text})))

    assert only(found, "Patient")["deceasedDateTime"] == expected
    [warning] = found.report.warnings
    assert warning.text.endswith(f"; only its {carried} is carried")


def test_the_hour_of_birth_is_kept_beside_the_date() -> None:
    born = patient({7: "199006150312+0200"})

    assert born["birthDate"] == "1990-06-15"
    assert born["_birthDate"]["extension"][0]["valueDateTime"] == "1990-06-15T03:12:00+02:00"


@pytest.mark.parametrize(
    ("cx", "system"),
    [
        ("1^^^NORTH", "urn:ehrconnect:default:authority:NORTH"),
        ("1^^^NORTH&2.999.7&ISO", "urn:oid:2.999.7"),
        ("1^^^&2.999.7&ISO", "urn:oid:2.999.7"),
        ("1^^^2.999.7", "urn:oid:2.999.7"),
        ("1^^^N&6A9F0C0E-3D8E-4C51-9C3B-0A5B8E7D1F22&UUID", "urn:uuid:6a9f0c0e-3d8e-4c51-9c3b-0a5b8e7d1f22"),
        ("1^^^N&ids.example.org&DNS", "https://ids.example.org"),
        ("1^^^N&https://ids.example.org/mrn&URI", "https://ids.example.org/mrn"),
        ("1^^^A B", "urn:ehrconnect:default:authority:A%20B"),
        ("1^^^^MR^ELSEWHERE", "urn:ehrconnect:default:authority:ELSEWHERE"),
        ("1^^^^SS", "http://hl7.org/fhir/sid/us-ssn"),
        ("1", "urn:ehrconnect:default:facility:NORTH%20CLINIC"),
    ],
)
def test_the_system_of_an_identifier_is_its_assigning_authority(cx: str, system: str) -> None:
    assert patient({3: cx})["identifier"][0]["system"] == system


def test_the_organization_knows_its_authorities_best() -> None:
    config = MappingConfig(authorities={"2.999.7": "https://ids.example.org/mrn"})

    assert (
        patient({3: "1^^^NORTH&2.999.7&ISO"}, config)["identifier"][0]["system"]
        == "https://ids.example.org/mrn"
    )


@pytest.mark.parametrize(
    ("xtn", "expected"),
    [
        ("555-0100", {"system": "phone", "value": "555-0100", "use": "home"}),
        ("^PRN^CP^^^^^^^^^0660 1234567", {"system": "phone", "value": "0660 1234567", "use": "mobile"}),
        ("^NET^Internet^a@example.org", {"system": "email", "value": "a@example.org"}),
        ("a@example.org", {"system": "email", "value": "a@example.org", "use": "home"}),
        ("^WPN^FX^^^^^^^^^123", {"id": "home-1", "system": "fax", "value": "123", "use": "work"}),
    ],
)
def test_a_way_to_reach_somebody(xtn: str, expected: Json) -> None:
    assert patient({13: xtn})["telecom"] == [expected]


def test_null_inside_a_value_is_no_text() -> None:
    assert patient({5: 'Doe^""^X', 11: '""^""^Graz'})["name"] == [{"family": "Doe", "given": ["X"]}]


def test_a_compound_surname_keeps_its_parts() -> None:
    (name,) = patient({5: "van den Berg&van den&Berg&de&Vries^Jo"})["name"]

    assert name["family"] == "van den Berg"
    assert [one["valueString"] for one in name["_family"]["extension"]] == ["van den", "Berg", "de", "Vries"]


def test_a_county_that_the_address_lacks_is_added_to_it() -> None:
    assert patient({11: "Hauptplatz 1^^Graz", 12: "GL"})["address"] == [
        {"line": ["Hauptplatz 1"], "city": "Graz", "district": "GL"}
    ]


def test_a_number_of_another_country_is_no_us_social_security_number() -> None:
    (number,) = patient({19: "1234"}, MappingConfig(jurisdiction="AT"))["identifier"]

    assert number["system"] == "urn:ehrconnect:default:national-id:AT"


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9))
def test_a_decimal_keeps_its_digits(number: Decimal) -> None:
    assert str(decimal(str(number))) == str(number)


@pytest.mark.parametrize("text", ["", ".", "1e3", "NaN", "Infinity", "1,5", "1 2", "½", "٣"])
def test_what_is_no_number(text: str) -> None:
    assert decimal(text) is None


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("3.5-5.5", {"low": {"value": Decimal("3.5")}, "high": {"value": Decimal("5.5")}}),
        ("3 - 5 mg", {"low": {"value": Decimal(3)}, "high": {"value": Decimal(5)}}),
        ("<10", {"high": {"value": Decimal(10)}}),
        (">= 2", {"low": {"value": Decimal(2)}}),
        ("5-3", {}),
        ("negative", {}),
    ],
)
def test_a_reference_range_keeps_its_text(text: str, limits: Json) -> None:
    assert reference_range(text, {}) == limits | {"text": text}


def test_the_configured_zone_is_the_last_resort() -> None:
    header = MSH.format(kind="ADT^A04", control="1").replace("+0100", "")
    config = MappingConfig(default_timezone="America/New_York")
    found = mapped(header, segment("PID", {3: "1", 29: "202607010800"}), config=config)

    assert only(found, "Patient")["deceasedDateTime"] == "2026-07-01T08:00:00-04:00"
