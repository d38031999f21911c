from typing import Any

from libs.fhir.claims import checked, claim_issues, claims, with_claims, without_claims
from libs.fhir.profiles import US_CORE as GUIDE
from libs.fhir.tests.profile_samples import PATIENT, PRESSURE, SODIUM, US_CORE
from libs.fhir.tests.test_validate import changed

OURS = "http://a.example/profile"
PATIENTS = US_CORE + "us-core-patient"


def claiming(resource: dict[str, Any], *profiles: str, **meta: Any) -> dict[str, Any]:
    return resource | {"meta": {**meta, "profile": [*profiles]}}


def test_a_resource_claims_what_it_conforms_to_where_that_is_asked_for() -> None:
    assert with_claims(PATIENT, [GUIDE]) == claiming(PATIENT, PATIENTS)
    assert with_claims(changed(PATIENT, "gender", ...), [GUIDE]) == changed(PATIENT, "gender", ...)
    assert with_claims(PRESSURE, [GUIDE]) == claiming(
        PRESSURE, US_CORE + "us-core-blood-pressure", US_CORE + "us-core-vital-signs"
    )


def test_a_resource_of_no_guide_is_left_alone() -> None:
    assert with_claims(PATIENT, []) is PATIENT


def test_a_claim_that_does_not_hold_goes_whoever_made_it() -> None:
    wrong = claiming(changed(PATIENT, "gender", ...), OURS, PATIENTS, source="urn:a")

    assert with_claims(wrong, []) == claiming(changed(PATIENT, "gender", ...), OURS, source="urn:a")
    assert with_claims(claiming(wrong, PATIENTS), []) == changed(PATIENT, "gender", ...)


def test_a_claim_with_a_version_is_not_made_twice() -> None:
    stated = claiming(PATIENT, PATIENTS + "|6.1.0")

    assert with_claims(stated, [GUIDE]) is stated


def test_claims_of_others_are_kept_in_their_order() -> None:
    assert with_claims(claiming(PATIENT, PATIENTS), [GUIDE], also=[OURS]) == claiming(PATIENT, OURS, PATIENTS)


def test_claims_can_be_taken_off() -> None:
    stated = claiming(PATIENT, OURS, PATIENTS)

    assert claims(stated) == [PATIENTS]
    assert without_claims(stated) == claiming(PATIENT, OURS)
    assert without_claims(claiming(PATIENT, PATIENTS)) == PATIENT


def test_what_keeps_a_candidate_from_a_claim_is_told() -> None:
    resource, found = checked(changed(PATIENT, "gender", ...), [GUIDE])

    assert "meta" not in resource
    assert [issue.expression for issue in found[PATIENTS]] == ["Patient.gender"]


def test_the_claims_in_a_bundle_are_looked_at_where_they_stand() -> None:
    group = changed(SODIUM, "subject.reference", "urn:uuid:1")
    entries: list[dict[str, Any]] = [
        {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Group", "type": "person", "actual": True}},
        {"response": {"status": "200"}},
        {"resource": claiming(group, US_CORE + "us-core-observation-lab", OURS)},
        {"resource": claiming(PATIENT, PATIENTS, OURS)},
    ]

    issues = claim_issues({"resourceType": "Bundle", "type": "batch-response", "entry": entries})

    assert [(issue.severity, issue.expression, issue.diagnostics) for issue in issues] == [
        (
            "error",
            "Bundle.entry[2].resource.subject.reference",
            "us-core-observation-lab: refers to another type than Patient",
        ),
        ("information", "", f"not checked: {OURS} is not known"),
    ]
