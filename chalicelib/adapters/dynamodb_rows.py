"""Conversion of the domain's values to rows of the DynamoDB tables, with the attributes that the indexes need.

If an attribute is None, the row is not in the index that uses the attribute."""

from collections.abc import Sequence
from datetime import date, datetime
from zlib import crc32

from chalicelib.adapters import dynamodb_tables as tables
from chalicelib.adapters import json_codec as codec
from chalicelib.domain.account_events import RETENTION, AccountEvent
from chalicelib.domain.audit import AccessEvent, Event
from chalicelib.domain.carriers.received_faxes import ReceivedFax
from chalicelib.domain.certification.rules import needs_attention
from chalicelib.domain.deliveries import Channel, Delivery, DeliveryStatus, MessageType
from chalicelib.domain.delivery_attempts import waits_to_retry
from chalicelib.domain.documents import Document, Sealing
from chalicelib.domain.expiring_records import Secret
from chalicelib.domain.practices import Practice
from chalicelib.domain.providers import Provider
from chalicelib.domain.status import is_decidable, is_open, is_past
from chalicelib.domain.timestamps import epoch_seconds, to_text
from chalicelib.services.transaction import Claim, OutboxRow, RequestRecord

SHARDS: Sequence[str] = tuple(str(number) for number in range(4))

UNTIMED = "untimed-"
"""The prefix that separates documents whose seal still lacks a timestamp from unsealed documents, in one index."""

WAITING = "waiting-"
"""The prefix that separates webhooks that wait for a retry from held webhooks (without an endpoint), in one index.

The prefix precedes the practice's id, or the channel of faxes and emails that wait (`waiting_key`)."""


def shard(row_id: str) -> str:
    """Return the partition key, `0` to `3`, of a row in an index of all practices' rows, from a hash of the row's id.

    One partition alone would limit the speed of writes."""
    return SHARDS[crc32(row_id.encode()) % len(SHARDS)]


ATTENTION = "attention-"
"""The prefix that separates a practice's worklist from the lists of providers, in two indexes.

The prefix precedes the practice's id."""


def document_row(document: Document) -> tables.DocumentRow:
    worklist = attention_key(document.practice_id) if needs_attention(document) else None
    due_key = f"{document.due_on.isoformat()}#{_sorted_by(document.sent_at, document.id)}"
    # A pending document is free in the index of past documents, and any other document in that of pending documents.
    without_decision = due_key if worklist else None
    return tables.DocumentRow(
        id=document.id,
        version=document.version,
        record=codec.dump(document),
        status=document.status.value,
        practice_all=document.practice_id,
        practice_unsigned=document.practice_id if is_open(document.status) else None,
        provider_pending=document.provider_id if is_decidable(document.status) else worklist,
        provider_past=document.provider_id if is_past(document.status) else worklist,
        unsealed=_unsealed(document),
        sent_key=_sorted_by(document.sent_at, document.id),
        due_key=due_key,
        decided_key=_sorted_by(document.decided_at, document.id) if document.decided_at else without_decision,
        moved=moved_key(document.moved_on, shard(document.id)) if document.moved_on else None,
        follow_up=shard(document.id) if document.follow_up_at else None,
        follow_up_at=to_text(document.follow_up_at) if document.follow_up_at else None,
    )


def attention_key(practice_id: str) -> str:
    """Return the partition key of a practice's worklist: its documents that need the attention of staff.

    The worklist has no index of its own. It uses two indexes of the providers' lists, in which a document has either a
    provider or the practice's worklist. Both parts of the worklist are sorted by the due date, then by the time of
    sending."""
    return ATTENTION + practice_id


def moved_key(day: date, shard: str) -> str:
    """Return the partition key of the index that lists documents by the day (UTC) of their last audit event.

    By this index, the daily job finds the audit trails that grew on a day, to store signed evidence of them."""
    return f"{day.isoformat()}#{shard}"


def _unsealed(document: Document) -> str | None:
    """Return the document's partition key in the index of documents whose PDF is not sealed or not timestamped yet.

    A seal is the portal's digital signature of the whole PDF. The job that runs every minute finds in this index the
    documents with a late seal or a missing timestamp. Return None if the document needs no seal and no timestamp."""
    if document.sealing in (Sealing.IN_PROGRESS, Sealing.DELAYED):
        return shard(document.id)
    return UNTIMED + shard(document.id) if document.timestamp_due else None


def event_row(event: Event) -> tables.EventRow:
    return tables.EventRow(document_id=event.document_id, sequence=event.sequence, record=codec.dump(event))


