"""The errors of the domain and their public codes. `web/http/error_mapping.py` maps the errors to HTTP statuses.

`detail` is a sentence for the person who must act. It never contains patient data or a secret."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class InvalidCode(StrEnum):
    INVALID_REQUEST = "invalid-request"
    INVALID_JSON = "invalid-json"
    ADDRESS_TAKEN = "address-taken"


class ForbiddenCode(StrEnum):
    FORM_EXPIRED = "form-expired"
    FOREIGN_FORM = "foreign-form"


class ConflictCode(StrEnum):
    CONFLICT = "conflict"
    WEBHOOK_ID_USED = "webhook-id-used"
    EXTERNAL_ID_USED = "external-id-used"
    ALREADY_SUPERSEDED = "already-superseded"
    ELECTRONIC_SIGNATURE_OFF = "electronic-signature-off"
    NOT_READY = "not-ready"
    NO_ENDPOINT = "no-endpoint"
    DOCUMENT_APPROVED = "document-approved"
    DOCUMENT_DECLINED = "document-declined"
    DOCUMENT_RECALLED = "document-recalled"
    DOCUMENT_RETURNED = "document-returned"
    DELIVERY_QUEUED = "delivery-queued"
    DELIVERY_SENDING = "delivery-sending"
    DELIVERY_SENT = "delivery-sent"
    DELIVERY_DELIVERED = "delivery-delivered"
    DELIVERY_CANCELLED = "delivery-cancelled"


class GoneCode(StrEnum):
    GONE = "gone"
    LINK_DEAD = "link-dead"
    LOGIN_OVER = "login-over"


class UnprocessableCode(StrEnum):
    UNPROCESSABLE = "unprocessable"
    LINK_OUTDATED = "link-outdated"
    SIGNATURE_FIELD_OFF_PAGE = "signature-field-off-page"
    FAX_NUMBER_CLOSED = "fax-number-closed"
    SUPERSEDES_NOT_FOUND = "supersedes-not-found"
    SUPERSEDES_OTHER_PATIENT = "supersedes-other-patient"
    UPLOAD_NOT_FOUND = "upload-not-found"
    HASH_MISMATCH = "hash-mismatch"
    EMPTY = "empty"
    NOT_A_PDF = "not-a-pdf"
    DAMAGED = "damaged"
    ENCRYPTED = "encrypted"
    NO_PAGES = "no-pages"
    TOO_MANY_PAGES = "too-many-pages"
    TOO_LARGE = "too-large"
    XFA = "xfa"
    PORTFOLIO = "portfolio"
    CERTIFIED_NO_CHANGES = "certified-no-changes"
    CANNOT_BE_SEALED = "cannot-be-sealed"


class CommonCode(StrEnum):
    """The public codes of errors whose class always has the same code. Other classes have several codes."""

    UNAUTHENTICATED = "unauthenticated"
    NOT_FOUND = "not-found"
    TOO_LARGE = "too-large"
    TOO_MANY_REQUESTS = "too-many-requests"
    INTERNAL_ERROR = "internal-error"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True)
class FieldError:
    """An error in one field of a request. `field` is a dotted path such as `data.provider.npi`."""

    field: str
    message: str


Errors = Sequence[FieldError]


class PortalError(Exception):
    """Base class of all refusals. `code` is public and stable: the last part of `type` in a problem+json response."""

    code: StrEnum

    def __init__(self, detail: str, *, code: StrEnum | None = None, errors: Errors = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)
        self.code = code or type(self).code


class Invalid(PortalError):
    """Error for a request with missing or malformed fields."""

    code: InvalidCode = InvalidCode.INVALID_REQUEST

    def __init__(self, detail: str, *, code: InvalidCode | None = None, errors: Errors = ()) -> None:
        super().__init__(detail, code=code, errors=errors)


class NotJson(Invalid):
    """Error for a request body that is not text or not JSON."""

    code = InvalidCode.INVALID_JSON


class Unprocessable(PortalError):
    """Error for a well-formed request that cannot be carried out, such as a PDF that cannot be signed."""

    code: UnprocessableCode = UnprocessableCode.UNPROCESSABLE

    def __init__(self, detail: str, *, code: UnprocessableCode | None = None, errors: Errors = ()) -> None:
        super().__init__(detail, code=code, errors=errors)


class MessageOutdated(Unprocessable):
    """Error for a queued email or fax that is no longer needed. Its delivery becomes cancelled and not failed."""

    code = UnprocessableCode.LINK_OUTDATED


class Unauthenticated(PortalError):
    """Error for a caller whose identity could not be established."""

    code = CommonCode.UNAUTHENTICATED


class Forbidden(PortalError):
    """Error for an authenticated caller who lacks the right to make the request."""

    def __init__(self, detail: str, *, code: ForbiddenCode) -> None:
        super().__init__(detail, code=code)


class NotFound(PortalError):
    """Error for an object that does not exist or that the caller may not see. Both cases give the same response."""

    code = CommonCode.NOT_FOUND


class Conflict(PortalError):
    """Error for a request that contradicts an earlier event, such as a second decision."""

    code: ConflictCode = ConflictCode.CONFLICT

    def __init__(self, detail: str, *, code: ConflictCode | None = None, errors: Errors = ()) -> None:
        super().__init__(detail, code=code, errors=errors)


class Gone(PortalError):
    """Error for a link or code that was already used, has expired or was replaced."""

    code: GoneCode = GoneCode.GONE

    def __init__(self, detail: str, *, code: GoneCode | None = None) -> None:
        super().__init__(detail, code=code)


class TooLarge(PortalError):
    code = CommonCode.TOO_LARGE


class TooManyRequests(PortalError):
    """Error for a caller who must wait. `retry_after` is in whole seconds."""

    code = CommonCode.TOO_MANY_REQUESTS

    def __init__(self, detail: str, *, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Unavailable(PortalError):
    """Error for a service, such as the database, that did not respond. The same request may succeed shortly."""

    code = CommonCode.UNAVAILABLE


class ConcurrentUpdate(Exception):
    """Error for a conditional write that failed because another request changed or created the same row first.

    `parts` names the kinds of rows that failed, such as `document`, `request`, `claim` or `secret`. No user sees this
    error: the service reads the latest state and decides again."""

    def __init__(self, parts: Sequence[str]) -> None:
        super().__init__(", ".join(parts))
        self.parts = tuple(parts)


def invalid_field(name: str, problem: str) -> Invalid:
    """Return the error to raise for one wrong field. Its message is the field's name with the problem.

    An example of a problem is `must be text`."""
    return invalid_fields([FieldError(name, problem)])


def invalid_fields(errors: Errors) -> Invalid:
    """Return the error to raise for several wrong fields. Its message has each field's name with the problem."""
    return Invalid("; ".join(f"{error.field} {error.message}" for error in errors) + ".", errors=errors)
