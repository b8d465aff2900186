"""Builders of a delivery (an outgoing message) and its rows: the job, the outbox row, and the entry on the document."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.account_events import UNKNOWN, AccountEventType, account_event
from chalicelib.domain.deliveries import Channel, Delivery, NoticeKind, delivery_id
from chalicelib.domain.documents import DeliveryLine
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.domain.providers import Provider
from chalicelib.services.transaction import Change, Job, OutboxRow

PORTAL_PRACTICE = "portal"
"""The practice id of a delivery that no practice may see, such as the email about a changed password."""


def new_delivery(
    channel: Channel,
    message_type: str,
    recipient: str,
    *,
    event_id: str,
    practice_id: str,
    now: datetime,
    document_id: str | None = None,
    provider_id: str | None = None,
    access: int = 1,
    follows_up: bool = False,
) -> Delivery:
    """Return the new delivery of an email, fax or notice, queued and due now, for the caller to store.

    The same event, channel, type and recipient always give the same id, so a job that runs twice writes one row. A
    message is cancelled if the document's counter of corrections and recalls has risen above `access`."""
    return Delivery(
        id=delivery_id(event_id, channel, message_type, recipient),
        version=1,
        practice_id=practice_id,
        document_id=document_id,
        event_id=event_id,
        channel=channel,
        type=message_type,
        recipient=recipient,
        created_at=now,
        provider_id=provider_id,
        access=access,
        next_attempt_at=now,
        follows_up=follows_up,
    )


def new_webhook(
    event_type: str,
    url: str,
    body: str,
    *,
    event_id: str,
    practice_id: str,
    now: datetime,
    document_id: str | None = None,
) -> Delivery:
    """Return the new delivery of a webhook, queued and due now, for the caller to store. `body` is its JSON.

    The delivery's id contains the practice and not the URL, because the URL may change."""
    row = new_delivery(
        Channel.WEBHOOK,
        event_type,
        practice_id,
        event_id=event_id,
        practice_id=practice_id,
        now=now,
        document_id=document_id,
    )
    return replace(row, recipient=url, body=body, message_id=event_id)


def account_notice(
    event_id: str, provider: Provider, message_type: str, now: datetime, *, recipient: str | None = None
) -> Delivery:
    """Return an email that no practice may see, about an account, for the caller to store.

    The email informs the owner of a change that somebody else may have made, has the link that moves the account to
    another address, or tells an assistant of the account about the assistance. The email goes to the `recipient`, or
    without one to the account's username."""
    return new_delivery(
        Channel.EMAIL,
        message_type,
        recipient or provider.email or "",
        event_id=event_id,
        practice_id=PORTAL_PRACTICE,
        now=now,
        provider_id=provider.id,
    )


def report_to_owner(event_id: str, provider: Provider, event_type: AccountEventType, now: datetime) -> Change:
    """Return the rows that report a change of an account which its owner did not make: an email and an event."""
    notice = account_notice(event_id, provider, event_type.value, now)
    event = account_event(provider.id, event_type, now, UNKNOWN, unique=event_id)
    return Change(at=now, deliveries=(notice,), account_events=(event,), outbox=(outbox_row(notice),))


def staff_notice(
    kind: NoticeKind, *, event_id: str, practice_id: str, now: datetime, document_id: str | None = None
) -> Delivery:
    """Return a notice to a practice's staff, which SNS sends. An event gives at most one notice of each kind."""
    return new_delivery(
        Channel.NOTICE, kind, practice_id, event_id=event_id, practice_id=practice_id, now=now, document_id=document_id
    )


def notice_about(delivery: Delivery, kind: NoticeKind, event_id: str, now: datetime) -> Delivery:
    """Return a notice to the practice's staff about a delivery, such as a failure. `event_id` is the notice's cause."""
    practice_id, document_id = delivery.practice_id, delivery.document_id
    return staff_notice(kind, event_id=event_id, practice_id=practice_id, now=now, document_id=document_id)


def delivery_job(delivery: Delivery) -> Job:
    return Job(
        queue=QueueName.DELIVERIES,
        name=JobName.DELIVER,
        event_id=delivery.event_id,
        document_id=delivery.document_id,
        delivery_id=delivery.id,
    )


def outbox_row(delivery: Delivery, *others: Delivery) -> OutboxRow:
    """Return the outbox row that queues the jobs of these deliveries, which one event caused. Its id is the event's.

    A transaction stores the row with the deliveries, and the relay then puts the jobs on their queue."""
    jobs = tuple(delivery_job(message) for message in (delivery, *others))
    return OutboxRow(id=delivery.event_id, created_at=delivery.created_at, jobs=jobs)


def delivery_line(delivery: Delivery, at: datetime) -> DeliveryLine:
    """Return the entry that shows a delivery in its document's list. `at` is the time of the delivery's last change."""
    return DeliveryLine(
        id=delivery.id,
        channel=delivery.channel,
        type=delivery.type,
        recipient=delivery.recipient,
        status=delivery.status,
        at=at,
    )
