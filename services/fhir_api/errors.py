"""What can be wrong with a request, and how every error reaches the client: as an OperationOutcome.

Texts name the fault and the way out, never what a resource or a search value holds.

Source: https://hl7.org/fhir/R4/http.html#Status-Codes, https://hl7.org/fhir/R4/valueset-issue-type.html
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from libs.errors import Permanent, Transient, Unavailable
from libs.fhir.json import dumps
from libs.fhir.outcome import Issue, Severity, operation_outcome
from libs.log import get_logger
from libs.store.engine import Conflict

log = get_logger(__name__)

RETRY_AFTER = "2"  # seconds that a client should wait when a dependency is away
FHIR_JSON = "application/fhir+json; charset=utf-8"


class FhirError(Exception):
    """The request gets `status` and an OperationOutcome instead of what it asked for."""

    status = 400
    code = "invalid"  # FHIR's issue-type

    def __init__(self, diagnostics: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(diagnostics)
        self.headers = headers

    @property
    def issues(self) -> Sequence[Issue]:
        return [Issue(severity="error", code=self.code, expression="", diagnostics=str(self))]


class BadRequest(FhirError):
    """The request breaks FHIR's rules for requests."""


class NotSupported(FhirError):
    """A correct request for what this server does not do."""

    code = "not-supported"


class Unauthorized(FhirError):
    """No credential, or one that is not known."""

    status, code = 401, "login"


class NotFound(FhirError):
    """The caller's organization has no such thing."""

    status, code = 404, "not-found"


class NotAcceptable(FhirError):
    """The client takes no format that we have."""

    status, code = 406, "not-supported"


class Gone(FhirError):
    """It was there, and was deleted."""

    status, code = 410, "deleted"


class PreconditionFailed(FhirError):
    """The version in If-Match is not the current one, or a condition meets several resources."""

    status, code = 412, "conflict"


class TooLarge(FhirError):
    """The body exceeds the limit."""

    status, code = 413, "too-long"


class UnsupportedMediaType(FhirError):
    """The body is in a format that we do not read."""

    status, code = 415, "not-supported"


class Unprocessable(FhirError):
    """The body is JSON, but no valid resource."""

    status = 422

    def __init__(self, issues: Sequence[Issue]) -> None:
        super().__init__("the resource is not valid")
        self._issues = issues

    @property
    def issues(self) -> Sequence[Issue]:
        return self._issues


def outcome_response(
    status: int, issues: Sequence[Issue], headers: Mapping[str, str] | None = None
) -> Response:
    """An OperationOutcome as the answer."""
    return Response(dumps(operation_outcome(issues)), status, headers, media_type=FHIR_JSON)


def outcome(code: str, says: str, *, fatal: bool = False) -> bytes:
    """The JSON of an OperationOutcome with one issue."""
    severity: Severity = "fatal" if fatal else "error"
    return dumps(operation_outcome([Issue(severity=severity, code=code, expression="", diagnostics=says)]))


def internal_error() -> Response:
    """The answer to a failure of our own: it says nothing of what went wrong inside."""
    return _refusal(500, "exception", "the server failed; its log has the cause under this X-Request-Id")


async def fhir_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, FhirError)  # noqa: S101  # as HANDLERS registers it
    return outcome_response(error.status, error.issues, error.headers)


async def http_error(request: Request, error: Exception) -> Response:
    """What the router itself refuses: a path or a method that no route has."""
    assert isinstance(error, HTTPException)  # noqa: S101
    if error.status_code == 405:
        text = f"{request.method} is not supported here"
        return _refusal(405, "not-supported", text, error.headers)
    code = "not-found" if error.status_code == 404 else "invalid"
    text = "no such path" if error.status_code == 404 else error.detail
    return _refusal(error.status_code, code, text, error.headers)


async def unavailable(request: Request, error: Exception) -> Response:
    log.error("dependency away", cause=type(error).__name__)
    text = "a dependency of the server is away; try again"
    return _refusal(503, "transient", text, {"Retry-After": RETRY_AFTER})


async def conflict(request: Request, error: Exception) -> Response:
    return _refusal(409, "conflict", "another request changed the same resource at the same time; try again")


async def refused_by_the_store(request: Request, error: Exception) -> Response:
    return _refusal(400, "invalid", str(error))


Handler = Callable[[Request, Exception], Awaitable[Response]]

HANDLERS: Mapping[Any, Handler] = {
    FhirError: fhir_error,
    HTTPException: http_error,
    Unavailable: unavailable,
    Conflict: conflict,
    Transient: unavailable,
    Permanent: refused_by_the_store,
}


def _refusal(status: int, code: str, text: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(outcome(code, text, fatal=status == 500), status, headers, media_type=FHIR_JSON)
