from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, NotRequired

from typing_extensions import TypedDict

from chalicelib.domain.errors import (
    CommonCode,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    NotJson,
    PortalError,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    Unprocessable,
)
from chalicelib.services.json_schema import FixedSchema


class ProblemError(TypedDict):
    """One wrong field in a problem response. `field` is a path such as `data.provider.npi`."""

    field: str
    message: str


class Problem(TypedDict):
    """An error as application/problem+json (RFC 9457), plus `code` and the `errors` of single fields."""

    type: Annotated[str, FixedSchema({"type": "string", "format": "uri-reference"})]
    title: str
    status: int
    detail: str
    code: str
    errors: NotRequired[list[ProblemError]]


@dataclass(frozen=True)
class ErrorPresentation:
    """How a kind of error is shown: its HTTP status, its `title` in an API response, and its `heading` on a page."""

    status: int
    title: str
    heading: str


class InternalError(PortalError):
    """Error for a mistake in the portal's own code (status 500). The log has the cause, and the response does not."""

    code = CommonCode.INTERNAL_ERROR


ERROR_TABLE: Mapping[type[PortalError], ErrorPresentation] = {
    Invalid: ErrorPresentation(400, "Invalid request", "We couldn't read that"),
    NotJson: ErrorPresentation(400, "Not JSON", "We couldn't read that"),
    Unauthenticated: ErrorPresentation(401, "Not authenticated", "Please log in"),
    Forbidden: ErrorPresentation(403, "Forbidden", "That didn't go through"),
    NotFound: ErrorPresentation(404, "Not found", "Page not found"),
    Conflict: ErrorPresentation(409, "Conflict", "That's no longer possible"),
    Gone: ErrorPresentation(410, "Gone", "This link no longer works"),
    TooLarge: ErrorPresentation(413, "Too large", "That's too large"),
    Unprocessable: ErrorPresentation(422, "Cannot be processed", "That can't be used"),
    TooManyRequests: ErrorPresentation(429, "Too many requests", "Please wait a moment"),
    InternalError: ErrorPresentation(500, "Internal error", "Something went wrong on our side"),
    Unavailable: ErrorPresentation(503, "Temporarily unavailable", "Please try again in a moment"),
}

DEPENDENCY_FAILED = Unavailable(
    "A service that the portal depends on did not respond. Nothing was lost. Please try again in a moment."
)
UNEXPECTED = InternalError("This wasn't your fault. Please try again. If it happens again, contact support.")


def present_error(error: PortalError) -> ErrorPresentation:
    """Return the HTTP status, title and heading for an error, by its class or its nearest base class in `ERROR_TABLE`.

    Raises `LookupError` if the table has none of these classes."""
    for kind in type(error).__mro__:
        if kind in ERROR_TABLE:
            return ERROR_TABLE[kind]
    raise LookupError(f"{type(error).__name__} is not in the table of errors")


def form_status(error: PortalError) -> int:
    """Return the HTTP status of a page that shows a refused form again: 422 for wrong fields, else as for the error."""
    return 422 if isinstance(error, Invalid) else present_error(error).status


def error_messages(error: PortalError | None) -> dict[str, str]:
    """Return the message of every wrong field by the field's name, for a form. Empty if there is no error."""
    return {item.field: item.message for item in error.errors} if error else {}


def error_headers(error: PortalError) -> dict[str, str]:
    """Return the headers that HTTP requires with some error statuses, such as `Retry-After`."""
    if isinstance(error, TooManyRequests):
        return {"Retry-After": str(error.retry_after)}
    if isinstance(error, Unavailable):
        return {"Retry-After": "5"}
    if isinstance(error, Unauthenticated):
        return {"WWW-Authenticate": "Bearer"}
    return {}


def problem_body(error: PortalError, portal_url: str) -> Problem:
    """Return the JSON body of an API response for an error (application/problem+json).

    API Gateway sends some errors itself. `infrastructure/template.yaml` builds their `type` in the same way."""
    presentation = present_error(error)
    body: Problem = {
        "type": f"{portal_url}/problems/{error.code}",
        "title": presentation.title,
        "status": presentation.status,
        "detail": error.detail,
        "code": error.code,
    }
    if error.errors:
        body["errors"] = [{"field": wrong.field, "message": wrong.message} for wrong in error.errors]
    return body
