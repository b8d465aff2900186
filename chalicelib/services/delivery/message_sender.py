"""The common part of the senders of emails and faxes. Emails, and faxes by the email-to-fax gateway, leave by SES."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.deliveries import Channel, Delivery, MessageType
from chalicelib.domain.delivery_attempts import AttemptResult, Verdict
from chalicelib.domain.documents import Document
from chalicelib.domain.follow_up.area_codes import find_time_zones
from chalicelib.domain.follow_up.calendar import OFFICE_HOURS, Window
from chalicelib.domain.follow_up.progress import FollowUpPlan
from chalicelib.domain.follow_up.schedule import add_choices, has_ended
from chalicelib.domain.practices import Practice
from chalicelib.domain.providers import Provider
from chalicelib.domain.status import is_decidable
from chalicelib.services.accounts.setup_links import SetupLinks
from chalicelib.services.delivery.mime import Mail, mime
from chalicelib.services.delivery.recipient_rations import count_message
from chalicelib.services.lookups import require_practice
from chalicelib.services.ports import Clock, Files, Ids, Mailer, PdfFunction, Store, Switches
from chalicelib.settings import Settings

PORTAL = "Provider Portal"

_FROM_PRACTICE = set(MessageType) - {MessageType.RESET, MessageType.NEW_ADDRESS}
_ASKS_FOR_DECISION = {MessageType.READY, MessageType.FAX}
_OUTDATED = "The document was recalled or corrected meanwhile."


@dataclass(frozen=True, kw_only=True)
class MessageFacts:
    """The current data, such as document and provider, from which an email or fax is composed when it is sent.

    A field is None if the message has no such data. `others` are the other documents that the same email announces."""

    delivery: Delivery
    now: datetime
    document: Document | None
    practice: Practice | None
    provider: Provider | None
    others: tuple[Document, ...] = ()

    def require_document(self) -> tuple[Document, Practice]:
        """Return the message's document and practice. Raises `LookupError` if one of them is missing."""
        if self.document is None or self.practice is None:
            raise LookupError("a message about a document that does not exist")
        return self.document, self.practice

    def require_provider(self) -> Provider:
        """Return the message's provider. Raises `LookupError` if there is none."""
        if self.provider is None:
            raise LookupError("a message about a provider who does not exist")
        return self.provider


@dataclass(frozen=True, kw_only=True)
class MessageSender(ABC):
    """Base class of the senders, which compose an email or fax from current data and send it.

    It sends by SES (Amazon's email service). A subclass composes the messages of one channel. Only faxes use `files`
    and `pdf`, and only emails use `setup_links`."""

    store: Store
    files: Files
    pdf: PdfFunction
    mailer: Mailer
    switches: Switches
    clock: Clock
    ids: Ids
    setup_links: SetupLinks
    settings: Settings

    def send(self, delivery: Delivery) -> AttemptResult:
        """Compose the message, send it by SES (Amazon's email service), and return the result.

        A message that is no longer wanted is cancelled, such as the announcement of a document that is decided. A fax
        waits for office hours."""
        facts = look_up(delivery, self.store, self.clock.now())
        reason = cancellation_reason(facts)
        if reason:
            return AttemptResult(verdict=Verdict.CANCELLED, detail=reason)
        postponed = self._postpone(facts)
        return postponed or self._send_email(facts)

    def _send_email(self, facts: MessageFacts) -> AttemptResult:
        """Compose the message, send it by SES, and return the result."""
        delivery = facts.delivery
        count_message(self.store, delivery, facts.now)
        mail = self._compose(facts)
        message_id = f"{delivery.id}.{len(delivery.attempts)}"
        message = mime(mail, sender=self.settings.mail_from, message_id=message_id, now=facts.now)
        carrier_id = self.mailer.send(to=mail.to, message=message)
        return AttemptResult(verdict=Verdict.SENT, detail="Accepted by the email service.", carrier_id=carrier_id)

    def _postpone(self, facts: MessageFacts) -> AttemptResult | None:
        """Return the result of an attempt that must wait for other hours, or None if the message may leave now.

        A fax leaves in the office hours of a working day, in the time zone of its number. If the number has no time
        zone, the practice's zone decides. A reminder by fax leaves at the times that the provider has chosen, if there
        are any. A subclass may postpone other messages. Only the local run sends at any hour."""
        if facts.delivery.channel is not Channel.FAX or self.settings.sends_at_any_hour:
            return None
        wait = _fax_window(facts).next_time(facts.now) - facts.now
        if not wait:
            return None
        # The wait is no failed attempt, so it does not use up the retry schedule.
        return AttemptResult(verdict=Verdict.RETRY, detail="Waits for office hours.", tried=False, retry_after=wait)

    @abstractmethod
    def _compose(self, facts: MessageFacts) -> Mail:
        """Return the email to send. Raises `Unprocessable` if the email cannot be composed from these facts."""

    def _url(self, path: str) -> str:
        return self.settings.portal_url + path


