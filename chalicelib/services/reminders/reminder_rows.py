"""The rows of reminders: one email (a delivery) for each mailbox and day, about all documents that are due there.

The email is sent some minutes after its row is created, so that it collects the documents of all practices."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from chalicelib.domain.deliveries import Channel, Delivery, DeliveryStatus, MessageType
from chalicelib.domain.delivery_attempts import AttemptResult, Verdict
from chalicelib.domain.documents import Document
from chalicelib.domain.follow_up.calendar import Window
from chalicelib.domain.follow_up.progress import FollowUpPlan
from chalicelib.domain.follow_up.schedule import add_choices, message_window
from chalicelib.services.delivery_rows import PORTAL_PRACTICE, new_delivery
from chalicelib.services.ports import Store
from chalicelib.services.transaction import Change

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
        event_id=_event_of(leaves, zone),
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


def hand_over(store: Store, reminder: Delivery, due: Sequence[Document], now: datetime) -> AttemptResult | None:
    """Hand the documents of a late reminder over to the next reminder that one of their providers may get.

    This reminder may be today's. `due` are the late reminder's documents that still wait, one or more. If a reminder of
    today may leave now, because it is afternoon for one of their providers or the hour that the provider chose, do
    nothing and return None. Otherwise the result cancels the late reminder. If the other reminder takes no more
    documents, the late one waits: it is itself the reminder of that day, or another afternoon must come."""
    window = min(_windows(store, due), key=lambda window: window.next_time(now))
    leaves, zone = window.next_time(now), window.zones[0]
    if leaves == now and reminder.event_id == _event_of(now, zone):
        return None
    later = add_to_reminder(
        store, reminder.documents, reminder.recipient, reminder.provider_id, leaves=leaves, zone=zone
    )
    if later is None:
        again = leaves if leaves > now else window.next_time_after_today(now)
        return AttemptResult(
            verdict=Verdict.RETRY, detail="Waits for the afternoon.", tried=False, retry_after=again - now
        )
    store.commit(Change(at=now, deliveries=(later,)))
    return AttemptResult(verdict=Verdict.CANCELLED, detail="The documents are in the reminder of another day.")


def _event_of(leaves: datetime, zone: str) -> str:
    """Return the text that all reminders of one day have as the id of their event, such as `reminder-2026-12-11`.

    A delivery's id comes from its event and recipient, so a mailbox has one reminder a day. The day is that of
    `leaves`, the time at which the reminder may leave, in the time zone `zone`."""
    return f"reminder-{leaves.astimezone(ZoneInfo(zone)).date()}"


def _windows(store: Store, documents: Sequence[Document]) -> list[Window]:
    """Return, for each document, the times at which its provider may be reminded of it. A provider is read once."""
    providers = {provider_id: store.provider(provider_id) for provider_id in {each.provider_id for each in documents}}
    return [
        message_window(document, add_choices(FollowUpPlan(), providers[document.provider_id], document))
        for document in documents
    ]
