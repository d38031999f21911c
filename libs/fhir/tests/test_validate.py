import copy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from libs.fhir.findings import MAX_ISSUES
from libs.fhir.outcome import ALL_OK, Issue, operation_outcome
from libs.fhir.tests.corpora import files, resources
from libs.fhir.tests.samples import ALL, ORDER, PATIENT, PRESSURE, REPORT, broken
from libs.fhir.validate import MAX_DEPTH, validate


def changed(sample: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of the sample with `value` at `path` (`name.0.given`); an Ellipsis takes the element out."""
    copied = copy.deepcopy(sample)
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    inner: Any = copied
    for step in steps:
        inner = inner[step]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return copied


@pytest.mark.parametrize("sample", ALL, ids=lambda sample: str(sample["resourceType"]))
def test_a_valid_resource_has_no_issues(sample: dict[str, Any]) -> None:
    assert validate(sample) == []


CASES = [
    # what the JSON may hold
    ("no such element", PATIENT, "name.0.sur", "x", "structure", "Patient.name[0].sur"),
    ("no such underscore element", PATIENT, "_name", [{}], "structure", "Patient.name"),
    ("an empty array", PATIENT, "name", [], "structure", "Patient.name"),
    ("an empty object", PATIENT, "contact.0", {}, "structure", "Patient.contact[0]"),
    ("a null", PATIENT, "active", None, "structure", "Patient.active"),
    ("a null in an array", PATIENT, "name.0.given.1", None, None, ""),  # its extension stands for it
    ("a null that nothing stands for", PATIENT, "name.0.given.0", None,
     "structure", "Patient.name[0].given[0]"),
    ("one where many belong", PATIENT, "name", {"family": "x"}, "structure", "Patient.name"),
    ("many where one belongs", PATIENT, "gender", ["male"], "structure", "Patient.gender"),
    ("a text where an object belongs", PATIENT, "name.0", "x", "structure", "Patient.name[0]"),
    ("a resourceType in an element", PATIENT, "name.0.resourceType", "x",
     "structure", "Patient.name[0].resourceType"),
    # cardinality and choice
    ("a missing element", PRESSURE, "status", ..., "required", "Observation.status"),
    ("a missing choice", ORDER, "medicationCodeableConcept", ..., "required", "MedicationRequest.medication"),
    ("a missing element inside", PATIENT, "link.0.type", ..., "required", "Patient.link[0].type"),
    ("two of a choice", PATIENT, "deceasedDateTime", "2024", "structure", "Patient.deceased"),
    ("an extension of another choice", PATIENT, "_deceasedDateTime", {"id": "a"},
     "structure", "Patient.deceased"),
    ("an extension of the same choice", PATIENT, "_deceasedBoolean", {"id": "a"}, None, ""),
    # primitives
    ("a boolean in quotes", PATIENT, "active", "true", "value", "Patient.active"),
    ("an empty text", PATIENT, "name.0.family", "", "value", "Patient.name[0].family"),
    ("a control character", PATIENT, "name.0.family", "a\x00", "value", "Patient.name[0].family"),
    ("a code with blanks around", PATIENT, "language", " en", "value", "Patient.language"),
    ("no such day", PATIENT, "birthDate", "2023-02-29", "value", "Patient.birthDate"),
    ("a time in a date", PATIENT, "birthDate", "2023-02-28T10:00:00Z", "value", "Patient.birthDate"),
    ("a time without a zone", PRESSURE, "issued", "2024-05-01T10:00:00", "value", "Observation.issued"),
    ("an id with a slash", PATIENT, "id", "a/b", "value", "Patient.id"),
    ("an id of 65 characters", PATIENT, "id", "a" * 65, "value", "Patient.id"),
    ("an id with a line end", PATIENT, "id", "a\n", "value", "Patient.id"),
    ("a uri with a blank", PATIENT, "identifier.0.system", "urn:a b",
     "value", "Patient.identifier[0].system"),
    ("a decimal in quotes", PRESSURE, "component.0.valueQuantity.value", "1.0", "value",
     "Observation.component[0].valueQuantity.value"),
    ("an endless decimal", PRESSURE, "component.0.valueQuantity.value", Decimal("1e999"), "value",
     "Observation.component[0].valueQuantity.value"),
    ("a position of 0", ORDER, "dosageInstruction.0.timing.repeat.frequency", 0, "value",
     "MedicationRequest.dosageInstruction[0].timing.repeat.frequency"),
    ("an integer of 33 bits", ORDER, "dosageInstruction.0.sequence", 1 << 31, "value",
     "MedicationRequest.dosageInstruction[0].sequence"),
    ("true for a number", ORDER, "dosageInstruction.0.sequence", True, "value",
     "MedicationRequest.dosageInstruction[0].sequence"),
    ("a broken base64", REPORT, "presentedForm.0.data", "aGVsbG8",
     "value", "DiagnosticReport.presentedForm[0].data"),
    ("an hour of 25", ORDER, "dosageInstruction.0.timing.repeat.timeOfDay.0", "25:00:00", "value",
     "MedicationRequest.dosageInstruction[0].timing.repeat.timeOfDay[0]"),
    # narrative
    ("a script", PATIENT, "text.div", "<div><script>x</script></div>", "value", "Patient.text.div"),
    ("an event handler", PATIENT, "text.div", '<div><b onclick="x">y</b></div>', "value", "Patient.text.div"),
    ("a script in a link", PATIENT, "text.div", '<div><a href=" JavaScript:x">y</a></div>',
     "value", "Patient.text.div"),
    ("a document type", PATIENT, "text.div", '<!DOCTYPE d [<!ENTITY e "x">]><div>&e;</div>',
     "value", "Patient.text.div"),
    ("an empty narrative", PATIENT, "text.div", "<div> </div>", "value", "Patient.text.div"),
    ("no div", PATIENT, "text.div", "<p>x</p>", "value", "Patient.text.div"),
    ("XHTML that is not closed", PATIENT, "text.div", "<div>x<br></div>", "value", "Patient.text.div"),
    # bindings
    ("no such gender", PATIENT, "gender", "f", "code-invalid", "Patient.gender"),
    ("no such status", PRESSURE, "status", "banana", "code-invalid", "Observation.status"),
    # constraints
    ("an extension with both", PATIENT, "_birthDate.extension.0.extension", [{"url": "a", "valueCode": "b"}],
     "invariant", "Patient.birthDate.extension[0]"),
    ("an extension with neither", PATIENT, "_birthDate.extension.0.valueDateTime", ..., "invariant",
     "Patient.birthDate.extension[0]"),
    ("a period backwards", PRESSURE, "effectivePeriod.end", "2024-04-30",
     "invariant", "Observation.effectivePeriod"),
    ("a period within its precision", PRESSURE, "effectivePeriod.end", "2024-05-01", None, ""),
    ("a value that is also absent", {**PRESSURE, "valueString": "x"}, "dataAbsentReason", {"text": "none"},
     "invariant", "Observation"),
    ("a value in a component of its code", {**PRESSURE, "valueString": "x"}, "code",
     {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]}, "invariant", "Observation"),
    ("a contact without details", PATIENT, "contact.0", {"gender": "male"},
     "invariant", "Patient.contact[0]"),
    ("a unit code without system", PRESSURE, "component.1.valueQuantity.code", "mm[Hg]", "invariant",
     "Observation.component[1].valueQuantity"),
    ("a number without its kind", PATIENT, "telecom.0.system", ..., "invariant", "Patient.telecom[0]"),
    ("a range backwards", ORDER, "dosageInstruction.0.doseAndRate.0.doseRange.low.value", 3, "invariant",
     "MedicationRequest.dosageInstruction[0].doseAndRate[0].doseRange"),
    ("a period without its unit", ORDER, "dosageInstruction.0.timing.repeat.periodUnit", ..., "invariant",
     "MedicationRequest.dosageInstruction[0].timing.repeat"),
    # contained resources and references
    ("nothing contained of this id", REPORT, "result.0.reference", "#c2", "invariant",
     "DiagnosticReport.result[0].reference"),
    ("a contained one in a contained one", REPORT, "contained.0.contained",
     [{"resourceType": "Patient", "id": "x"}],
     "invariant", "DiagnosticReport.contained[0].contained"),
    ("a contained version", REPORT, "contained.0.meta", {"versionId": "1"},
     "invariant", "DiagnosticReport.contained[0]"),
    ("an invalid contained resource", REPORT, "contained.0.status", "x", "code-invalid",
     "DiagnosticReport.contained[0].status"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("sample", "path", "value", "code", "expression"),
    [pytest.param(*case[1:], id=case[0]) for case in CASES],
)
def test_what_is_wrong_is_found_where_it_is(
    sample: dict[str, Any], path: str, value: Any, code: str | None, expression: str
) -> None:
    issues = validate(changed(sample, path, value))

    errors = {(issue.code, issue.expression) for issue in issues if issue.is_error}

    expected = {(code, expression)} if code else set()
    if (code, expression) == ("invariant", "DiagnosticReport.result[0].reference"):
        expected.add(("invariant", "DiagnosticReport.contained[0]"))  # now nothing refers to it
    assert errors == expected


def test_an_issue_says_what_is_wrong_and_not_what_is_there() -> None:
    assert validate(changed(PATIENT, "gender", "secret")) == [
        Issue(
            severity="error",
            code="code-invalid",
            expression="Patient.gender",
            diagnostics="not a code of http://hl7.org/fhir/ValueSet/administrative-gender: "
            "female, male, other, unknown",
        )
    ]


def test_a_reference_to_another_type_is_a_warning() -> None:
    assert validate(changed(PATIENT, "managingOrganization.reference", "Location/1")) == [
        Issue(
            severity="warning",
            code="value",
            expression="Patient.managingOrganization.reference",
            diagnostics="refers to a Location, not to Organization",
        )
    ]


@pytest.mark.parametrize(
    "resource", [{}, {"resourceType": "Wizard"}, {"resourceType": 1}, {"resourceType": "Resource"}]
)
def test_a_type_that_r4_has_not_is_an_error(resource: dict[str, Any]) -> None:
    assert [(issue.code, issue.expression) for issue in validate(resource)] == [
        ("structure", "Resource.resourceType")
    ]


def test_what_is_nested_too_deeply_is_an_error() -> None:
    extension: dict[str, Any] = {"url": "a", "valueCode": "b"}
    for _ in range(900):
        extension = {"url": "a", "extension": [extension]}

    issues = validate({"resourceType": "Patient", "extension": [extension]})

    assert [issue.code for issue in issues] == ["too-long"]
    assert issues[0].expression == "Patient" + ".extension[0]" * MAX_DEPTH


def bundle(kind: str, *entries: dict[str, Any], **facts: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, **({"entry": list(entries)} if entries else {}), **facts}


PUT = {"request": {"method": "PUT", "url": "Patient/p1"}}


@pytest.mark.parametrize(
    ("resource", "keys"),
    [
        pytest.param(bundle("transaction", {"resource": PATIENT, **PUT}), [], id="a transaction"),
        pytest.param(bundle("collection", {"resource": PATIENT}), [], id="a collection"),
        pytest.param(bundle("transaction", {"resource": PATIENT}), ["bdl-3"], id="no request"),
        pytest.param(bundle("collection", {"resource": PATIENT, **PUT}), ["bdl-3"], id="a request"),
        pytest.param(bundle("collection", {"fullUrl": "urn:a"}), ["bdl-5"], id="an entry of nothing"),
        pytest.param(
            bundle("collection", *[{"fullUrl": "urn:a", "resource": PATIENT}] * 2),
            ["bdl-7"],
            id="a url twice",
        ),
        pytest.param(bundle("collection", total=1), ["bdl-1"], id="a total"),
        pytest.param(
            bundle("document", {"resource": PATIENT}),
            ["bdl-9", "bdl-10", "bdl-11"],
            id="no document",
        ),
        pytest.param(bundle("message", {"resource": PATIENT}), ["bdl-12"], id="a message without a header"),
    ],
)
def test_a_bundle_is_what_its_type_says(resource: dict[str, Any], keys: list[str]) -> None:
    assert [issue.diagnostics.partition(":")[0] for issue in validate(resource)] == keys


def test_what_is_wrong_in_a_bundled_resource_is_found_there() -> None:
    issues = validate(bundle("transaction", {"resource": changed(PATIENT, "gender", "f"), **PUT}))

    assert [issue.expression for issue in issues] == ["Bundle.entry[0].resource.gender"]


def test_the_outcome_names_every_issue_or_says_that_all_is_well() -> None:
    issue = Issue("error", "value", "Patient.id", "not a valid id")

    assert operation_outcome([issue]) == {
        "resourceType": "OperationOutcome",
        "issue": [
            {
                "severity": "error",
                "code": "value",
                "diagnostics": "not a valid id",
                "expression": ["Patient.id"],
            }
        ],
    }
    assert validate(operation_outcome([issue, ALL_OK])) == validate(operation_outcome([])) == []


@given(broken())
def test_whatever_its_shape_a_resource_gets_an_answer(resource: dict[str, Any]) -> None:
    assert all(issue.severity in ("error", "warning") for issue in validate(resource))


def test_a_resource_with_countless_warnings_still_shows_its_errors() -> None:
    links = [{"other": {"reference": "Location/1"}, "type": "refer"}] * 1000

    issues = validate({"resourceType": "Patient", "link": links, **{f"x{n}": 1 for n in range(1000)}})

    assert [issue.severity for issue in issues] == ["warning"] * MAX_ISSUES + ["error"] * MAX_ISSUES


def test_past_the_last_error_shown_nothing_is_taken_to_be_of_its_shape() -> None:
    unknown = {f"x{n}": 1 for n in range(MAX_ISSUES)}

    issues = validate(
        {"resourceType": "Condition", **unknown, "clinicalStatus": {"coding": [1, {"system": []}]}}
    )

    assert len(issues) == MAX_ISSUES


EXAMPLES = ("fhir-definitions/us-core-6.1.0-examples", "fhir-definitions/us-core-6.1.0", "synthea")


@pytest.mark.parametrize("path", files(*EXAMPLES))
def test_no_public_example_is_refused(path: Any) -> None:
    assert [issue for resource in resources(path) for issue in validate(resource) if issue.is_error] == []
