"""From domain errors to HTTP: one table, rendered as problem+json (RFC 9457) or as a page."""

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
    """One wrong field. `field` is a path such as `data.provider.npi`."""

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
    """A status and its titles: for an EMR's developer, and for a person at a page."""

    status: int
    title: str
    heading: str


class InternalError(PortalError):
    """Our own mistake. What went wrong is in the log, not in the answer."""

    code = CommonCode.INTERNAL_ERROR


TABLE: Mapping[type[PortalError], ErrorPresentation] = {
    Invalid: ErrorPresentation(400, "Invalid request", "We could not read that"),
    NotJson: ErrorPresentation(400, "Not JSON", "We could not read that"),
    Unauthenticated: ErrorPresentation(401, "Not authenticated", "Please log in"),
    Forbidden: ErrorPresentation(403, "Forbidden", "That did not go through"),
    NotFound: ErrorPresentation(404, "Not found", "Page not found"),
    Conflict: ErrorPresentation(409, "Conflict", "That is no longer possible"),
    Gone: ErrorPresentation(410, "Gone", "This link no longer works"),
    TooLarge: ErrorPresentation(413, "Too large", "That is too large"),
    Unprocessable: ErrorPresentation(422, "Cannot be processed", "That cannot be used"),
    TooManyRequests: ErrorPresentation(429, "Too many requests", "Please wait a moment"),
    InternalError: ErrorPresentation(500, "Internal error", "Something went wrong on our side"),
    Unavailable: ErrorPresentation(503, "Temporarily unavailable", "Please try again in a moment"),
}

DEPENDENCY_FAILED = Unavailable(
    "A service that we depend on did not answer. Nothing is lost: try again in a moment."
)
UNEXPECTED = InternalError("You did nothing wrong. Please try again; if it happens again, contact support.")


def present_error(error: PortalError) -> ErrorPresentation:
    """The row of the nearest class in the table."""
    for kind in type(error).__mro__:
        if kind in TABLE:
            return TABLE[kind]
    raise LookupError(f"{type(error).__name__} is not in the table of errors")


def error_headers(error: PortalError) -> dict[str, str]:
    """What HTTP asks to be said with some statuses."""
    if isinstance(error, TooManyRequests):
        return {"Retry-After": str(error.retry_after)}
    if isinstance(error, Unavailable):
        return {"Retry-After": "5"}
    if isinstance(error, Unauthenticated):
        return {"WWW-Authenticate": "Bearer"}
    return {}


def problem_body(error: PortalError, portal_url: str) -> Problem:
    """Return the error as the body of a problem response.

    The responses of the API gateway in `infrastructure/template.yaml` name their types in the same way.
    """
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
