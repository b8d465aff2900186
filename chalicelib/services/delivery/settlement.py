"""What follows from a delivery's new state, in one transaction with it: the line on its document, the
event, the webhook to the EMR and the notice to staff.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from chalicelib.domain.deliveries import Channel, Delivery, DeliveryStatus
from chalicelib.domain.documents import Document
from chalicelib.services.delivery_rows import delivery_line, outbox_row, staff_notice
from chalicelib.services.documents.recorder import PORTAL, Recorder
from chalicelib.services.lookups import require_practice
from chalicelib.services.ports import Ids, Store
from chalicelib.services.transaction import Change
from chalicelib.settings import Settings

READY = "ready"
"""The mail that says that a document waits; the others are about codes, links and accounts."""

RACES = frozenset({"delivery", "document"})
"""What `settle` may lose on: read the row again and decide again."""

_EVENTS: Mapping[DeliveryStatus, str] = {
    DeliveryStatus.DELIVERED: "document.delivered",
    DeliveryStatus.FAILED: "document.delivery_failed",
}
_TO_PROVIDER = (Channel.EMAIL, Channel.FAX)


class Parts(Protocol):
    @property
    def store(self) -> Store: ...
    @property
    def ids(self) -> Ids: ...
    @property
    def settings(self) -> Settings: ...


def settle(after: Delivery, parts: Parts, now: datetime) -> None:
    """Store the new state of a delivery and everything that follows. Raises `ConcurrentUpdate`."""
    document = None
    if after.document_id and after.channel in _TO_PROVIDER:
        document = parts.store.document(after.document_id)
    change = _with_document(document, after, parts, now) if document else _alone(after, parts, now)
    parts.store.commit(change)


def is_about_document(delivery: Delivery) -> bool:
    """Whether the message tells of the document or carries it, so that the EMR hears how it fared."""
    return delivery.channel is Channel.FAX or (delivery.channel is Channel.EMAIL and delivery.type == READY)


def _alone(after: Delivery, parts: Parts, now: datetime) -> Change:
    if after.channel is not Channel.WEBHOOK or after.status is not DeliveryStatus.FAILED:
        return Change(at=now, deliveries=(after,))
    told = staff_notice(
        "webhook_failed",
        event_id=parts.ids.new("evt"),
        practice_id=after.practice_id,
        now=now,
        document_id=after.document_id,
    )
    return Change(at=now, deliveries=(after, told), outbox=(outbox_row(told),))


def _with_document(document: Document, after: Delivery, parts: Parts, now: datetime) -> Change:
    event = _EVENTS.get(after.status) if is_about_document(after) else None
    lined = _lined(document, after, now)
    if lined is document and event is None:
        return Change(at=now, deliveries=(after,))
    recorder = Recorder(
        lined,
        practice=require_practice(parts.store, after.practice_id),
        now=now,
        ids=parts.ids,
        portal_url=parts.settings.portal_url,
        actor=PORTAL,
    )
    if event:
        _tell(recorder, event, after, current=after.access == document.access)
    change = recorder.change()
    return replace(change, deliveries=(after, *change.deliveries))


def _tell(recorder: Recorder, event: str, after: Delivery, *, current: bool) -> None:
    """What became of a message to an address since corrected is on record, but no news to the EMR."""
    facts = {"delivery": after.id, "channel": after.channel, "carrier_id": after.carrier_id}
    recorder.event(event, facts, private={"recipient": after.recipient}, webhook=current)
    if current and after.status is DeliveryStatus.FAILED:
        recorder.notice("delivery_failed")


def _lined(document: Document, after: Delivery, now: datetime) -> Document:
    """The document with the delivery's line brought up to date, where it has one and it says otherwise."""
    shown = next((line for line in document.deliveries if line.id == after.id), None)
    if shown is None or shown.status == after.status:
        return document
    return document.with_delivery(delivery_line(after, now))
