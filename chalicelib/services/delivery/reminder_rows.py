"""The rows of reminders: one email (a delivery) for each mailbox and day, about all documents that are due there.

The email is sent some minutes after its row is created, so that it collects the documents of all practices."""

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from chalicelib.domain.deliveries import Channel, Delivery, DeliveryStatus, MessageType
from chalicelib.services.delivery_rows import PORTAL_PRACTICE, new_delivery
from chalicelib.services.ports import Store

COLLECT_FOR = timedelta(minutes=10)
"""The time in which a day's reminder waits for other documents that are due at the same mailbox."""

MAX_DOCUMENTS = 100
"""The most documents that one reminder collects. Others are due on the next working day."""


def add_to_reminder(
    store: Store, document_ids: tuple[str, ...], email: str, provider_id: str | None, *, leaves: datetime, zone: str
) -> Delivery | None:
    """Add documents to the one reminder that a mailbox gets on a day, and return its row (a delivery), to be stored.

    The day is that of `leaves` in the time zone `zone`. The row's id comes from the address and the day, so that a
    mailbox cannot get a second reminder on a day. Return None if that reminder has already left, or is full."""
    new = new_delivery(
        Channel.EMAIL,
        MessageType.REMINDER,
        email,
        event_id=f"reminder-{leaves.astimezone(ZoneInfo(zone)).date()}",
        practice_id=PORTAL_PRACTICE,
        now=leaves,
        provider_id=provider_id,
    )
    stored = store.delivery(new.id)
    if stored is None:
        return replace(new, documents=document_ids, next_attempt_at=leaves + COLLECT_FOR)
    documents = tuple(dict.fromkeys((*stored.documents, *document_ids)))
    is_open = stored.status is DeliveryStatus.QUEUED and not stored.attempts
    if not is_open or len(documents) > MAX_DOCUMENTS:
        return None
    return replace(stored, version=stored.version + 1, documents=documents)
