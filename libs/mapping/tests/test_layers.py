import pytest

from libs.mapping.inbound.layers import BadLayer, configure, read_layer
from libs.mapping.inbound.rules import BadRule
from libs.mapping.tests.messages import PID, event, mapped, only

CLINIC = read_layer(
    """
    name = "north-clinic"
    timezone = "Europe/Vienna"
    jurisdiction = "AT"
    patient_systems = ["https://ids.example.org/national"]

    [authorities]
    NATIONAL = "https://ids.example.org/national"

    [codes.0001.AdministrativeSex]
    D = "other"
    X = ""

    [[rule]]
    from = "ZPI-2"
    to = "Patient.extension"
    url = "https://example.org/fhir/ward-round"
    as = "string"

    [[rule]]
    from = "ZPI-3"
    to = "Patient.active"
    as = "boolean"
    """
)
SENDER = read_layer(
    """
    name = "old-lab"
    timezone = "UTC"

    [authorities]
    LAB = "https://ids.example.org/lab"

    [[rule]]
    from = "ZPI-3"
    to = "Patient.communication"
    as = "string"
    """.replace("Patient.communication", "Patient.language").replace('as = "string"', 'as = "code"')
)


def test_a_later_layer_overrides_by_name() -> None:
    config = configure("north", [CLINIC, SENDER])

    assert (config.organization, config.default_timezone, config.jurisdiction) == ("north", "UTC", "AT")
    assert dict(config.authorities) == {
        "NATIONAL": "https://ids.example.org/national",
        "LAB": "https://ids.example.org/lab",
    }
    assert [(rule.field, rule.element) for rule in config.rules] == [(2, "extension"), (3, "language")]


def test_codes_of_an_organization_go_before_the_guide() -> None:
    config = configure("north", [CLINIC])

    def gender(code: str) -> object:
        return only(mapped(*event("A04", f"PID|1||1||Doe|||{code}"), config=config), "Patient").get("gender")

    assert [gender(code) for code in ("D", "F", "X")] == ["other", "female", None]


def test_the_fields_of_a_z_segment_go_where_the_rules_say() -> None:
    found = mapped(*event("A04", PID, "ZPI|1|early|Y|left"), config=configure("north", [CLINIC]))
    patient = only(found, "Patient")

    assert patient["extension"] == [{"url": "https://example.org/fhir/ward-round", "valueString": "early"}]
    assert patient["active"] is True
    assert found.report.to_dict()["fields"]["unused"] == ["ZPI[3]-1", "ZPI[3]-4"]


def test_a_value_that_does_not_fit_a_rule_is_reported() -> None:
    found = mapped(*event("A04", PID, "ZPI|1||perhaps"), config=configure("north", [CLINIC]))

    assert [(str(one.position), one.text) for one in found.report.warnings] == [
        ("ZPI[3]-3", "a field rule was not applied: the value is no boolean")
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("name = ", "no TOML document"),
        ("timezone = 'UTC'", "needs a name"),
        ("name = 'x'\ncolour = 'red'", "colour is no setting"),
        ("name = 'x'\ntimezone = 'Mars/Base'", "no time zone"),
        ("name = 'x'\n[authorities]\nA = 'not a uri'", "authorities.A must be a URI"),
        ("name = 'x'\n[codes.0001.Nothing]\nA = 'b'", "codes.0001.Nothing: there is no such map"),
        ("name = 'x'\npatient_systems = 'one'", "must be a list"),
    ],
)
def test_a_mistake_in_a_layer_is_said_in_its_terms(text: str, reason: str) -> None:
    with pytest.raises(BadLayer, match=reason):
        read_layer(text)


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("from = 'ZPI-x'\nto = 'Patient.active'\nas = 'boolean'", "not a path"),
        ("from = 'ZPI-1'\nto = 'Patient.active'\nas = 'string'", "cannot hold a string"),
        ("from = 'ZPI-1'\nto = 'Person.x'\nas = 'string'", "cannot hold a string"),
        ("from = 'ZPI-1'\nto = 'Nobody.x'\nas = 'string'", "does not begin with a resource type"),
        ("from = 'ZPI-1'\nto = 'Patient.extension'\nas = 'string'", "an extension needs one"),
        ("from = 'ZPI-1'\nto = 'Patient.active'\nas = 'python'", "no data type of a rule"),
        ("from = 'ZPI-1'\nto = 'Patient.active'\nas = 'boolean'\nscript = 'x'", "has no 'script'"),
    ],
)
def test_a_rule_is_checked_when_it_is_read(rule: str, reason: str) -> None:
    with pytest.raises(BadRule, match=reason):
        read_layer(f"name = 'x'\n[[rule]]\n{rule}")
