"""The builder of a document's transaction: the document's new state, its audit events, messages and jobs.

Every service that changes a document uses a `Recorder`, so that state, audit event and outbox row (stored jobs) are
always written in one transaction (DESIGN section 3)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

from chalicelib.domain.audit import DocumentEventType, Event, make_event
from chalicelib.domain.certification.facts import AttentionReason, more_urgent
from chalicelib.domain.certification.rules import certify
from chalicelib.domain.deliveries import ACCOUNT_MESSAGES, Channel, Delivery, DeliveryStatus, MessageType, NoticeKind
from chalicelib.domain.documents import Document
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.domain.practices import Practice
from chalicelib.domain.timestamps import to_text
from chalicelib.services.delivery_rows import PORTAL_PRACTICE, delivery_job, delivery_line, new_delivery, new_webhook
from chalicelib.services.documents.document_resource import document_resource
from chalicelib.services.ports import Ids
from chalicelib.services.transaction import Change, Job, OutboxRow


@dataclass(frozen=True)
class Actor:
    """The cause of an audit event: who acted, with the client address and device if there was a browser.

    `name` is a kind and an opaque id: `provider:prv_…`, `assistant:prv_…`, `practice:prc_…` or `portal`."""

    name: str
    address: str | None = None
    device: str | None = None

    def private(self) -> dict[str, Any]:
        """Return the actor's client address and device, which stay outside the hashed bytes of an audit event."""
        facts = {"address": self.address, "device": self.device}
        return {name: value for name, value in facts.items() if value}


PORTAL = Actor("portal")


class Recorder:
    """A collector of the events, messages and jobs of one document at one time, which become one transaction.

    The caller must commit the result of `change`. The other methods return the recorder, so that calls can be
    chained."""

    def __init__(
        self, document: Document, *, practice: Practice, now: datetime, ids: Ids, portal_url: str, actor: Actor
    ) -> None:
        self._document = document
        self._practice = practice
        self._now = now
        self._ids = ids
        self._portal_url = portal_url
        self._actor = actor
        self._events: list[Event] = []
        self._deliveries: list[Delivery] = []
        self._webhooks: list[tuple[str, DocumentEventType, str]] = []
        self._jobs: list[Job] = []

    def event(
        self,
        type: DocumentEventType,
        data: Mapping[str, Any] | None = None,
        *,
        private: Mapping[str, Any] | None = None,
        webhook: bool = False,
    ) -> Self:
        """Add an audit event to the document. With `webhook`, also queue a webhook of this type to the EMR.

        The webhook's body has the state of the document after all changes of this recorder."""
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
        self._document = replace(self._document, sequence=event.sequence, head=event.hash, moved_on=self._now.date())
        if webhook and self._practice.endpoint is not None:
            self._webhooks.append((event.id, type, self._practice.endpoint.url))
        return self

    def certification(self, before: Document) -> Self:
        """Add an event and a webhook for the EMR if the plan is now certified, or is now certified in another way.

        `before` is the document before the recorder's changes."""
        state, earlier = certify(self._document, self._now), certify(before, self._now)
        if state is None or (earlier is not None and earlier.by is state.by):
            return self
        return self.event(DocumentEventType.CERTIFIED, {"by": state.by, "on": state.on.isoformat()}, webhook=True)

    def attention(self, reason: AttentionReason) -> Self:
        """Mark the document as one that needs staff's attention for this reason, and add an event and a webhook.

        If the document already has a more urgent reason that still holds, its mark does not change."""
        self._document = replace(self._document, attention=more_urgent(self._document.attention, reason))
        return self.event(DocumentEventType.NEEDS_ATTENTION, {"reason": reason}, webhook=True)

    def message(
        self, channel: Channel, type: MessageType, recipient: str, *, shown: bool = True, follows_up: bool = False
    ) -> Self:
        """Queue an email or fax to the provider, with the event that was added last as the message's cause.

        `shown` adds the message to the document's list `deliveries`. A message that anyone with a link can request must
        not be shown, because the document's row would grow without limit. An email about an account is never shown, and
        belongs to no practice. `follows_up` means that the message is a reminder, which the provider may limit to
        certain hours and days."""
        owner: dict[str, Any] = {"provider_id": self._document.provider_id, "access": self._document.access}
        owner["follows_up"] = follows_up
        is_private = type in ACCOUNT_MESSAGES
        if is_private:
            owner["practice_id"] = PORTAL_PRACTICE
        delivery = self._delivery(channel, type, recipient, self._event_id, **owner)
        self._add(delivery)
        if shown and not is_private:
            self._document = self._document.with_delivery(delivery_line(delivery, self._now))
        return self

    def report_to_owner(self, email: str) -> Self:
        """Queue an email about the decision in the last event to an account's owner. No practice sees the email."""
        kind, event_id, access = MessageType.DECIDED_ELSEWHERE, self._event_id, self._document.access
        owner = {"provider_id": self._document.provider_id, "practice_id": PORTAL_PRACTICE}
        self._add(self._delivery(Channel.EMAIL, kind, email, event_id, access=access, **owner))
        return self

    def notice(self, kind: NoticeKind) -> Self:
        """Queue a notice about the last event to the practice's staff."""
        self._add(self._delivery(Channel.NOTICE, kind, self._practice.id, self._event_id))
        return self

    def job(self, name: JobName) -> Self:
        """Queue a background job about this document, such as one that makes its signed PDF.

        The recorder's last event is the cause of the job."""
        self._jobs.append(
            Job(queue=QueueName.DOCUMENTS, name=name, event_id=self._event_id, document_id=self._document.id)
        )
        return self

    def change(self) -> Change:
        """Return the transaction with everything recorded, to be committed. The document's version rises by one."""
        document = replace(self._document, version=self._document.version + 1)
        for event_id, type, url in self._webhooks:
            self._add(self._webhook(document, event_id, type, url))
        return Change(
            at=self._now,
            documents=(document,),
            events=tuple(self._events),
            deliveries=tuple(self._deliveries),
            outbox=(OutboxRow(id=self._event_id, created_at=self._now, jobs=tuple(self._jobs)),) if self._jobs else (),
        )

    @property
    def document(self) -> Document:
        """The document with all changes of this recorder so far."""
        return self._document

    @property
    def _event_id(self) -> str:
        return self._events[-1].id

    def _delivery(self, channel: Channel, type: str, recipient: str, event_id: str, **fields: Any) -> Delivery:
        fields = {"practice_id": self._document.practice_id, "document_id": self._document.id, **fields}
        return new_delivery(channel, type, recipient, event_id=event_id, now=self._now, **fields)

    def _add(self, delivery: Delivery) -> None:
        self._deliveries.append(delivery)
        if delivery.status is DeliveryStatus.QUEUED:
            self._jobs.append(delivery_job(delivery))

    def _webhook(self, document: Document, event_id: str, type: str, url: str) -> Delivery:
        data = document_resource(document, self._portal_url, self._now)
        body = {"type": type, "timestamp": to_text(self._now), "data": data}
        # The webhook is queued even while the endpoint is off, and the attempt then holds it. A webhook that
        # started as held could miss the release by an endpoint that was set again a moment ago.
        text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
        return new_webhook(
            type, url, text, event_id=event_id, practice_id=document.practice_id, now=self._now, document_id=document.id
        )
