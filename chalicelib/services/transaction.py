"""One transaction, as a value: what is to be written together or not at all (DESIGN section 3).

Every versioned thing carries the version to be written; the store requires the one before it, or nothing
for version 1. When any part fails, `ConcurrentUpdate` names the parts and nothing was written.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.domain.account_events import AccountEvent
from chalicelib.domain.audit import Event
from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.delivery_receipts import Receipt
from chalicelib.domain.documents import Document
from chalicelib.domain.expiring_records import Secret
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.domain.practices import Practice
from chalicelib.domain.providers import Provider


@dataclass(frozen=True, kw_only=True)
class Job:
    """Work for a queue (`documents` or `deliveries`). It names rows; it carries no patient data.

    `after` is where a job goes on that goes through a list by pages.
    `receipt` is for a carrier's receipt that came before the row knew its carrier's id.
    """

    queue: QueueName
    name: JobName
    event_id: str
    document_id: str | None = None
    delivery_id: str | None = None
    receipt: Receipt | None = None
    after: str | None = None


@dataclass(frozen=True, kw_only=True)
class OutboxRow:
    """Jobs that became due with a change; the relay enqueues them and then deletes the row."""

    id: str
    created_at: datetime
    jobs: tuple[Job, ...]


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A unique thing, e.g. `npi#1234567893`, and its owner. `replaces` is the owner it may oust."""

    key: str
    owner: str
    replaces: str | None = None


@dataclass(frozen=True, kw_only=True)
class RequestRecord:
    """An inbound event that was answered: the same `webhook-id` again gets the same answer."""

    practice_id: str
    webhook_id: str
    body_sha256: str
    status_code: int
    answer: Mapping[str, Any]
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class Change:
    """`spent` secrets are deleted on condition that they still live at `at`; `dropped` ones regardless."""

    at: datetime
    documents: tuple[Document, ...] = ()
    events: tuple[Event, ...] = ()
    account_events: tuple[AccountEvent, ...] = ()
    outbox: tuple[OutboxRow, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    providers: tuple[Provider, ...] = ()
    practices: tuple[Practice, ...] = ()
    claims: tuple[Claim, ...] = ()
    requests: tuple[RequestRecord, ...] = ()
    secrets: tuple[Secret, ...] = ()
    spent: tuple[Secret, ...] = ()
    dropped: tuple[Secret, ...] = ()
