import pytest

from libs.mapping.inbound.config import MappingConfig
from libs.mapping.inbound.layers import BadLayer, configure, read_layer, shipped_profile
from libs.mapping.tests.messages import A01, Json, mapped, only, resources

US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
US = configure(MappingConfig(), [read_layer("profile", shipped_profile("us-core"))])


def profiles(resource: Json) -> list[str]:
    return [one.removeprefix(US_CORE) for one in resource.get("meta", {}).get("profile", [])]


def test_resources_claim_the_profiles_they_conform_to() -> None:
    found = mapped(*A01, config=US)

    assert profiles(only(found, "Patient")) == ["patient"]
    assert profiles(only(found, "AllergyIntolerance")) == ["allergyintolerance"]
    assert profiles(only(found, "Condition")) == ["condition-encounter-diagnosis"]
    assert {entry.claim for entry in found.entries} == {("us-core",)}


def test_nothing_is_claimed_and_nothing_reported_without_a_layer_that_asks_for_it() -> None:
    found = mapped(*A01)

    assert [one for entry in found.entries for one in profiles(entry.resource)] == []
    assert {entry.claim for entry in found.entries} == {()}
    assert "profiles" not in found.report.to_dict()


def test_the_report_counts_claims_and_what_they_fail_for() -> None:
    number = "48213^^^NORTH&2.999.1.1&ISO^MR~9006153318^^^NATIONAL^NI"

    found = mapped(*(line.replace(number, "") for line in A01), config=US)

    assert profiles(resources(found, "Patient")[0]) == []
    report = found.report.to_dict()["profiles"]
    assert report["us-core-patient"] == {"claimed": 0, "lacking": {"Patient.identifier": 1}}
    assert report["us-core-allergyintolerance"] == {"claimed": 1}


def test_a_layer_asks_for_guides_that_are_known() -> None:
    assert configure(MappingConfig(), [read_layer("organization", "profiles = []")]).profiles == ()
    with pytest.raises(BadLayer, match="'ips' is no guide known here; there is us-core"):
        read_layer("organization", 'profiles = ["ips"]')