def access_key(document_id: str) -> str:
    """Return the partition key of a document's access events, which record who read the document.

    They share a table with the audit events, whose key is the document's id. An id never contains a `#`."""
    return f"access#{document_id}"


def access_row(event: AccessEvent) -> tables.EventRow:
    key = access_key(event.document_id)
    return tables.EventRow(document_id=key, sequence=event.sort_key, record=codec.dump(event))


def faxes_key(practice_id: str) -> str:
    """Return the partition key of a practice's received faxes, which share a table with the audit events."""
    return f"faxes#{practice_id}"


def received_fax_row(fax: ReceivedFax) -> tables.EventRow:
    return tables.EventRow(document_id=faxes_key(fax.practice_id), sequence=fax.sort_key, record=codec.dump(fax))


def old_account_key(provider_id: str) -> str:
    """Return the partition key under which earlier releases stored an account's events, in the documents' event table.

    Lists of an account's events still read these rows."""
    return f"account#{provider_id}"


def account_event_row(event: AccountEvent) -> tables.AccountEventRow:
    return tables.AccountEventRow(
        provider_id=event.provider_id,
        sequence=event.sort_key,
        record=codec.dump(event),
        ttl=epoch_seconds(event.at + RETENTION),
    )


def outbox_row(row: OutboxRow) -> tables.OutboxTableRow:
    return tables.OutboxTableRow(id=row.id, created_at=to_text(row.created_at), record=codec.dump(row))


def delivery_row(delivery: Delivery) -> tables.DeliveryRow:
    due = delivery.next_attempt_at
    return tables.DeliveryRow(
        id=delivery.id,
        version=delivery.version,
        record=codec.dump(delivery),
        status=delivery.status.value,
        practice_id=delivery.practice_id,
        practice_failed=delivery.practice_id if delivery.status is DeliveryStatus.FAILED else None,
        practice_held=_held(delivery),
        created_key=_sorted_by(delivery.created_at, delivery.id),
        due_shard=shard(delivery.id) if due else None,
        due_at=to_text(due) if due else None,
        carrier_id=delivery.carrier_id,
    )


def _held(delivery: Delivery) -> str | None:
    """Return the delivery's partition key in an index of waiting messages, or None if the index lacks the delivery.

    The index has two uses. When a practice sets its webhook endpoint again, the portal finds there the webhooks that
    were held (the endpoint was off) or wait for a retry. Before a fax or the announcement of a document is sent, the
    portal finds the others that wait for the same number or email address."""
    if delivery.status is DeliveryStatus.HELD:
        return delivery.practice_id
    is_announcement = delivery.channel is Channel.EMAIL and delivery.type == MessageType.READY
    if (is_announcement or delivery.channel is Channel.FAX) and delivery.status is DeliveryStatus.QUEUED:
        return waiting_key(delivery.channel, delivery.practice_id, delivery.recipient)
    is_waiting = delivery.channel is Channel.WEBHOOK and waits_to_retry(delivery)
    return WAITING + delivery.practice_id if is_waiting else None


def waiting_key(channel: Channel, practice_id: str, recipient: str) -> str:
    """Return the key, in the index of waiting messages, of a practice's faxes or announcements for one recipient."""
    return f"{WAITING}{channel}-{practice_id}-{recipient}"


def provider_row(provider: Provider) -> tables.ProviderRow:
    return tables.ProviderRow(id=provider.id, version=provider.version, record=codec.dump(provider))


def practice_row(practice: Practice) -> tables.PracticeRow:
    return tables.PracticeRow(id=practice.id, version=practice.version, record=codec.dump(practice))


def secret_row(secret: Secret) -> tables.SecretRow:
    return tables.SecretRow(
        id=secret.key,
        version=secret.version,
        record=codec.dump(secret),
        kind=secret.kind.value,
        expires_at=to_text(secret.expires_at),
        ttl=epoch_seconds(secret.expires_at),
    )


def claim_row(claim: Claim) -> tables.ClaimRow:
    return tables.ClaimRow(id=claim.key, owner=claim.owner)


def request_id(practice_id: str, webhook_id: str) -> str:
    return f"{practice_id}#{webhook_id}"


def request_row(request: RequestRecord) -> tables.RequestRow:
    return tables.RequestRow(
        id=request_id(request.practice_id, request.webhook_id),
        record=codec.dump(request),
        ttl=epoch_seconds(request.expires_at),
    )


def _sorted_by(moment: datetime, row_id: str) -> str:
    return f"{to_text(moment)}#{row_id}"
