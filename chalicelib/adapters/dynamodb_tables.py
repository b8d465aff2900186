"""The DynamoDB tables as PynamoDB models. The attribute `record` of a row holds the whole domain value as JSON.

The other attributes are the key, and copies of some fields for the indexes and for conditions of writes."""

from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.connection import Connection
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model

from chalicelib.settings import Settings

# All tries together stay far below the 29 seconds of API Gateway, unlike with PynamoDB's defaults.
_TIMEOUTS: dict[str, Any] = {"connect_timeout_seconds": 1, "read_timeout_seconds": 3, "max_retry_attempts": 2}


def _index(name: str, hash_key: str, range_key: str | None = None) -> Any:
    """Return a PynamoDB index (global secondary index) that contains only keys of rows.

    A row is in the index while the row has both attributes, `hash_key` and `range_key`."""
    members: dict[str, Any] = {hash_key: UnicodeAttribute(hash_key=True)}
    if range_key is not None:
        members[range_key] = UnicodeAttribute(range_key=True)
    members["Meta"] = type("Meta", (), {"index_name": name, "projection": KeysOnlyProjection()})
    return type(name, (GlobalSecondaryIndex,), members)()


class _RecordRow(Model):
    id = UnicodeAttribute(hash_key=True)
    record = UnicodeAttribute()


class _VersionedRow(_RecordRow):
    version = NumberAttribute()


class DocumentRow(_VersionedRow):
    """A document's row. An optional attribute is set while the document is in the index that uses the attribute.

    `unsealed` is set while the decided document still needs a sealed PDF or its timestamp. `follow_up` is set while the
    job that runs every minute must look at the document at the time `follow_up_at`."""

    class Meta:
        table_name = "documents"

    status = UnicodeAttribute()
    practice_all = UnicodeAttribute()
    practice_unsigned = UnicodeAttribute(null=True)
    provider_pending = UnicodeAttribute(null=True)
    provider_past = UnicodeAttribute(null=True)
    unsealed = UnicodeAttribute(null=True)
    sent_key = UnicodeAttribute()
    due_key = UnicodeAttribute()
    decided_key = UnicodeAttribute(null=True)
    moved = UnicodeAttribute(null=True)
    follow_up = UnicodeAttribute(null=True)
    follow_up_at = UnicodeAttribute(null=True)

    by_practice = _index("practice_all", "practice_all", "sent_key")
    unsigned = _index("practice_unsigned", "practice_unsigned", "sent_key")
    pending = _index("provider_pending", "provider_pending", "due_key")
    past = _index("provider_past", "provider_past", "decided_key")
    unsealed_index = _index("unsealed", "unsealed", "decided_key")
    moved_index = _index("moved", "moved", "sent_key")
    follow_up_index = _index("follow_up", "follow_up", "follow_up_at")


class EventRow(Model):
    """A row of a document's audit event, under the document's id. No row expires.

    Under the hash key `access#…`, the table also has the document's access events, which record who read it. Earlier
    releases also stored account events here, under `account#…`. Under `faxes#…`, the table has the faxes that came in
    to a practice's number."""

    class Meta:
        table_name = "events"

    document_id = UnicodeAttribute(hash_key=True)
    sequence = NumberAttribute(range_key=True)
    record = UnicodeAttribute()


class AccountEventRow(Model):
    """A row of an account's event, such as a login. DynamoDB deletes the row some time after `ttl` (epoch seconds)."""

    class Meta:
        table_name = "account_events"

    provider_id = UnicodeAttribute(hash_key=True)
    sequence = NumberAttribute(range_key=True)
    record = UnicodeAttribute()
    ttl = NumberAttribute()


class OutboxTableRow(_RecordRow):
    class Meta:
        table_name = "outbox"

    created_at = UnicodeAttribute()


class DeliveryRow(_VersionedRow):
    """A row of a delivery: one email, fax, webhook or notice. `due_at` is the time of the next attempt, if one is due.

    `practice_held` is the key of an index of two groups of webhooks, in separate partitions: webhooks that are held
    because the practice's endpoint is off, and webhooks that wait for a retry. It is None for other deliveries."""

    class Meta:
        table_name = "deliveries"

    status = UnicodeAttribute()
    practice_id = UnicodeAttribute()
    practice_failed = UnicodeAttribute(null=True)
    practice_held = UnicodeAttribute(null=True)
    created_key = UnicodeAttribute()
    due_shard = UnicodeAttribute(null=True)
    due_at = UnicodeAttribute(null=True)
    carrier_id = UnicodeAttribute(null=True)

    due = _index("due", "due_shard", "due_at")
    by_practice = _index("practice_deliveries", "practice_id", "created_key")
    failed = _index("practice_failed", "practice_failed", "created_key")
    held = _index("practice_held", "practice_held", "created_key")
    by_carrier = _index("carrier", "carrier_id")


class ProviderRow(_VersionedRow):
    class Meta:
        table_name = "providers"


class PracticeRow(_VersionedRow):
    class Meta:
        table_name = "practices"


class SecretRow(_VersionedRow):
    """A row that expires: a link, code, session, counter of failures, or form not yet submitted (draft).

    The id is a hash of the secret token. DynamoDB deletes the row only some time after `ttl` (epoch seconds), so
    readers and writes check `expires_at`."""

    class Meta:
        table_name = "secrets"

    kind = UnicodeAttribute()
    expires_at = UnicodeAttribute()
    ttl = NumberAttribute()


class ClaimRow(Model):
    class Meta:
        table_name = "claims"

    id = UnicodeAttribute(hash_key=True)
    owner = UnicodeAttribute()


class RequestRow(_RecordRow):
    class Meta:
        table_name = "requests"

    ttl = NumberAttribute()


def bind(settings: Settings) -> Connection:
    """Set the table names of this deployment in the PynamoDB models, and return the connection that all models share.

    By default, PynamoDB has one client for each model, which costs ten TLS handshakes at every cold start."""
    names: dict[type[Model], str] = {
        DocumentRow: settings.table_documents,
        EventRow: settings.table_events,
        AccountEventRow: settings.table_account_events,
        OutboxTableRow: settings.table_outbox,
        DeliveryRow: settings.table_deliveries,
        ProviderRow: settings.table_providers,
        PracticeRow: settings.table_practices,
        SecretRow: settings.table_secrets,
        ClaimRow: settings.table_claims,
        RequestRow: settings.table_requests,
    }
    shared = Connection(region=settings.region, **_TIMEOUTS)
    for model, name in names.items():
        model.Meta.table_name = name
        model.Meta.region = settings.region
        model._connection = None  # noqa: SLF001 - PynamoDB has no public way to share or reset it
        table = model._get_connection()  # noqa: SLF001 - as in the line before
        shared.add_meta_table(table.get_meta_table())
        table.connection = shared
    return shared
