"""The events of an account, which its owner can read: logins, failed logins and changes, with time and origin."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.domain.timestamps import sort_key

RETENTION_YEARS = 6
RETENTION = timedelta(days=RETENTION_YEARS * 366)
"""Six years, the time that HIPAA requires for such records (45 CFR 164.316(b)(2))."""

LOGGED_INDIVIDUALLY = 20
"""The number of wrong passwords in a row of which each becomes an event. After it, only number 40, 80, 160… does."""


class AccountEventType(StrEnum):
    """The type of an account event, such as a login. An email that reports an event to the owner has the event's
    type."""

    LOGGED_IN = "logged_in"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - a name
    WRONG_SECOND_FACTOR = "wrong_second_factor"
    LOGGED_OUT = "logged_out"
    LOGGED_OUT_EVERYWHERE = "logged_out_everywhere"
    PASSWORD_SET = "password_set"  # noqa: S105 - a name
    PASSKEY_SET = "passkey_set"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - a name
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a name
    PASSKEY_ADDED = "passkey_added"
    PASSKEY_REMOVED = "passkey_removed"
    AUTHENTICATOR_ADDED = "authenticator_added"
    AUTHENTICATOR_REMOVED = "authenticator_removed"
    RECOVERY_CODES_MADE = "recovery_codes_made"
    EMAIL_ADDED = "email_added"
    EMAIL_REMOVED = "email_removed"
    SECOND_FACTOR_RESET = "second_factor_reset"
    SESSIONS_ENDED = "sessions_ended"
    PEOPLE_SEPARATED = "people_separated"
    NAME_CHANGED = "name_changed"
    NAME_CORRECTED = "name_corrected"
    ADDRESS_RELEASED = "address_released"
    ACCOUNT_CLOSED = "account_closed"
    MOVE_STARTED = "move_started"
    MOVE_CANCELLED = "move_cancelled"
    ACCOUNT_MOVED = "account_moved"
    ASSISTANT_INVITED = "assistant_invited"
    ASSISTANT_JOINED = "assistant_joined"
    ASSISTANT_REMOVED = "assistant_removed"
    PROVIDER_ADDED = "provider_added"
    PROVIDER_LEFT = "provider_left"
    REMINDERS_CHANGED = "reminders_changed"
    REMINDERS_STOPPED = "reminders_stopped"
    REMINDERS_STARTED = "reminders_started"
    FAX_CHANGED = "fax_changed"
    FAX_REMOVED = "fax_removed"
    FAX_REPORTED = "fax_reported"


BY_SUPPORT = frozenset(
    {
        AccountEventType.SECOND_FACTOR_RESET,
        AccountEventType.SESSIONS_ENDED,
        AccountEventType.PEOPLE_SEPARATED,
        AccountEventType.NAME_CORRECTED,
        AccountEventType.ADDRESS_RELEASED,
        AccountEventType.ACCOUNT_CLOSED,
        AccountEventType.MOVE_STARTED,
        AccountEventType.MOVE_CANCELLED,
    }
)


@dataclass(frozen=True)
class Origin:
    """The origin of a request: the client's IP address and its User-Agent, which the owner sees beside an event."""

    address: str | None = None
    device: str | None = None


UNKNOWN = Origin()


@dataclass(frozen=True, kw_only=True)
class AccountEvent:
    """One event of an account, such as a login, which the owner sees on the page of the account's activity.

    `sort_key` is unique within the account: microseconds since 1970, followed by six digits. `method` describes how the
    owner logged in. `tries` is the number of wrong passwords in a row. `email` is the address that was added or
    removed, the address to which reminders were stopped or started, or an assistant's. `operator` is the name that the
    administrator gave for an action of support. `names` are the account's name before and after its correction."""

    provider_id: str
    sort_key: int = field(metadata={"stored_as": "place"})
    type: AccountEventType
    at: datetime
    origin: Origin = UNKNOWN
    method: str | None = None
    tries: int | None = None
    operator: str | None = None
    email: str | None = None
    names: tuple[str, str] | None = None


def account_event(
    provider_id: str,
    type: AccountEventType,
    at: datetime,
    origin: Origin,
    *,
    unique: str,
    method: str | None = None,
    tries: int | None = None,
    operator: str | None = None,
    email: str | None = None,
    names: tuple[str, str] | None = None,
) -> AccountEvent:
    """Return a new account event for the caller to store. The random id `unique` distinguishes events of one moment."""
    return AccountEvent(
        provider_id=provider_id,
        sort_key=sort_key(at, f"{type}.{unique}"),
        type=type,
        at=at,
        origin=origin,
        method=method,
        tries=tries,
        operator=operator,
        email=email,
        names=names,
    )


def is_logged(tries: int) -> bool:
    """Return True if a wrong password becomes an account event, as the wrong password number `tries` in a row.

    The first 20 do, then only number 40, 80, 160 and so on, because a long attack must not fill the owner's list."""
    doublings, rest = divmod(tries, LOGGED_INDIVIDUALLY)
    return tries <= LOGGED_INDIVIDUALLY or (rest == 0 and doublings & (doublings - 1) == 0)
