"""The document, practice and provider of an email or fax, and whether the message should still go out."""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.deliveries import Delivery, MessageType
from chalicelib.domain.documents import Document
from chalicelib.domain.practices import Practice
from chalicelib.domain.providers import Provider
from chalicelib.domain.status import is_decidable
from chalicelib.services.lookups import require_practice
from chalicelib.services.ports import Store

_FROM_PRACTICE = {MessageType.READY, MessageType.SETUP, MessageType.CODE, MessageType.FAX}
_ASKS_FOR_DECISION = {MessageType.READY, MessageType.FAX}


@dataclass(frozen=True, kw_only=True)
class MessageFacts:
    """The current facts behind a message. An email about an account has no document and no practice."""

    delivery: Delivery
    now: datetime
    document: Document | None
    practice: Practice | None
    provider: Provider | None


def look_up(delivery: Delivery, store: Store, now: datetime) -> MessageFacts:
    """Read the facts of a message. A practice is not named in emails about an account."""
    provider = store.provider(delivery.provider_id) if delivery.provider_id else None
    document = _document(delivery, provider, store)
    from_practice = document is not None and delivery.type in _FROM_PRACTICE
    return MessageFacts(
        delivery=delivery,
        now=now,
        document=document,
        practice=require_practice(store, document.practice_id) if document and from_practice else None,
        provider=provider,
    )


def cancellation_reason(facts: MessageFacts) -> str | None:
    """Return the reason to cancel the message, or None if the message should go out."""
    document, delivery = facts.document, facts.delivery
    if _is_outdated(facts):
        return "The document was recalled or corrected meanwhile."
    if document is not None and delivery.type in _ASKS_FOR_DECISION and not is_decidable(document.status):
        return "The document was decided meanwhile."
    if delivery.type == MessageType.SETUP and facts.provider is not None and facts.provider.has_account:
        return "The provider already has an account."
    return None


def _document(delivery: Delivery, provider: Provider | None, store: Store) -> Document | None:
    """Return the document of the message. A setup email may be about another document, or none."""
    if delivery.type == MessageType.SETUP and provider is not None:
        from chalicelib.services.accounts.setup_links import find_document_of_setup_email

        return find_document_of_setup_email(store, delivery, provider)
    return store.document(delivery.document_id) if delivery.document_id else None


def _is_outdated(facts: MessageFacts) -> bool:
    """Return True if the document was recalled or corrected after the message was queued."""
    if facts.delivery.type == MessageType.SETUP:
        return facts.document is None
    return facts.document is not None and facts.document.access != facts.delivery.access
