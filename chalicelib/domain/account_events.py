"""The trail of an account, for its owner: who logged in or tried to, and what was changed, when, from where.

It is not chained by hash as a document's trail is: nothing is proved by it to others.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from zlib import crc32

RETENTION_YEARS = 6
RETENTION = timedelta(days=RETENTION_YEARS * 366)
"""As long as HIPAA wants records of who did what (45 CFR 164.316(b)(2)): six years."""

LOGGED_INDIVIDUALLY = 20
"""Wrong passwords in a row at an account; beyond, each doubling of their number is told."""


class AccountEventType(StrEnum):
    """What the trail tells. The values that a mail tells of too are the names of those mails."""

    LOGGED_IN = "logged_in"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - a name
    WRONG_SECOND_FACTOR = "wrong_second_factor"
    LOGGED_OUT = "logged_out"
    LOGGED_OUT_EVERYWHERE = "logged_out_everywhere"
    PASSWORD_SET = "password_set"  # noqa: S105 - a name
    PASSWORD_RESET = "password_reset"  # noqa: S105 - a name
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a name
    PASSKEY_ADDED = "passkey_added"
    PASSKEY_REMOVED = "passkey_removed"
    AUTHENTICATOR_ADDED = "authenticator_added"
    AUTHENTICATOR_REMOVED = "authenticator_removed"
    RECOVERY_CODES_MADE = "recovery_codes_made"
    SECOND_FACTOR_RESET = "second_factor_reset"
    SESSIONS_ENDED = "sessions_ended"


BY_SUPPORT = frozenset({AccountEventType.SECOND_FACTOR_RESET, AccountEventType.SESSIONS_ENDED})


@dataclass(frozen=True)
class Origin:
    """Where a request came from: the client's address, and its User-Agent."""

    address: str | None = None
    device: str | None = None


UNKNOWN = Origin()


@dataclass(frozen=True, kw_only=True)
class AccountEvent:
    """One entry. `sort_key` orders the trail and is unique in it: microseconds since 1970, then six digits.

    `method` is how somebody logged in, in words; `tries` how many wrong passwords there were by then.
    """

    provider_id: str
    sort_key: int = field(metadata={"stored_as": "place"})
    type: AccountEventType
    at: datetime
    origin: Origin = UNKNOWN
    method: str | None = None
    tries: int | None = None


def account_event(
    provider_id: str,
    type: AccountEventType,
    at: datetime,
    origin: Origin,
    *,
    unique: str,
    method: str | None = None,
    tries: int | None = None,
) -> AccountEvent:
    """The entry. `unique` tells it from others of the same moment: a random id of what it is about."""
    sort_key = round(at.timestamp() * 1e6) * 10**6 + crc32(f"{type}.{unique}".encode()) % 10**6
    return AccountEvent(
        provider_id=provider_id,
        sort_key=sort_key,
        type=type,
        at=at,
        origin=origin,
        method=method,
        tries=tries,
    )


def is_logged(tries: int) -> bool:
    """Whether this wrong password gets an entry: who guesses on and on must not fill the trail."""
    doublings, rest = divmod(tries, LOGGED_INDIVIDUALLY)
    return tries <= LOGGED_INDIVIDUALLY or (rest == 0 and doublings & (doublings - 1) == 0)
