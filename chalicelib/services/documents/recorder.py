"""Builds one `Change` for one document: its new state, its events, the messages and jobs that follow.

Every service that changes a document goes through a `Recorder`, so state, audit event and outbox row
always stand in one transaction (DESIGN section 3).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

from chalicelib.domain.audit import Event, make_event
from chalicelib.domain.deliveries import Channel, Delivery, DeliveryStatus, delivery_id
from chalicelib.domain.documents import DeliveryLine, Document
from chalicelib.domain.practices import Practice
from chalicelib.domain.timestamps import to_text
from chalicelib.services.documents.document_resource import document_resource
from chalicelib.services.ports import Ids
from chalicelib.services.transaction import Change, Job, OutboxRow


@dataclass(frozen=True)
class Actor:
    """Who caused an event: a kind and an opaque id (`provider:prv_…`, `practice:prc_…`, `portal`)."""

    name: str
    address: str | None = None
    device: str | None = None

    def private(self) -> dict[str, Any]:
        """Address and device: personal, so kept outside the hashed bytes."""
        facts = {"address": self.address, "device": self.device}
        return {name: value for name, value in facts.items() if value}


PORTAL = Actor("portal")


class Recorder:
    """Collects what happens to one document at one moment. Use once, then `change()`."""

    def __init__(
        self,
        document: Document,
        *,
        practice: Practice,
        now: datetime,
        ids: Ids,
        portal_url: str,
        actor: Actor,
    ) -> None:
        self._document = document
        self._practice = practice
        self._now = now
        self._ids = ids
        self._portal_url = portal_url
        self._actor = actor
        self._events: list[Event] = []
        self._deliveries: list[Delivery] = []
        self._webhooks: list[tuple[str, str]] = []
        self._jobs: list[Job] = []

    def event(
        self,
        type: str,
        data: Mapping[str, Any] | None = None,
        *,
        private: Mapping[str, Any] | None = None,
        webhook: bool = False,
    ) -> Self:
        """Adds the next event of the chain; `webhook` tells the EMR of it, with the final state as body."""
        event = make_event(
            event_id=self._ids.new("evt"),
            document_id=self._document.id,
            previous_sequence=self._document.sequence,
            previous_hash=self._document.head,
            type=type,
            at=self._now,
            actor=self._actor.name,
            data=data or {},
            private={**self._actor.private(), **(private or {})},
            salt=self._ids.token(),
        )
        self._events.append(event)
        self._document = replace(self._document, sequence=event.sequence, head=event.hash)
        if webhook and self._practice.endpoint is not None:
            self._webhooks.append((event.id, type))
        return self

    def message(self, channel: Channel, type: str, recipient: str, *, shown: bool = True) -> Self:
        """Queues an email or fax to the provider because of the last event; `shown` on the document too.

        What anybody with a link can ask for is not shown: the document's row would grow without end.
        """
        delivery = Delivery(
            id=delivery_id(self._event_id, channel, type, recipient),
            version=1,
            practice_id=self._document.practice_id,
            document_id=self._document.id,
            event_id=self._event_id,
            channel=channel,
            type=type,
            recipient=recipient,
            created_at=self._now,
            provider_id=self._document.provider_id,
            access=self._document.access,
            next_attempt_at=self._now,
        )
        self._add(delivery)
        if shown:
            self._document = self._document.with_delivery(delivery_line(delivery, self._now))
        return self

    def notice(self, kind: str) -> Self:
        """Tells staff of the last event (`declined`, …: `services/notices.py` has the words)."""
        self._add(
            notice(
                kind,
                event_id=self._event_id,
                practice=self._practice,
                at=self._now,
                document_id=self._document.id,
            )
        )
        return self

    def job(self, name: str) -> Self:
        """Asks the documents function for work on this document because of the last event."""
        self._jobs.append(
            Job(queue="documents", name=name, event_id=self._event_id, document_id=self._document.id)
        )
        return self

    def change(self) -> Change:
        """The transaction. The document's version rises by one."""
        document = replace(self._document, version=self._document.version + 1)
        for event_id, type in self._webhooks:
            self._add(self._webhook(document, event_id, type))
        return Change(
            at=self._now,
            documents=(document,),
            events=tuple(self._events),
            deliveries=tuple(self._deliveries),
            outbox=self._outbox(),
        )

    @property
    def _event_id(self) -> str:
        return self._events[-1].id

    def _add(self, delivery: Delivery) -> None:
        self._deliveries.append(delivery)
        if delivery.status is DeliveryStatus.QUEUED:
            self._jobs.append(delivery_job(delivery))

    def _outbox(self) -> tuple[OutboxRow, ...]:
        if not self._jobs:
            return ()
        return (OutboxRow(id=self._event_id, created_at=self._now, jobs=tuple(self._jobs)),)

    def _webhook(self, document: Document, event_id: str, type: str) -> Delivery:
        endpoint = self._practice.endpoint
        if endpoint is None:
            raise ValueError("a webhook for a practice without an endpoint")
        body = {
            "type": type,
            "timestamp": to_text(self._now),
            "data": document_resource(document, self._portal_url),
        }
        # Queued even while the endpoint is off: the attempt holds it then, and looks again after holding.
        # Held here, it could miss the release of an endpoint that was put again a moment ago.
        return Delivery(
            id=delivery_id(event_id, Channel.WEBHOOK, type, document.practice_id),
            version=1,
            practice_id=document.practice_id,
            document_id=document.id,
            event_id=event_id,
            channel=Channel.WEBHOOK,
            type=type,
            recipient=endpoint.url,
            created_at=self._now,
            body=json.dumps(body, separators=(",", ":"), ensure_ascii=False),
            message_id=event_id,
            next_attempt_at=self._now,
        )


def notice(
    kind: str, *, event_id: str, practice: Practice, at: datetime, document_id: str | None = None
) -> Delivery:
    """A message to the practice's staff by the SNS topic: once for each event and kind."""
    return Delivery(
        id=delivery_id(event_id, Channel.NOTICE, kind, practice.id),
        version=1,
        practice_id=practice.id,
        document_id=document_id,
        event_id=event_id,
        channel=Channel.NOTICE,
        type=kind,
        recipient=practice.id,
        created_at=at,
        next_attempt_at=at,
    )


def delivery_job(delivery: Delivery) -> Job:
    """The job that attempts this delivery."""
    return Job(
        queue="deliveries",
        name="deliver",
        event_id=delivery.event_id,
        document_id=delivery.document_id,
        delivery_id=delivery.id,
    )


def outbox_row(delivery: Delivery) -> OutboxRow:
    """What puts that job on its queue, under the id of the event that caused the delivery."""
    return OutboxRow(id=delivery.event_id, created_at=delivery.created_at, jobs=(delivery_job(delivery),))


def delivery_line(delivery: Delivery, at: datetime) -> DeliveryLine:
    """The line that shows this delivery on its document."""
    return DeliveryLine(
        id=delivery.id,
        channel=delivery.channel,
        type=delivery.type,
        recipient=delivery.recipient,
        status=delivery.status,
        at=at,
    )
