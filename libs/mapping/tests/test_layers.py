from dataclasses import replace

import pytest

from libs.fhir.validate import validate
from libs.mapping.inbound.config import MappingConfig
from libs.mapping.inbound.layers import (
    BadLayer,
    Layers,
    configure,
    read_layer,
    shipped,
    shipped_profile,
)
from libs.mapping.inbound.mapper import Mapped
from libs.mapping.tests.messages import ORU, PID, Json, event, mapped, only, resources

CLINIC = read_layer(
    "organization",
    """
    timezone = "Europe/Vienna"
    charset = "8859/1"
    jurisdiction = "AT"
    unmapped = "park"
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
    """,
)
SENDER = read_layer(
    "sender:OLDLAB|NORTH",
    """
    timezone = "UTC"
    unmapped = "pass"

    [authorities]
    LAB = "https://ids.example.org/lab"

    [codes.0001.AdministrativeSex]
    W = "female"

    [translations.99LAB]
    HB = "http://loinc.org|718-7"
    OLD = ""

    [[rule]]
    from = "ZPI-3"
    to = "Patient.language"
    """,
)
BASE = MappingConfig("north")


def test_a_later_layer_overrides_by_name() -> None:
    config = configure(BASE, [CLINIC, SENDER])

    assert (config.organization, config.default_timezone, config.jurisdiction) == ("north", "UTC", "AT")
    assert (config.charset, config.park_unmapped) == ("8859/1", False)
    assert dict(config.authorities) == {
        "NATIONAL": "https://ids.example.org/national",
        "LAB": "https://ids.example.org/lab",
    }
    assert sorted(config.codes["0001", "AdministrativeSex"]) == ["D", "W", "X"]
    assert [(rule.source.field, rule.element) for rule in config.rules] == [(2, "extension"), (3, "language")]


@pytest.mark.parametrize(
    ("sender", "zone"),
    [
        pytest.param("OLDLAB|NORTH", "UTC", id="as named"),
        pytest.param("OLDLAB^1.2.3^ISO|NORTH^4.5.6^ISO", "UTC", id="with components that say more"),
        pytest.param("OLDLAB|SOUTH", "Europe/Vienna", id="of another facility"),
        pytest.param("|", "Europe/Vienna", id="that states nothing"),
    ],
)
def test_a_senders_layer_is_for_that_sender(sender: str, zone: str) -> None:
    layers = Layers(2, {"sender:OLDLAB|NORTH": SENDER, "organization": CLINIC})

    assert layers.config(BASE, sender).default_timezone == zone


@pytest.mark.parametrize(
    ("sender", "gateway", "expected"),
    [
        pytest.param("OLDLAB|NORTH", ("8859/5", "Asia/Tokyo"), ("8859/1", "UTC"), id="the sender's layer"),
        pytest.param("ADT|NORTH", ("8859/5", "Asia/Tokyo"), ("8859/5", "Asia/Tokyo"), id="the gateway"),
        pytest.param("ADT|NORTH", ("", ""), ("8859/2", "Europe/Vienna"), id="the organization's layer"),
    ],
)
def test_who_is_closest_to_the_sender_says_its_charset_and_zone(
    sender: str, gateway: tuple[str, str], expected: tuple[str, str]
) -> None:
    organization = read_layer("organization", 'timezone = "Europe/Vienna"\ncharset = "8859/2"')
    own = read_layer("sender:OLDLAB|NORTH", 'timezone = "UTC"\ncharset = "8859/1"')
    layers = Layers(2, {"sender:OLDLAB|NORTH": own, "organization": organization})

    config = layers.config(BASE, sender, *gateway)

    assert (config.charset, config.default_timezone) == expected


def test_without_layers_the_configuration_stays_as_it_is() -> None:
    assert Layers(0, {}).config(BASE, "OLDLAB|NORTH") == BASE
    gateways = Layers(0, {}).config(BASE, "OLDLAB|NORTH", "8859/5", "Asia/Tokyo")
    assert gateways == replace(BASE, charset="8859/5", default_timezone="Asia/Tokyo")


