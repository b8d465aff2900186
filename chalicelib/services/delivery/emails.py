"""Emails to providers: composed at the moment of sending, so that a link or code in one is fresh.

None says anything of the patient, not by subject, sender, link or wording (FACTS, privacy law).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Protocol, TypeVar

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.delivery_attempts import AttemptResult, Verdict
from chalicelib.domain.documents import Document
from chalicelib.domain.practices import Practice
from chalicelib.domain.providers import Provider
from chalicelib.domain.status import is_decidable
from chalicelib.services.delivery.mime import Mail, mime
from chalicelib.services.delivery.settlement import READY
from chalicelib.services.lookups import require_practice
from chalicelib.services.normalization import display_phone
from chalicelib.services.ports import Clock, Ids, Mailer, Store, Switches
from chalicelib.settings import Settings

T = TypeVar("T")
PORTAL = "Provider Portal"


class Parts(Protocol):
    @property
    def store(self) -> Store: ...
    @property
    def mailer(self) -> Mailer: ...
    @property
    def switches(self) -> Switches: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def ids(self) -> Ids: ...
    @property
    def settings(self) -> Settings: ...


@dataclass(frozen=True, kw_only=True)
class About:
    """What a mail is about, as it is now; an account's own mails have neither document nor practice."""

    delivery: Delivery
    now: datetime
    document: Document | None
    practice: Practice | None
    provider: Provider | None

    @property
    def of(self) -> str:
        """Whom the mail is from, in its subject."""
        return self.practice.name if self.practice else PORTAL


ACCOUNT_CHANGES: Mapping[str, str] = {
    "passkey_added": "A passkey was added to your account",
    "passkey_removed": "A passkey was removed from your account",
    "authenticator_added": "An authenticator app was added to your account",
    "authenticator_removed": "The authenticator app was removed from your account",
    "recovery_codes_made": "New recovery codes were made for your account",
    "second_factor_reset": "The second factor of your account was removed by support",
}
"""What the owner is told, by the delivery's type."""


@dataclass(frozen=True, kw_only=True)
class Composed:
    """Which template, under which subject, with what besides the usual."""

    template: str
    subject: str
    preview: str
    values: Mapping[str, Any]


def send(delivery: Delivery, parts: Parts) -> AttemptResult:
    """Composes the mail and hands it to SES; cancels what has been overtaken by events."""
    about = look_up(delivery, parts)
    overtaken = why_not(about)
    if overtaken:
        return AttemptResult(verdict=Verdict.CANCELLED, detail=overtaken)
    composed = _KINDS[delivery.type](about, parts)
    message = mime(
        rendered(about, composed, parts.settings),
        sender=parts.settings.mail_from,
        message_id=f"{delivery.id}.{len(delivery.attempts)}",
        now=about.now,
    )
    carrier_id = parts.mailer.send(to=delivery.recipient, message=message)
    return AttemptResult(verdict=Verdict.SENT, detail="The mail service took it.", carrier_id=carrier_id)


def look_up(delivery: Delivery, parts: Parts) -> About:
    """Reads what the message is about. A clinic has no part in mails about an account."""
    provider = parts.store.provider(delivery.provider_id) if delivery.provider_id else None
    document = _document(delivery, provider, parts.store)
    by_practice = document is not None and delivery.type not in _ABOUT_ACCOUNT
    return About(
        delivery=delivery,
        now=parts.clock.now(),
        document=document,
        practice=require_practice(parts.store, document.practice_id) if document and by_practice else None,
        provider=provider,
    )


def _document(delivery: Delivery, provider: Provider | None, store: Store) -> Document | None:
    """Its own; a setup mail's may be another, or none."""
    if delivery.type == "setup" and provider is not None:
        from chalicelib.services.accounts.setup_links import document_of_setup_email

        return document_of_setup_email(store, delivery, provider)
    return store.document(delivery.document_id) if delivery.document_id else None


def why_not(about: About) -> str | None:
    """Why the message is not to go out any more; None when it is."""
    document, delivery = about.document, about.delivery
    if _is_outdated(about):
        return "The document was recalled or corrected meanwhile."
    if document is not None and delivery.type in _ABOUT_DECISION and not is_decidable(document.status):
        return "The document was decided meanwhile."
    if delivery.type == "setup" and about.provider is not None and about.provider.has_account:
        return "There is an account already."
    return None


def _is_outdated(about: About) -> bool:
    """A setup mail has no document left then: `document_of_setup_email` has compared."""
    if about.delivery.type == "setup":
        return about.document is None
    return about.document is not None and about.document.access != about.delivery.access


