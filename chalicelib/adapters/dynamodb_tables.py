"""The DynamoDB tables. The attribute `record` holds the domain value as JSON.

The other attributes are copies of its fields for the indexes."""

from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.connection import Connection
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model

from chalicelib.settings import Settings

# All tries together stay far below the 29 seconds of API Gateway, unlike with PynamoDB's defaults.
_TIMEOUTS: dict[str, Any] = {"connect_timeout_seconds": 1, "read_timeout_seconds": 3, "max_retry_attempts": 2}


def _index(name: str, hash_key: str, range_key: str | None = None) -> Any:
    """Return a global secondary index of keys only. A row is in the index while it has both keys."""
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
    """A document's row. `unsealed` is the partition key in the index of documents that need a seal or a timestamp.

    `follow_up` and `follow_up_at` are set while the scheduled sweep must look at the document at that time."""

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
    """A row of an audit event, or of an access event under the hash key `access#…`. No row expires.

    Earlier releases also stored account events in this table, under the hash key `account#…`."""

    class Meta:
        table_name = "events"

    document_id = UnicodeAttribute(hash_key=True)
    sequence = NumberAttribute(range_key=True)
    record = UnicodeAttribute()


class AccountEventRow(Model):
    """An account event's row, which expires at `ttl` (epoch seconds)."""

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
    """A delivery's row. `due_shard` and `due_at` are set while the delivery still needs an attempt.

    `practice_held` is set for a webhook that is held or waits for a retry. The two groups have separate partitions."""

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
    """A row that DynamoDB deletes some time after `ttl` (epoch seconds), so writes check `expires_at`."""

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
    """Bind the PynamoDB models to the tables of this deployment, and return the connection that the models share.

    By default, PynamoDB has one client per model. This costs ten TLS handshakes at every cold start."""
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