def test_codes_of_an_organization_go_before_the_guide() -> None:
    def gender(code: str) -> object:
        segments = event("A04", f"PID|1||1||Doe|||{code}")
        return only(mapped(*segments, config=configure(BASE, [CLINIC])), "Patient").get("gender")

    assert [gender(code) for code in ("D", "F", "X")] == ["other", "female", None]


def test_a_senders_own_codes_are_translated_and_kept() -> None:
    def observed(code: str) -> tuple[list[Json], list[Json]]:
        segments = [line.replace("718-7^Hemoglobin^LN", f"{code}^Blood^99LAB") for line in ORU]
        found = mapped(*segments, config=configure(BASE, [SENDER]))
        return resources(found, "Observation")[0]["code"]["coding"], found.report.to_dict()["uncoded"]

    own = {"system": "urn:ehrconnect:north:codes:99LAB", "display": "Blood"}
    assert observed("HB") == ([{"system": "http://loinc.org", "code": "718-7"}, own | {"code": "HB"}], [])
    assert observed("OLD") == ([own | {"code": "OLD"}], [])
    assert observed("NEW") == (
        [own | {"code": "NEW"}],
        [{"position": "OBX[6]-3", "table": "99LAB", "code": "NEW"}],
    )


def _with_rules(*segments: str, rules: str) -> Mapped:
    config = configure(BASE, [read_layer("organization", rules)])
    return mapped(*event("A04", PID, *segments), config=config)


def test_the_fields_of_a_z_segment_go_where_the_rules_say() -> None:
    found = mapped(*event("A04", PID, "ZPI|1|early|Y|left"), config=configure(BASE, [CLINIC]))
    patient = only(found, "Patient")

    assert patient["extension"] == [{"url": "https://example.org/fhir/ward-round", "valueString": "early"}]
    assert patient["active"] is True
    assert found.report.to_dict()["fields"]["unused"] == ["ZPI[3]-1", "ZPI[3]-4"]


@pytest.mark.parametrize(
    ("rule", "segment", "element", "value"),
    [
        ('from = "ZPI-1.2"\nto = "Patient.maritalStatus.text"', "ZPI|a^b", "maritalStatus.text", "b"),
        ('from = "ZPI-1"\nto = "Patient.deceasedBoolean"', "ZPI|N", "deceasedBoolean", False),
        ('from = "ZPI-1"\nto = "Patient.multipleBirthInteger"', "ZPI|2", "multipleBirthInteger", 2),
        ('from = "ZPI-1"\nto = "Patient.birthDate"', "ZPI|19500102", "birthDate", "1950-01-02"),
        ('from = "ZPI-1[2]"\nto = "Patient.language"', "ZPI|de~fr", "language", "fr"),
        ('from = "ZPI[2]-1"\nto = "Patient.language"', "ZPI|de\rZPI|fr", "language", "fr"),
        (
            'from = "ZPI-1"\nto = "Patient.gender"\nvalues = { w = "female" }',
            "ZPI|w",
            "gender",
            "female",
        ),
        (
            'from = "ZPI-2"\nto = "Patient.maritalStatus"\nwhen = { path = "ZPI-1", is = "M" }',
            "ZPI|M|UN^Union^http://example.org/unions",
            "maritalStatus",
            {"coding": [{"system": "http://example.org/unions", "code": "UN", "display": "Union"}]},
        ),
    ],
)
def test_a_rule_makes_the_element_that_it_names(rule: str, segment: str, element: str, value: object) -> None:
    found = _with_rules(*segment.split("\r"), rules=f"[[rule]]\n{rule}")

    holder = only(found, "Patient")
    for step in element.split("."):
        holder = holder[step]
    assert holder == value
    assert found.report.to_dict()["warnings"] == []
    assert validate(only(found, "Patient")) == []


@pytest.mark.parametrize(
    ("segment", "source", "unused"),
    [
        ("ZPI|de~fr", "ZPI-1", ["ZPI[3]-1[2]"]),
        ("ZPI|de~fr", "ZPI-1[2]", ["ZPI[3]-1[1]"]),
        ("DB1|1|PT|9^^^NORTH~it~es", "DB1-3[2]", ["DB1[3]-3[3]"]),
    ],
)
def test_the_repetitions_that_a_rule_does_not_read_are_listed(
    segment: str, source: str, unused: list[str]
) -> None:
    found = _with_rules(segment, rules=f'[[rule]]\nfrom = "{source}"\nto = "Patient.language"')

    assert [str(one) for one in found.report.unused_repetitions] == unused


