"""A database transaction as a value: the rows that the store writes together or not at all.

Each versioned row has the version to write. The store requires the version before it, or no row if the
version is 1. If a part fails, nothing is written, and `ConcurrentUpdate` names the parts that failed."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

from chalicelib.domain.account_events import AccountEvent
from chalicelib.domain.audit import Event
from chalicelib.domain.carriers.email_receipts import Receipt
from chalicelib.domain.carriers.fax_mails import FaxMail
from chalicelib.domain.carriers.fax_results import FaxReport
from chalicelib.domain.carriers.received_faxes import ReceivedFax
from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.documents import Document
from chalicelib.domain.expiring_records import Secret
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.domain.practices import Practice
from chalicelib.domain.providers import Provider


@dataclass(frozen=True, kw_only=True)
class Job:
    """A piece of background work for a queue. A job contains ids of rows and no patient data.

    `after` is the place in a list from which a job continues. `receipt` is a report of SES (the email service) on an
    email. Such a report can come before the portal has stored the id of the email, so a job applies the report later.
    `fax_report` is a report of the fax carrier (the service that sends faxes). `fax_mail` is an email with faxes.
    `email` is the address of an account to which its owner stopped or started reminders."""

    queue: QueueName
    name: JobName
    event_id: str
    document_id: str | None = None
    delivery_id: str | None = None
    receipt: Receipt | None = None
    after: str | None = None
    provider_id: str | None = None
    practice_id: str | None = None
    fax_report: FaxReport | None = None
    fax_mail: FaxMail | None = None
    email: str | None = None


@dataclass(frozen=True, kw_only=True)
class OutboxRow:
    """A row with jobs, stored in the same transaction as the change that needs these jobs, so that no job is lost.

    The relay function then puts the jobs on their queues and deletes the row."""

    id: str
    created_at: datetime
    jobs: tuple[Job, ...]


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The reservation of a unique value, such as an email address, for one owner. Any other owner gets a conflict.

    With `replaces`, the claim takes the value from the owner with that id."""

    key: str
    owner: str
    replaces: str | None = None


@dataclass(frozen=True, kw_only=True)
class RequestRecord:
    """A handled event of an EMR with its response, stored so that a repeated `webhook-id` gets the same response."""

    practice_id: str
    webhook_id: str
    body_sha256: str
    status_code: int
    response: Mapping[str, Any] = field(metadata={"stored_as": "answer"})
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class Change:
    """The rows of one transaction: `released`, `spent` and `dropped` rows are deleted, and all others are written.

    `released` are claims that end. `spent` are secrets (such as links or codes) that are used up: the transaction fails
    if one has changed, or has expired at the time `at`. `dropped` secrets are deleted without a condition."""

    at: datetime
    documents: tuple[Document, ...] = ()
    events: tuple[Event, ...] = ()
    account_events: tuple[AccountEvent, ...] = ()
    outbox: tuple[OutboxRow, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    providers: tuple[Provider, ...] = ()
    practices: tuple[Practice, ...] = ()
    claims: tuple[Claim, ...] = ()
    released: tuple[Claim, ...] = ()
    requests: tuple[RequestRecord, ...] = ()
    received_faxes: tuple[ReceivedFax, ...] = ()
    secrets: tuple[Secret, ...] = ()
    spent: tuple[Secret, ...] = ()
    dropped: tuple[Secret, ...] = ()


def merge(first: Change, second: Change) -> Change:
    """Return one transaction with all rows of two changes. The changes must have different rows and the same time."""
    names = [field.name for field in fields(Change) if field.name != "at"]
    return replace(first, **{name: getattr(first, name) + getattr(second, name) for name in names})
