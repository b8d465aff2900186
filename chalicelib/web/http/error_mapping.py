"""From domain errors to HTTP: one table, rendered as problem+json (RFC 9457) or as a page."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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


def problem_body(error: PortalError, portal_url: str) -> dict[str, Any]:
    """The problem as RFC 9457 wants it, plus `code` and the `errors` of single fields.

    Its type is named like those of the gateway's own answers in `infrastructure/template.yaml`.
    """
    shown = present_error(error)
    body: dict[str, Any] = {
        "type": f"{portal_url}/problems/{error.code}",
        "title": shown.title,
        "status": shown.status,
        "detail": error.detail,
        "code": error.code,
    }
    if error.errors:
        body["errors"] = [{"field": each.field, "message": each.message} for each in error.errors]
    return body