def test_a_rule_whose_condition_does_not_hold_leaves_its_field_unused() -> None:
    rule = '[[rule]]\nfrom = "ZPI-2"\nto = "Patient.language"\nwhen = { path = "ZPI-1", is = "Y" }'

    found = _with_rules("ZPI|N|de", rules=rule)

    assert "language" not in only(found, "Patient")
    assert found.report.to_dict()["segments"]["unused"] == ["ZPI[3]"]


def test_one_form_of_a_choice_replaces_the_others_stored_or_stated() -> None:
    rule = '[[rule]]\nfrom = "ZPI-1"\nto = "Patient.deceasedBoolean"'
    dead = "|".join([PID, *[""] * 12, "20260301"])

    found = mapped(*event("A04", dead, "ZPI|Y"), config=configure(BASE, [read_layer("organization", rule)]))

    (entry,) = [entry for entry in found.entries if entry.resource["resourceType"] == "Patient"]
    assert (entry.resource["deceasedBoolean"], "deceasedDateTime" in entry.resource) == (True, False)
    assert "deceasedDateTime" in entry.remove


@pytest.mark.parametrize(
    ("rule", "segments", "warning"),
    [
        ('to = "Patient.active"', ["ZPI|perhaps"], "a field rule was not applied: the value is no boolean"),
        (
            'to = "Patient.gender"',
            ["ZPI|w"],
            "a field rule was not applied: the value is no code that FHIR allows there",
        ),
        ('to = "Patient.active"', ['ZPI|""'], "a field rule cannot delete: the element stays as it is"),
        (
            'to = "Encounter.hospitalization.dischargeDisposition"',
            ["ZPI|1"],
            "a field rule is about one Encounter, and the message makes none: not applied",
        ),
        (
            'to = "RelatedPerson.active"',
            ["NK1|1|A^B", "NK1|2|C^D", "ZPI|Y"],
            "a field rule is about one RelatedPerson, and the message makes 2 of them: not applied",
        ),
    ],
)
def test_what_a_rule_cannot_carry_is_reported(rule: str, segments: list[str], warning: str) -> None:
    found = _with_rules(*segments, rules=f'[[rule]]\nfrom = "ZPI-1"\n{rule}')

    assert [one.text for one in found.report.warnings] == [warning]


def test_a_text_that_a_rule_has_no_value_for_is_uncoded() -> None:
    rule = '[[rule]]\nfrom = "ZPI-1"\nto = "Patient.gender"\nvalues = { w = "female" }'

    report = _with_rules("ZPI|x", rules=rule).report.to_dict()

    assert report["uncoded"] == [{"position": "ZPI[3]-1", "table": "ZPI-1", "code": "x"}]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("timezone = ", "layer organization is no TOML document"),
        ("colour = 'red'", "layer organization: colour is no setting"),
        ("timezone = 'Mars/Base'", "not a time zone of the IANA database"),
        ("charset = 'EBCDIC'", "not in HL7 table 0211"),
        ("charset = 'UTF-16'", "UTF-16"),
        ("unmapped = 'drop'", '"pass" or "park"'),
        ("jurisdiction = 7", "jurisdiction must be a text"),
        ("jurisdiction = 'Austria'", "'Austria' is no country code"),
        ("patient_systems = ['MR']", "patient_systems must be a URI"),
        ("[authorities]\nA = 'not a uri'", "authorities.A must be a URI"),
        ("authorities = 'x'", "authorities must be a table"),
        ("codes = 'x'", "codes must be a table"),
        ("[codes]\n0001 = 'x'", "codes.0001 must be a table"),
        ("[codes.9999.X]\nA = 'b'", "codes.9999: there are no maps"),
        ("[codes.0001.Nothing]\nA = 'b'", 'codes.0001.Nothing: .* has "AdministrativeSex"'),
        ("[codes.0001.AdministrativeSex]\nD = 'divers'", "'divers' is no code of .* it has female, male"),
        ("[codes.0001.AdministrativeSex]\nD = 7", "codes.0001.AdministrativeSex.D must be a text"),
        ("[translations.LAB]\nHB = '718-7'", r"translations.LAB.HB must be system\|code"),
        ("translations.LAB = 'x'", "translations.LAB must be a table"),
        ("patient_systems = 'one'", "must be a list"),
        ("rule = 'x'", r"\[\[rule\]\]"),
        ("rule = ['x']", r"rule 1: rules are written as \[\[rule\]\]"),
    ],
)
def test_a_mistake_in_a_layer_is_said_in_its_terms(text: str, reason: str) -> None:
    with pytest.raises(BadLayer, match=reason):
        read_layer("organization", text)


