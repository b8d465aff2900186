"""Emails to providers. Each is composed when it is sent, so that its link or code is fresh.

No subject, sender, link or text of an email contains anything about a patient (FACTS, privacy law).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeVar

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from chalicelib.domain.account_events import AccountEventType
from chalicelib.domain.deliveries import MessageType
from chalicelib.domain.expiring_records import CODE_LIFETIME, LINK_LIFETIME
from chalicelib.services.delivery.message_facts import MessageFacts
from chalicelib.services.delivery.message_sender import PORTAL, MessageSender
from chalicelib.services.delivery.mime import Mail
from chalicelib.services.labels import duration
from chalicelib.services.normalization import display_phone

T = TypeVar("T")


@dataclass(frozen=True)
class Envelope:
    """The subject of an email, and the preview that a mailbox shows beside the subject.

    Both may name `{practice}`, `{change}`, `{link_lifetime}` and `{code_lifetime}`.
    """

    subject: str
    preview: str


_ANNOUNCEMENT = "{practice}: a document is waiting for your signature"
ENVELOPES: Mapping[str, Envelope] = {
    "document_ready": Envelope(_ANNOUNCEMENT, "Review and sign it online, or on paper."),
    "document_ready_by_hand": Envelope(_ANNOUNCEMENT, "Print it, sign it and send it back."),
    "setup": Envelope("Set up your password for Provider Portal", "The link expires in {link_lifetime}."),
    "reset": Envelope("Choose a new password for Provider Portal", "The link expires in {link_lifetime}."),
    "by_hand_code": Envelope("{practice}: your code to open a document", "The code expires in {code_lifetime}."),
    "account_ready": Envelope("Your account on Provider Portal is ready", "Your documents are in one place."),
    "account_changed": Envelope("{change} on Provider Portal", "If this wasn't you, act now."),
}
"""The subject and preview of every email, by the name of its template."""

ACCOUNT_CHANGES: Mapping[str, str] = {
    AccountEventType.PASSKEY_ADDED: "A passkey was added to your account",
    AccountEventType.PASSKEY_REMOVED: "A passkey was removed from your account",
    AccountEventType.AUTHENTICATOR_ADDED: "An authenticator app was added to your account",
    AccountEventType.AUTHENTICATOR_REMOVED: "The authenticator app was removed from your account",
    AccountEventType.RECOVERY_CODES_MADE: "New recovery codes were created for your account",
    AccountEventType.SECOND_FACTOR_RESET: "Support turned off two-step login for your account",
}
"""What the owner reads about a change to an account, by the type of the delivery."""


@dataclass(frozen=True)
class Composed:
    """The template of an email, and the values that only this email needs."""

    template: str
    values: Mapping[str, Any]


class Emails(MessageSender):
    """Sender of the emails to providers."""

    def _compose(self, facts: MessageFacts) -> Mail:
        composers: dict[str, Callable[[MessageFacts], Composed]] = {
            MessageType.READY: self._ready,
            MessageType.SETUP: self._setup,
            MessageType.RESET: self._reset,
            MessageType.CODE: self._by_hand_code,
            AccountEventType.PASSWORD_CHANGED: self._password_changed,
        }
        compose = composers.get(facts.delivery.type, self._other_account_change)
        return self._render(facts, compose(facts))

    def _render(self, facts: MessageFacts, composed: Composed) -> Mail:
        """Return the email as HTML and as plain text."""
        practice = facts.practice
        sender = f"{practice.name} via {PORTAL}" if practice else PORTAL
        values: dict[str, Any] = {
            "practice": practice,
            "phone": display_phone(practice.phone) if practice and practice.phone else None,
            "from_name": sender,
            "support_contact": self._settings.support_contact,
            "forgot_link": f"{self._settings.portal_url}/forgot-password",
            "link_lifetime": duration(LINK_LIFETIME),
            "code_lifetime": duration(CODE_LIFETIME),
            **composed.values,
        }
        names = {**values, "practice": practice.name if practice else PORTAL}
        envelope = ENVELOPES[composed.template]
        subject = envelope.subject.format_map(names)
        values |= {"subject": subject, "preview": envelope.preview.format_map(names)}
        return Mail(
            to=facts.delivery.recipient,
            name=sender,
            subject=subject,
            text=_environment().get_template(f"{composed.template}.txt").render(values),
            html=_environment().get_template(f"{composed.template}.html").render(values),
            reply_to=practice.reply_to if practice else None,
        )

    def _ready(self, facts: MessageFacts) -> Composed:
        document, practice = _required(facts.document), _required(facts.practice)
        fax = display_phone(practice.fax) if practice.fax else None
        values = {"by_hand_link": self._url(f"/by-hand/{document.id}"), "fax": fax}
        if not self._switches.electronic_signature(practice.id):
            return Composed("document_ready_by_hand", values)
        has_account = facts.provider is not None and facts.provider.has_account
        online = {"document_link": self._url(f"/documents/{document.id}"), "has_account": has_account}
        return Composed("document_ready", {**values, **online})

    def _setup(self, facts: MessageFacts) -> Composed:
        document = facts.document
        link = self._url(f"/documents/{document.id}") if document else None
        return Composed("setup", {"setup_link": self._setup_link(facts), "document_link": link})

    def _reset(self, facts: MessageFacts) -> Composed:
        return Composed("reset", {"setup_link": self._setup_link(facts)})

    def _by_hand_code(self, facts: MessageFacts) -> Composed:
        from chalicelib.services.review.hand_codes import create_code

        document = _required(facts.document)
        code = create_code(self._store, document, facts.delivery, facts.now, self._ids)
        return Composed("by_hand_code", {"code": code, "by_hand_link": self._url(f"/by-hand/{document.id}")})

    def _password_changed(self, facts: MessageFacts) -> Composed:
        """Compose the welcome after the first password, or the notice after a later one."""
        provider = facts.provider
        if provider is None or provider.account_since != facts.delivery.created_at:
            return _account_changed(facts, "Your password was changed")
        return Composed("account_ready", {"home_link": self._url("/"), "email": facts.delivery.recipient})

    def _other_account_change(self, facts: MessageFacts) -> Composed:
        return _account_changed(facts, ACCOUNT_CHANGES[facts.delivery.type])

    def _setup_link(self, facts: MessageFacts) -> str:
        token = self._setup_links.create_token(facts.delivery, facts.now)
        return self._url(f"/setup/{token}")


def _account_changed(facts: MessageFacts, change: str) -> Composed:
    return Composed("account_changed", {"change": change, "changed_at": _moment(facts.delivery.created_at)})


def _moment(at: datetime) -> str:
    """Return a time such as `November 23, 2026, at 7:00 PM UTC`. The owner's time zone is not known."""
    utc = at.astimezone(UTC)
    return f"{utc:%B} {utc.day}, {utc.year}, at {utc.hour % 12 or 12}:{utc:%M %p} UTC"


def _required(value: T | None) -> T:
    if value is None:
        raise LookupError("an email about a document that does not exist")
    return value


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("templates", "email"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
