"""How every error reaches a FHIR client: as an OperationOutcome.

Texts name the fault and the way out, never what a resource or a search value holds.

Source: https://hl7.org/fhir/R4/http.html#Status-Codes, https://hl7.org/fhir/R4/valueset-issue-type.html
"""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from libs.fhir.json import dumps
from libs.fhir.outcome import Issue, Severity, operation_outcome
from libs.http.errors import BadRequest, Handler, RequestError, handlers

FHIR_JSON = "application/fhir+json; charset=utf-8"

_NOT_SUPPORTED = "not-supported"

# FHIR's issue-type by HTTP status; every other status is "invalid".
_CODES = {
    401: "login",
    404: "not-found",
    405: _NOT_SUPPORTED,
    406: _NOT_SUPPORTED,
    409: "conflict",
    410: "deleted",
    412: "conflict",
    413: "too-long",
    415: _NOT_SUPPORTED,
    500: "exception",
    503: "transient",
}


class NotSupported(BadRequest):
    """A correct request for what this server does not do."""


class NotAcceptable(RequestError):
    """The client takes no format that we have."""

    status = 406


class Gone(RequestError):
    """It was there, and was deleted."""

    status = 410


class PreconditionFailed(RequestError):
    """The version in If-Match is not the current one, or a condition meets several resources."""

    status = 412


class Unprocessable(RequestError):
    """The body is JSON, but no valid resource."""

    status = 422

    def __init__(self, issues: Sequence[Issue]) -> None:
        super().__init__("the resource is not valid")
        self.issues = issues


def outcome_response(
    status: int, issues: Sequence[Issue], headers: Mapping[str, str] | None = None
) -> Response:
    """An OperationOutcome as the answer."""
    return Response(dumps(operation_outcome(issues)), status, headers, media_type=FHIR_JSON)


def refusal(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    """The answer that says no, with the issue-type that the status means."""
    return _refusal(status, _CODES.get(status, "invalid"), text, headers)


async def not_supported(request: Request, error: Exception) -> Response:
    assert isinstance(error, NotSupported)  # noqa: S101  # as HANDLERS registers it
    return _refusal(error.status, _NOT_SUPPORTED, str(error), error.headers)


async def unprocessable(request: Request, error: Exception) -> Response:
    assert isinstance(error, Unprocessable)  # noqa: S101
    return outcome_response(error.status, error.issues)


HANDLERS: Mapping[Any, Handler] = {
    **handlers(refusal),
    NotSupported: not_supported,
    Unprocessable: unprocessable,
}


def _refusal(status: int, code: str, text: str, headers: Mapping[str, str] | None) -> Response:
    severity: Severity = "fatal" if status == 500 else "error"
    issue = Issue(severity=severity, code=code, expression="", diagnostics=text)
    return outcome_response(status, [issue], headers)
