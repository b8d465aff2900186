"""The outgoing messages of a practice: the list, a retry of one message, and a test of the endpoint."""

import json
from dataclasses import replace
from datetime import datetime

from typing_extensions import TypedDict

from chalicelib.domain.audit import DocumentEventType
from chalicelib.domain.deliveries import ACCOUNT_MESSAGES, CHANNELS, Channel, Delivery, DeliveryStatus
from chalicelib.domain.delivery_attempts import queue_again
from chalicelib.domain.errors import Conflict, ConflictCode, NotFound
from chalicelib.domain.practices import Endpoint, Practice
from chalicelib.domain.timestamps import to_text
from chalicelib.services.delivery_rows import delivery_job, delivery_line, new_webhook
from chalicelib.services.documents.document_writer import DocumentWriter
from chalicelib.services.documents.recorder import Actor
from chalicelib.services.json_schema import Timestamp, to_response
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import DeliveryListing, Page
from chalicelib.services.transaction import Change, OutboxRow

RETRYABLE = (DeliveryStatus.FAILED, DeliveryStatus.HELD)
_TEST = "endpoint.test"


class AttemptResource(TypedDict):
    """One attempt to deliver a message."""

    at: Timestamp
    status: str
    detail: str


class DeliveryResource(TypedDict):
    """One message to one recipient. `webhook_id` is the `webhook-id` header of a webhook."""

    id: str
    channel: Channel
    type: str
    recipient: str
    status: DeliveryStatus
    document_id: str | None
    webhook_id: str | None
    created_at: Timestamp
    next_attempt_at: Timestamp | None
    attempts: list[AttemptResource]


def delivery_resource(delivery: Delivery) -> DeliveryResource:
    """Return the message and its attempts as JSON for the EMR (the practice's software)."""
    attempts = [to_response(AttemptResource, attempt) for attempt in delivery.attempts]
    return to_response(DeliveryResource, delivery, webhook_id=delivery.message_id, attempts=attempts)


class PracticeDeliveries:
    def __init__(self, writer: DocumentWriter) -> None:
        self._writer = writer
        self._store = writer.store
        self._ids = writer.ids

    def page(self, practice: Practice, listing: DeliveryListing, *, limit: int, after: str | None) -> Page[Delivery]:
        """Return a page of the messages that the portal sent for the practice, newest first.

        Old emails with a link to an account are left out, because such an email may have gone to an address that the
        practice does not know. A page may therefore have fewer than `limit` messages."""
        page = self._store.deliveries(listing, practice.id, limit=limit, after=after)
        own = tuple(delivery for delivery in page.items if delivery.type not in ACCOUNT_MESSAGES)
        return Page(own, page.next_after)

    def retry(self, practice: Practice, delivery_id: str, actor: Actor, now: datetime) -> Delivery:
        """Queue a failed or held message again, and return its delivery. A webhook has the same bytes and `webhook-id`.

        Raises `NotFound` for an unknown message and for another practice's message, and `Conflict` for a message that
        is not failed or held, or for a webhook without a live endpoint."""
        return retry_on_conflict(
            lambda: self._retry(practice, delivery_id, actor, now), retry_on=frozenset({"delivery", "document"})
        )

    def test_endpoint(self, practice: Practice, now: datetime) -> Delivery:
        """Queue an `endpoint.test` webhook and return its delivery. Raises `Conflict` if no endpoint is switched on."""
        event_id = self._ids.new("evt")
        body = {"type": _TEST, "timestamp": to_text(now), "data": {"practice_id": practice.id}}
        url, text = _live_endpoint(practice).url, json.dumps(body, separators=(",", ":"))
        delivery = new_webhook(_TEST, url, text, event_id=event_id, practice_id=practice.id, now=now)
        self._store.commit(Change(at=now, deliveries=(delivery,), outbox=(self._job(delivery, now),)))
        return delivery

    def _retry(self, practice: Practice, delivery_id: str, actor: Actor, now: datetime) -> Delivery:
        delivery = self._store.delivery(delivery_id)
        if delivery is None or delivery.practice_id != practice.id or delivery.type in ACCOUNT_MESSAGES:
            raise NotFound("There is no such delivery.")
        if delivery.status not in RETRYABLE:
            raise Conflict(
                f"Only a failed or held delivery can be sent again. This delivery is {delivery.status}.",
                code=ConflictCode(f"delivery-{delivery.status}"),
            )
        if delivery.channel is Channel.WEBHOOK:
            delivery = replace(delivery, recipient=_live_endpoint(practice).url)
        queued = queue_again(delivery, now, why="Asked for by the practice.")
        change = self._document_change(practice, queued, actor, now)
        self._store.commit(replace(change, deliveries=(queued,), outbox=(self._job(queued, now),)))
        return queued

    def _document_change(self, practice: Practice, queued: Delivery, actor: Actor, now: datetime) -> Change:
        """Return the database change that shows the retry on the document: the message's new status and an audit event.

        The change is empty if the message has no document or does not go to a provider."""
        document = self._store.document(queued.document_id) if queued.document_id else None
        if document is None or not CHANNELS[queued.channel].reaches_provider:
            return Change(at=now)
        updated = document.with_delivery(delivery_line(queued, now))
        recorder = self._writer.recorder(updated, practice, actor, now)
        return recorder.event(DocumentEventType.DELIVERY_RETRIED, {"delivery": queued.id}).change()

    def _job(self, delivery: Delivery, now: datetime) -> OutboxRow:
        return OutboxRow(id=self._ids.new("out"), created_at=now, jobs=(delivery_job(delivery),))


def _live_endpoint(practice: Practice) -> Endpoint:
    endpoint = practice.live_endpoint
    if endpoint is None:
        raise Conflict(
            "There is no endpoint to send to, or the endpoint is switched off. Set it with PUT /v1/endpoint.",
            code=ConflictCode.NO_ENDPOINT,
        )
    return endpoint
