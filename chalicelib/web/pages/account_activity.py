"""The trail of an account in plain language, for its owner and nobody else."""

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
from chalicelib.domain.user_agents import in_words
from chalicelib.services.pagination import cursor_of, number_of
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.responses import render_page

SHOWN = 25

_WORDS: Mapping[AccountEventType, str] = {
    AccountEventType.LOGGED_IN: "Logged in",
    AccountEventType.WRONG_PASSWORD: "Wrong password entered",
    AccountEventType.WRONG_SECOND_FACTOR: "Right password, but a wrong code",
    AccountEventType.LOGGED_OUT: "Logged out",
    AccountEventType.LOGGED_OUT_EVERYWHERE: "Logged out everywhere",
    AccountEventType.PASSWORD_SET: "Account set up with a password",
    AccountEventType.PASSWORD_RESET: "New password chosen with a link from an email",
    AccountEventType.PASSWORD_CHANGED: "Password changed",
    AccountEventType.PASSKEY_ADDED: "Passkey added",
    AccountEventType.PASSKEY_REMOVED: "Passkey removed",
    AccountEventType.AUTHENTICATOR_ADDED: "Authenticator app added",
    AccountEventType.AUTHENTICATOR_REMOVED: "Authenticator app removed",
    AccountEventType.RECOVERY_CODES_MADE: "New recovery codes made",
    AccountEventType.SECOND_FACTOR_RESET: "Passkeys, app and recovery codes removed by support",
    AccountEventType.SESSIONS_ENDED: "Logged out everywhere by support",
}
_METHODS: Mapping[str, str] = {
    "account password": "with the password",
    "passkey": "with a passkey",
    "account password and passkey": "with the password and a passkey",
    "account password and authenticator code": "with the password and a code of the app",
    "account password and recovery code": "with the password and a recovery code",
}
_TROUBLE = frozenset({AccountEventType.WRONG_PASSWORD, AccountEventType.WRONG_SECOND_FACTOR})


@dataclass(frozen=True)
class Line:
    """One entry as the page shows it. `place` says from where, in words; empty where that is not known."""

    what: str
    at: datetime
    place: str
    is_trouble: bool


def activity(context: RequestContext) -> Response:
    before = number_of(context.query.get("after"), "after")
    found = context.services.store.account_events(context.require_provider().id, limit=SHOWN, before=before)
    return render_page(
        context,
        "account_activity.html",
        section="account",
        lines=[_line(each) for each in found.items],
        next_after=cursor_of(found.next_after),
        first=before is None,
        retention_years=RETENTION_YEARS,
    )


def _line(event: AccountEvent) -> Line:
    return Line(_what(event), event.at, _place(event), event.type in _TROUBLE)


def _what(event: AccountEvent) -> str:
    words = _WORDS[event.type]
    if event.type is AccountEventType.LOGGED_IN:
        return f"{words} {_METHODS.get(event.method or '', '')}".strip()
    if event.type is AccountEventType.WRONG_PASSWORD and (event.tries or 0) > LOGGED_INDIVIDUALLY:
        return f"{words}, {event.tries} times in a row"
    return words


def _place(event: AccountEvent) -> str:
    if event.type in BY_SUPPORT:
        return ""
    address = event.origin.address
    known = address if address and address != "unknown" else ""
    return ", ".join(part for part in (in_words(event.origin.device), known) if part)
