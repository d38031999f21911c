"""What is wrong with a resource or a request, and how FHIR says it: OperationOutcome."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["fatal", "error", "warning", "information"]


@dataclass(frozen=True, slots=True)
class Issue:
    """One finding. `code` is of http://hl7.org/fhir/issue-type."""

    severity: Severity
    code: str
    expression: str  # where, as FHIRPath: Patient.name[0].given[1]; "" for the whole
    diagnostics: str  # never what a resource contains

    @property
    def is_error(self) -> bool:
        return self.severity in ("fatal", "error")


def operation_outcome(issues: Iterable[Issue]) -> dict[str, Any]:
    """The issues as an OperationOutcome; one that says all is well when there are none."""
    found = [_issue(issue) for issue in issues]
    return {"resourceType": "OperationOutcome", "issue": found or [_issue(ALL_OK)]}


def _issue(issue: Issue) -> dict[str, Any]:
    written: dict[str, Any] = {
        "severity": issue.severity,
        "code": issue.code,
        "diagnostics": issue.diagnostics,
    }
    if issue.expression:
        written["expression"] = [issue.expression]
    return written


ALL_OK = Issue("information", "informational", "", "no problems found")