@pytest.mark.parametrize("name", ["", "guide", "sender", "sender:", "sender:|", "sender:A", "sender:A|B|C"])
def test_a_layer_has_a_name_that_says_whose_it_is(name: str) -> None:
    with pytest.raises(BadLayer, match="is no layer; a layer is profile, organization or sender:"):
        read_layer(name, "")


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("from = 'ZPI-x'\nto = 'Patient.active'", "rule 1: from: .* not a path"),
        ("from = '1'\nto = 'Patient.active'", "must begin with a segment"),
        ("to = 'Patient.active'", "from: .* not a path"),
        ("from = 'ZPI-1'\nto = 'Patient.active'\nas = 'string'", "cannot hold a string; it holds boolean"),
        ("from = 'ZPI-1'\nto = 'Person.x'", "Person has no element 'x'; it has .*birthDate"),
        ("from = 'ZPI-1'\nto = 'Patient.deceased'", "no element 'deceased'"),
        ("from = 'ZPI-1'\nto = 'Patient'", "no element that a message can state"),
        ("from = 'ZPI-1'\nto = 'Patient.id'", "no element that a message can state"),
        ("from = 'ZPI-1'\nto = 'Nobody.x'", "does not begin with a resource type"),
        ("from = 'ZPI-1'\nto = 'Patient.name.family'", "nothing can be put into 'name'"),
        ("from = 'ZPI-1'\nto = 'Patient.active.extension'", "nothing can be put into 'active'"),
        ("from = 'ZPI-1'\nto = 'Patient.managingOrganization'", "is a Reference, which no rule can make"),
        ("from = 'ZPI-1'\nto = 'Patient.extension'\nas = 'string'", "an extension needs one"),
        ("from = 'ZPI-1'\nto = 'Patient.active'\nurl = 'x:y'", "nothing else has one"),
        ("from = 'ZPI-1'\nto = 'Patient.extension'\nurl = 'x y'\nas = 'string'", "'x y' is no URI"),
        ("from = 'ZPI-1'\nto = 'Patient.extension'\nurl = 'x:y'", "a value of no type"),
        ("from = 'ZPI-1'\nto = 'Patient.extension'\nurl = 'x:y'\nas = 'python'", "cannot hold a python"),
        ("from = 'ZPI-1.1.2'\nto = 'Patient.maritalStatus'", "subcomponent cannot become"),
        ("from = 'ZPI-1'\nto = 'Patient.active'\nscript = 'x'", "has no 'script'"),
        ("from = 'ZPI-1'\nto = 'Patient.active'\nwhen = 'x'", "when: must be"),
        ("from = 'ZPI-1'\nto = 'Patient.active'\nvalues = { J = 1 }", "values: must be a table of texts"),
        ("from = 'ZPI-1'\nto = 'Patient.gender'\nvalues = { w = 'f' }", "'f' is none of female, male"),
        (
            "from = 'ZPI-1'\nto = 'Patient.maritalStatus'\nvalues = { a = 'b' }",
            "use .translations. for codings",
        ),
    ],
)
def test_a_rule_is_checked_when_it_is_read(rule: str, reason: str) -> None:
    with pytest.raises(BadLayer, match=reason):
        read_layer("organization", f"[[rule]]\n{rule}")


@pytest.mark.parametrize("name", shipped())
def test_the_profiles_that_are_shipped_are_layers(name: str) -> None:
    assert read_layer("profile", shipped_profile(name)).values["jurisdiction"] in {"US", "IN"}


def test_a_profile_that_is_not_shipped_is_said() -> None:
    with pytest.raises(BadLayer, match="no profile 'uk-core' is shipped; there are abdm, us-core"):
        shipped_profile("uk-core")
