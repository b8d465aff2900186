"""What can go wrong, in the domain's words. Nothing here knows of HTTP: `web/errors.py` maps each class.

`detail` is a sentence for the person who must act and never carries patient data or a secret.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class FieldError:
    """One trouble with one field: `field` is a dotted path such as `data.provider.npi`."""

    field: str
    message: str


class PortalError(Exception):
    """Base of every refusal. `code` is stable and public (the last part of the problem's `type`)."""

    code = "error"

    def __init__(self, detail: str, *, errors: Sequence[FieldError] = (), code: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)
        self.code = code or type(self).code


class Invalid(PortalError):
    """The request cannot be understood or breaks a rule of its form."""

    code = "invalid-request"


class NotJson(Invalid):
    """The body is not JSON, or no text at all."""

    code = "invalid-json"


class Unprocessable(PortalError):
    """Well-formed, but it cannot be done: a PDF that cannot be signed, say."""

    code = "unprocessable"


class MessageOutdated(Unprocessable):
    """What waits to be sent is wanted no longer: that cancels it, and is no failure."""

    code = "link-outdated"


class Unauthenticated(PortalError):
    """Who is asking could not be established."""

    code = "unauthenticated"


class Forbidden(PortalError):
    """Known, and not allowed."""

    code = "forbidden"


class NotFound(PortalError):
    """No such thing, or not for this caller: the two are never told apart."""

    code = "not-found"


class Conflict(PortalError):
    """It contradicts what has already happened."""

    code = "conflict"


class Gone(PortalError):
    """A link or code that is spent, expired or replaced."""

    code = "gone"


class TooLarge(PortalError):
    """Over a size limit."""

    code = "too-large"


class TooManyRequests(PortalError):
    """Throttled. `retry_after` is in whole seconds."""

    code = "too-many-requests"

    def __init__(self, detail: str, *, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Unavailable(PortalError):
    """Try again shortly: a dependency did not answer."""

    code = "unavailable"


class ConcurrentUpdate(Exception):
    """A conditional write lost. `parts` names what failed, e.g. `document`, `request`, `claim`, `secret`.

    Never shown: the service re-reads and decides again.
    """

    def __init__(self, parts: Sequence[str]) -> None:
        super().__init__(", ".join(parts))
        self.parts = tuple(parts)