def rendered(about: About, composed: Composed, settings: Settings) -> Mail:
    """The mail, as HTML and as text."""
    practice = about.practice
    values = {
        "subject": composed.subject,
        "preview": composed.preview,
        "practice": practice,
        "phone": display_phone(practice.phone) if practice and practice.phone else None,
        "from_name": sender_name(practice),
        "support_contact": settings.support_contact,
        "forgot_link": f"{settings.portal_url}/forgot-password",
        **composed.values,
    }
    return Mail(
        to=about.delivery.recipient,
        name=sender_name(practice),
        subject=composed.subject,
        text=_environment().get_template(f"{composed.template}.txt").render(values),
        html=_environment().get_template(f"{composed.template}.html").render(values),
        reply_to=practice.reply_to if practice else None,
    )


def sender_name(practice: Practice | None) -> str:
    """As the mailbox shows it: the clinic, which the provider knows."""
    return f"{practice.name} via {PORTAL}" if practice else PORTAL


# The mails


def _ready(about: About, parts: Parts) -> Composed:
    document = _needed(about.document)
    practice = _needed(about.practice)
    on = parts.switches.electronic_signature(practice.id)
    how = "Review and sign it online, or on paper." if on else "Print it, sign it and send it back."
    fax = display_phone(practice.fax) if practice.fax else None
    values = {"by_hand_link": f"{parts.settings.portal_url}/by-hand/{document.id}", "fax": fax}
    if on:
        values["document_link"] = f"{parts.settings.portal_url}/documents/{document.id}"
        has_account = about.provider is not None and about.provider.has_account
        return _composed("ready", _waits(about), how, {**values, "has_account": has_account})
    return _composed("ready_by_hand", _waits(about), how, values)


def _waits(about: About) -> str:
    return f"{about.of}: a document is waiting for your signature"


def _setup(about: About, parts: Parts) -> Composed:
    document = about.document
    link = f"{parts.settings.portal_url}/documents/{document.id}" if document else None
    values = {"setup_link": _secret_link(about, parts), "document_link": link}
    return _composed("setup", "Set up your password for Provider Portal", "Good for 90 minutes.", values)


def _reset(about: About, parts: Parts) -> Composed:
    values = {"setup_link": _secret_link(about, parts)}
    return _composed("reset", "Choose a new password for Provider Portal", "Good for 90 minutes.", values)


def _code(about: About, parts: Parts) -> Composed:
    from chalicelib.services.review.by_hand import create_code

    document = _needed(about.document)
    values = {
        "code": create_code(parts.store, document, about.delivery, about.now, parts.ids),
        "by_hand_link": f"{parts.settings.portal_url}/by-hand/{document.id}",
    }
    return _composed("code", f"{about.of}: your code to open a document", "Good for 10 minutes.", values)


def _password_changed(about: About, parts: Parts) -> Composed:
    """After the first password too: then it welcomes."""
    provider = about.provider
    if provider is None or provider.account_since != about.delivery.created_at:
        return _changed(about, "Your password was changed")
    values = {"home_link": f"{parts.settings.portal_url}/", "email": about.delivery.recipient}
    subject = "Your account on Provider Portal is ready"
    return _composed("account_ready", subject, "Your documents wait in one place.", values)


def _account_changed(about: About, _parts: Parts) -> Composed:
    return _changed(about, ACCOUNT_CHANGES[about.delivery.type])


def _changed(about: About, what: str) -> Composed:
    utc = about.delivery.created_at.astimezone(UTC)
    values = {"what": what, "changed_at": f"{utc:%B} {utc.day}, {utc.year}, at {utc:%H:%M} UTC"}
    return _composed("account_changed", f"{what} on Provider Portal", "If it was not you, act now.", values)


def _composed(template: str, subject: str, preview: str, values: Mapping[str, Any]) -> Composed:
    return Composed(template=template, subject=subject, preview=preview, values=values)


def _secret_link(about: About, parts: Parts) -> str:
    from chalicelib.services.accounts.setup_links import create_link_token

    token = create_link_token(parts.store, about.delivery, about.now, parts.ids)
    return f"{parts.settings.portal_url}/setup/{token}"


def _needed(value: T | None) -> T:
    if value is None:
        raise LookupError("a mail about a document that does not exist")
    return value


_KINDS: Mapping[str, Callable[[About, Parts], Composed]] = {
    READY: _ready,
    "setup": _setup,
    "reset": _reset,
    "code": _code,
    "password_changed": _password_changed,
    **dict.fromkeys(ACCOUNT_CHANGES, _account_changed),
}
_ABOUT_DECISION = {READY, "fax"}
_ABOUT_ACCOUNT = {"reset", "password_changed", *ACCOUNT_CHANGES}


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