def _fax_window(facts: MessageFacts) -> Window:
    """Return the times at which this fax may leave."""
    document, practice = facts.require_document()
    plan = add_choices(FollowUpPlan(), facts.provider, document)
    if facts.delivery.follows_up and plan.preferences is not None:
        return plan.preferences.window
    zones = find_time_zones(facts.delivery.recipient) or (practice.time_zone,)
    return Window(hours=OFFICE_HOURS, zones=zones)


def look_up(delivery: Delivery, store: Store, now: datetime) -> MessageFacts:
    """Return the current data from which a message is composed.

    The practice is None if the message is about no document, or must not name a practice, such as the email with a link
    to set a new password."""
    provider = store.provider(delivery.provider_id) if delivery.provider_id else None
    document = _document(delivery, provider, store)
    sender = document if delivery.type in _FROM_PRACTICE else None
    return MessageFacts(
        delivery=delivery,
        now=now,
        document=document,
        practice=require_practice(store, sender.practice_id) if sender else None,
        provider=provider,
    )


def cancellation_reason(facts: MessageFacts) -> str | None:
    document, delivery, provider = facts.document, facts.delivery, facts.provider
    if delivery.type == MessageType.SETUP:
        if document is None:
            return _OUTDATED
        return "The provider already has an account." if provider is not None and provider.has_account else None
    if document is not None and document.access != delivery.access:
        return _OUTDATED
    if document is not None and delivery.type in _ASKS_FOR_DECISION and not is_decidable(document.status):
        return "The document was decided meanwhile."
    return _reason_to_cancel_fax(document, facts) if document is not None and delivery.channel is Channel.FAX else None


def _reason_to_cancel_fax(document: Document, facts: MessageFacts) -> str | None:
    if facts.delivery.follows_up and _has_new_number(document, facts):
        return "The provider has changed the fax number meanwhile."
    return "The plan was certified meanwhile." if _was_certified_since(document, facts) else None


def _has_new_number(document: Document, facts: MessageFacts) -> bool:
    """Return True if the provider's own fax number, to which this reminder would go, is not the provider's any more."""
    own_fax = add_choices(FollowUpPlan(), facts.provider, document).own_fax
    return facts.delivery.recipient not in (document.addressee.fax, own_fax)


def _was_certified_since(document: Document, facts: MessageFacts) -> bool:
    """Return True if the plan of care was certified by its transmission after this fax was queued.

    The plan reached its provider in another way, so the fax is not needed. A fax that staff ask for after the
    certification is sent."""
    transmitted_at = document.transmitted_at
    is_later = transmitted_at is not None and transmitted_at > facts.delivery.created_at
    return is_later and has_ended(document, facts.now)


def _document(delivery: Delivery, provider: Provider | None, store: Store) -> Document | None:
    """Return the document that the message is about, or None if there is none.

    A setup email (a link to create an account) was queued for one document. If the practice has recalled that document,
    the email is about another pending document of the same provider, if there is one."""
    if delivery.type == MessageType.SETUP and provider is not None:
        from chalicelib.services.accounts.setup_links import find_document_of_setup_email

        return find_document_of_setup_email(store, delivery, provider)
    return store.document(delivery.document_id) if delivery.document_id else None
