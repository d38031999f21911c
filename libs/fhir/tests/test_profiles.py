from typing import Any

import pytest
from hypothesis import given

from libs.fhir.definitions.profile_table import profiles
from libs.fhir.profile_invariants import INVARIANTS, NOT_CHECKED
from libs.fhir.profiles import UnknownProfile, conforms, is_known, profiles_for
from libs.fhir.tests.corpora import files, resources
from libs.fhir.tests.profile_cases import CASES, LABS, PATIENTS, PRESSURES
from libs.fhir.tests.profile_samples import CONFORMING, PATIENT, PRESSURE, SODIUM, US_CORE
from libs.fhir.tests.samples import broken
from libs.fhir.tests.test_validate import changed
from libs.fhir.validate import validate

# Resources of Synthea that claim a profile of an older release of US Core, which they would not have to keep.
OLDER = {US_CORE + "us-core-smokingstatus": "Observation.category"}


def found(resource: dict[str, Any], profile: str) -> list[tuple[str, str]]:
    return [(issue.code, issue.expression) for issue in conforms(resource, US_CORE + profile)]


@pytest.mark.parametrize(("resource", "names"), CONFORMING.values(), ids=CONFORMING.keys())
def test_a_resource_conforms_to_the_profiles_it_is_a_candidate_for(
    resource: dict[str, Any], names: list[str]
) -> None:
    assert profiles_for(resource) == [US_CORE + name for name in names]
    assert validate(resource) == []
    assert [issue for name in names for issue in conforms(resource, US_CORE + name)] == []


@pytest.mark.parametrize(
    ("sample", "path", "value", "profile", "issue"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_what_a_profile_refuses(
    sample: dict[str, Any], path: str, value: Any, profile: str, issue: tuple[str, str] | None
) -> None:
    resource = changed(sample, path, value)

    assert found(resource, profile) == ([issue] if issue else [])


def test_a_panel_of_one_component_lacks_one_and_the_slice_it_is() -> None:
    resource = changed(PRESSURE, "component", [PRESSURE["component"][0]])

    assert found(resource, PRESSURES) == [("required", "Observation.component")] * 2


def test_the_type_of_what_is_referred_to_may_be_told() -> None:
    resource = changed(SODIUM, "subject.reference", "urn:uuid:1")

    assert conforms(resource, US_CORE + LABS, {"urn:uuid:1": "Patient"}) == []
    assert [i.expression for i in conforms(resource, US_CORE + LABS, {"urn:uuid:1": "Group"})] == [
        "Observation.subject.reference"
    ]


def test_a_contained_resource_tells_its_type() -> None:
    resource = changed(SODIUM, "subject.reference", "#g") | {
        "contained": [{"resourceType": "Group", "id": "g"}]
    }

    assert found(resource, LABS) == [("value", "Observation.subject.reference")]


def test_an_issue_says_what_is_allowed_and_never_what_is_there() -> None:
    resource = changed(PATIENT, "extension.1.valueCode", "secret")

    assert [issue.diagnostics for issue in conforms(resource, US_CORE + PATIENTS)] == [
        "not a code of http://hl7.org/fhir/us/core/ValueSet/birthsex: ASKU, F, M, OTH, UNK"
    ]


def test_a_profile_is_of_one_type_and_may_have_a_version() -> None:
    assert conforms(PATIENT, US_CORE + PATIENTS + "|6.1.0") == []
    assert [issue.diagnostics for issue in conforms(PATIENT, US_CORE + LABS)] == [
        "the profile is of Observation"
    ]


def test_a_profile_that_is_not_known_is_said() -> None:
    assert not is_known("http://a.example/profile")
    with pytest.raises(UnknownProfile):
        conforms(PATIENT, "http://a.example/profile")


@given(broken())
def test_what_has_no_shape_of_r4_raises_nothing(resource: dict[str, Any]) -> None:
    for profile, record in profiles().items():
        if record["type"] == resource["resourceType"]:
            conforms(resource, profile)
    profiles_for(resource)


def test_every_constraint_of_the_table_is_checked_or_named_as_one_that_is_not() -> None:
    def keys(rule: dict[str, Any]) -> set[str]:
        inner = [*rule.get("elements", {}).values(), *(one.get("rule", {}) for one in rule.get("slices", ()))]
        return set(rule.get("keys", ())).union(*map(keys, inner))

    stated = set().union(*(keys(record["rule"]) for record in profiles().values()))

    assert stated - {"us-core-6 attachment"} == set(INVARIANTS) - {"us-core-6 attachment"} | NOT_CHECKED


@pytest.mark.parametrize("path", files("fhir-definitions/us-core-6.1.0-examples", "synthea"))
def test_a_published_resource_conforms_to_the_profiles_it_claims(path: Any) -> None:
    refused = []
    for resource in resources(path):
        for profile in resource.get("meta", {}).get("profile", ()):
            if is_known(profile):
                refused += [
                    (profile, issue.expression, issue.diagnostics)
                    for issue in conforms(resource, profile)
                    if OLDER.get(profile) != issue.expression
                ]
                assert profile in profiles_for(resource)

    assert refused == []
