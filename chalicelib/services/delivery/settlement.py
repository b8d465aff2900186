"""The storing of a delivery's new state (such as *delivered*), in one transaction with its consequences.

The consequences are the delivery's status in its document, an audit event, a webhook to the EMR, and a notice to
staff."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from aws_lambda_powertools import Logger

from chalicelib.domain.audit import DocumentEventType
from chalicelib.domain.certification.facts import TransmissionChannel
from chalicelib.domain.certification.rules import transmit
from chalicelib.domain.deliveries import (
    CHANNELS,
    AttemptStatus,
    Channel,
    Delivery,
    DeliveryStatus,
    MessageType,
    NoticeKind,
)
from chalicelib.domain.documents import Document
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.domain.status import is_decidable
from chalicelib.services.delivery_rows import PORTAL_PRACTICE, delivery_line, notice_about, outbox_row
from chalicelib.services.documents.closed_numbers import is_closed
from chalicelib.services.documents.document_writer import DocumentWriter, record_transmission
from chalicelib.services.documents.recorder import PORTAL
from chalicelib.services.transaction import Change, Job, OutboxRow

logger = Logger(service="portal", child=True)

RACES = frozenset({"delivery", "document"})
"""The kinds of rows that another writer may change first. The caller then reads the rows and decides a second time."""

_EVENTS: Mapping[DeliveryStatus, DocumentEventType] = {
    DeliveryStatus.DELIVERED: DocumentEventType.DELIVERED,
    DeliveryStatus.FAILED: DocumentEventType.DELIVERY_FAILED,
}


class Settlement:
    def __init__(self, writer: DocumentWriter) -> None:
        self._writer = writer

    def settle(self, after: Delivery, now: datetime) -> None:
        """Store the new state of a delivery in one transaction with its consequences for the document, EMR and staff.

        Raises `ConcurrentUpdate` if another writer changed the delivery or the document first."""
        document = None
        is_practices = after.practice_id != PORTAL_PRACTICE
        if after.document_id and is_practices and CHANNELS[after.channel].reaches_provider:
            document = self._writer.store.document(after.document_id)
        self._writer.store.commit(self._on_document(document, after, now) if document else self._alone(after, now))
        if after.channel is Channel.FAX:
            _count_fax(after, now)

    def _alone(self, after: Delivery, now: datetime) -> Change:
        if after.status is not DeliveryStatus.FAILED:
            return Change(at=now, deliveries=(after,))
        if after.type == MessageType.REMINDER:
            jobs = (
                Job(queue=QueueName.DELIVERIES, name=JobName.REMINDER_BOUNCED, event_id=after.id, delivery_id=after.id),
            )
            row = OutboxRow(id=self._writer.ids.new("out"), created_at=now, jobs=jobs)
            return Change(at=now, deliveries=(after,), outbox=(row,))
        if after.channel is not Channel.WEBHOOK:
            return Change(at=now, deliveries=(after,))
        notice = notice_about(after, NoticeKind.WEBHOOK_FAILED, self._writer.ids.new("evt"), now)
        return Change(at=now, deliveries=(after, notice), outbox=(outbox_row(notice),))

    def _on_document(self, document: Document, after: Delivery, now: datetime) -> Change:
        event = _EVENTS.get(after.status) if _is_about_document(after) else None
        updated = self._transmit_by_fax(_update_line(document, after, now), after, now)
        updated = _check_after_bounce(updated, after, now)
        if updated is document and event is None:
            return Change(at=now, deliveries=(after,))
        recorder = self._writer.recorder(updated, self._writer.practice_of(updated), PORTAL, now)
        if event:
            # The EMR and staff are notified only if the address is still current.
            current = after.access == document.access
            facts = {"delivery": after.id, "channel": after.channel, "carrier_id": after.carrier_id}
            recorder.event(event, facts, private={"recipient": after.recipient}, webhook=current)
            if current and after.status is DeliveryStatus.FAILED:
                recorder.notice(NoticeKind.DELIVERY_FAILED)
        change = record_transmission(recorder, document, updated).change()
        return replace(change, deliveries=(after, *change.deliveries))

    def _transmit_by_fax(self, document: Document, after: Delivery, now: datetime) -> Document:
        """Return the document, marked as transmitted if a fax to the present number was confirmed with all pages.

        A fax is `DELIVERED` only after this confirmation. A gateway that accepted the fax confirms nothing. A fax to a
        number that was reported as wrong reached somebody else. A reminder to the provider's own number is not the
        transmission to the number that the clinic stated."""
        is_confirmed = after.channel is Channel.FAX and after.status is DeliveryStatus.DELIVERED
        if not is_confirmed or after.access != document.access or not is_decidable(document.status):
            return document
        is_own = document.follow_up is not None and after.recipient in document.follow_up.own_faxes
        if is_own or is_closed(self._writer.store, document.practice_id, after.recipient):
            return document
        return transmit(document, TransmissionChannel.FAX, now)


def _count_fax(after: Delivery, now: datetime) -> None:
    """Log that a fax was confirmed or has failed. CloudWatch metrics count these log lines (docs/operations.md).

    The line of a confirmed fax has the minutes from the order to send it until the confirmation of all pages."""
    ended = next((attempt for attempt in after.attempts[-1:] if attempt.ended_at == now), None)
    if ended is None:
        return
    if after.status is DeliveryStatus.DELIVERED:
        minutes = round((now - after.created_at) / timedelta(minutes=1), 1)
        logger.info("fax confirmed", extra={"delivery": after.id, "minutes": minutes})
    elif ended.status is AttemptStatus.FAILED:
        logger.warning("fax failed", extra={"delivery": after.id, "reason": ended.reason or "no_reason"})


def _is_about_document(delivery: Delivery) -> bool:
    """Return True if the message announces or carries a document. The EMR needs the result of such a message."""
    return delivery.channel is Channel.FAX or (delivery.channel is Channel.EMAIL and delivery.type == MessageType.READY)


def _check_after_bounce(document: Document, after: Delivery, now: datetime) -> Document:
    """Return the document, marked for a check now if the email that announced the document could not be delivered.

    The follow-up (reminders until it is signed) then faxes the document, and does not wait for day 3."""
    is_bounced = after.status is DeliveryStatus.FAILED and after.type == MessageType.READY
    if not is_bounced or document.follow_up is None or document.follow_up_at is None:
        return document
    return replace(document, follow_up_at=min(now, document.follow_up_at))


def _update_line(document: Document, after: Delivery, now: datetime) -> Document:
    """Return the document with the delivery's new status in the document's list of messages.

    Return the document unchanged if the list does not have the delivery or already has this status."""
    shown = next((line for line in document.deliveries if line.id == after.id), None)
    if shown is None or shown.status == after.status:
        return document
    return document.with_delivery(delivery_line(after, now))
