"""Builds one `Change` for one document: its new state, its events, the messages and jobs that follow.

Every service that changes a document goes through a `Recorder`, so state, audit event and outbox row
always stand in one transaction (DESIGN section 3).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

from chalicelib.domain.audit import DocumentEventType, Event, make_event
from chalicelib.domain.deliveries import Channel, Delivery, DeliveryStatus, MessageType, NoticeKind
from chalicelib.domain.documents import Document
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.domain.practices import Practice
from chalicelib.domain.timestamps import to_text
from chalicelib.services.delivery_rows import delivery_job, delivery_line, new_delivery, staff_notice
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
        self._webhooks: list[tuple[str, DocumentEventType]] = []
        self._jobs: list[Job] = []

    def event(
        self,
        type: DocumentEventType,
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

    def message(self, channel: Channel, type: MessageType, recipient: str, *, shown: bool = True) -> Self:
        """Queues an email or fax to the provider because of the last event; `shown` on the document too.

        What anybody with a link can ask for is not shown: the document's row would grow without end.
        """
        delivery = new_delivery(
            channel,
            type,
            recipient,
            event_id=self._event_id,
            practice_id=self._document.practice_id,
            now=self._now,
            document_id=self._document.id,
            provider_id=self._document.provider_id,
            access=self._document.access,
        )
        self._add(delivery)
        if shown:
            self._document = self._document.with_delivery(delivery_line(delivery, self._now))
        return self

    def notice(self, kind: NoticeKind) -> Self:
        """Tells staff of the last event (`declined`, …: `services/notices.py` has the words)."""
        self._add(
            staff_notice(
                kind,
                event_id=self._event_id,
                practice_id=self._practice.id,
                now=self._now,
                document_id=self._document.id,
            )
        )
        return self

    def job(self, name: JobName) -> Self:
        """Asks the documents function for work on this document because of the last event."""
        self._jobs.append(
            Job(queue=QueueName.DOCUMENTS, name=name, event_id=self._event_id, document_id=self._document.id)
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
        return new_delivery(
            Channel.WEBHOOK,
            type,
            endpoint.url,
            event_id=event_id,
            practice_id=document.practice_id,
            now=self._now,
            document_id=document.id,
            body=json.dumps(body, separators=(",", ":"), ensure_ascii=False),
        )
