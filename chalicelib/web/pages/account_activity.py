"""The activity page: the events of an account in plain language, for its owner only."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from chalice.app import Response

from chalicelib.domain.account_events import (
    BY_SUPPORT,
    LOGGED_INDIVIDUALLY,
    RETENTION_YEARS,
    AccountEvent,
    AccountEventType,
)
from chalicelib.domain.user_agents import describe_device
from chalicelib.services.concurrency import run_concurrently
from chalicelib.services.pagination import decode_number_cursor, encode_cursor
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.responses import render_page

EVENTS_PER_PAGE = 25

_TEXTS: Mapping[AccountEventType, str] = {
    AccountEventType.LOGGED_IN: "Logged in",
    AccountEventType.WRONG_PASSWORD: "Wrong password entered",
    AccountEventType.WRONG_SECOND_FACTOR: "Correct password, but a wrong code",
    AccountEventType.LOGGED_OUT: "Logged out",
    AccountEventType.LOGGED_OUT_EVERYWHERE: "Logged out everywhere",
    AccountEventType.PASSWORD_SET: "Account set up with a password",
    AccountEventType.PASSKEY_SET: "Account set up with a passkey",
    AccountEventType.PASSWORD_RESET: "New password set with a link from an email",
    AccountEventType.PASSWORD_CHANGED: "Password changed",
    AccountEventType.PASSKEY_ADDED: "Passkey added",
    AccountEventType.PASSKEY_REMOVED: "Passkey removed",
    AccountEventType.AUTHENTICATOR_ADDED: "Authenticator app added",
    AccountEventType.AUTHENTICATOR_REMOVED: "Authenticator app removed",
    AccountEventType.RECOVERY_CODES_MADE: "New recovery codes created",
    AccountEventType.EMAIL_ADDED: "Email address added",
    AccountEventType.EMAIL_REMOVED: "Email address removed",
    AccountEventType.SECOND_FACTOR_RESET: "Passkeys, app and recovery codes removed by support",
    AccountEventType.SESSIONS_ENDED: "Logged out everywhere by support",
    AccountEventType.PEOPLE_SEPARATED: "Another person's documents removed by support",
    AccountEventType.NAME_CORRECTED: "Name corrected by support",
    AccountEventType.NAME_CHANGED: "Name corrected",
    AccountEventType.ADDRESS_RELEASED: "Email address removed by support",
    AccountEventType.ACCOUNT_CLOSED: "Account closed by support",
    AccountEventType.MOVE_CANCELLED: "Move to another email address cancelled by support",
    AccountEventType.MOVE_STARTED: "Move to another email address started by support",
    AccountEventType.ASSISTANT_INVITED: "Assistant invited",
    AccountEventType.ASSISTANT_JOINED: "Assistant accepted the invitation",
    AccountEventType.ASSISTANT_REMOVED: "Assistant removed",
    AccountEventType.PROVIDER_ADDED: "Became the assistant of a provider",
    AccountEventType.PROVIDER_LEFT: "Removed as the assistant of a provider",
    AccountEventType.REMINDERS_CHANGED: "Reminders changed",
    AccountEventType.REMINDERS_STOPPED: "Reminder emails stopped",
    AccountEventType.REMINDERS_STARTED: "Reminder emails started again",
    AccountEventType.FAX_CHANGED: "Fax number for reminders changed",
    AccountEventType.FAX_REMOVED: "Fax number for reminders removed",
    AccountEventType.FAX_REPORTED: "Fax number for reminders removed, because it was reported as wrong",
    AccountEventType.ACCOUNT_MOVED: "Moved to another email address, and new password set with the link sent there",
}
_METHODS: Mapping[str, str] = {
    "account password": "with the password",
    "passkey": "with a passkey",
    "account password and passkey": "with the password and a passkey",
    "account password and authenticator code": "with the password and an app code",
    "account password and recovery code": "with the password and a recovery code",
}
_WARNINGS = frozenset({AccountEventType.WRONG_PASSWORD, AccountEventType.WRONG_SECOND_FACTOR})


@dataclass(frozen=True)
class ActivityLine:
    """One event of an account on the activity page: what happened, when and where.

    `place` is the device and the IP address, or empty. `is_trouble` marks a wrong password or code."""

    what: str
    at: datetime
    place: str
    is_trouble: bool


def show_activity(context: RequestContext) -> Response:
    before = decode_number_cursor(context.query.get("after"), "after")
    provider, settings = context.require_provider(), context.services.account_settings
    events, practices = run_concurrently(
        lambda: settings.events(provider.id, limit=EVENTS_PER_PAGE, before=before),
        lambda: settings.practice_names(provider),
    )
    return render_page(
        context,
        "account_activity.html",
        section="account",
        lines=[_line(event) for event in events.items],
        next_after=encode_cursor(events.next_after),
        first=before is None,
        retention_years=RETENTION_YEARS,
        practices=practices,
    )


def _line(event: AccountEvent) -> ActivityLine:
    return ActivityLine(_text(event), event.at, _place(event), event.type in _WARNINGS)


def _text(event: AccountEvent) -> str:
    text = _TEXTS[event.type]
    if event.type is AccountEventType.LOGGED_IN:
        return f"{text} {_METHODS.get(event.method or '', '')}".strip()
    if event.type is AccountEventType.WRONG_PASSWORD and (event.tries or 0) > LOGGED_INDIVIDUALLY:
        return f"{text}, {event.tries} times in a row"
    detail = f": {event.email}" if event.email else ""
    if event.names:
        detail = f": {event.names[0]} is now {event.names[1]}"
    return f"{text}{detail} ({event.operator})" if event.operator else text + detail


def _place(event: AccountEvent) -> str:
    if event.type in BY_SUPPORT:
        return ""
    address = event.origin.address
    known_address = address if address and address != "unknown" else ""
    return ", ".join(part for part in (describe_device(event.origin.device), known_address) if part)
