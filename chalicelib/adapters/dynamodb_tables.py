"""The DynamoDB tables. `record` is the domain value as JSON.

The other attributes are the key and copies of facts that indexes and conditions need.
"""

from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.connection import Connection
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model

from chalicelib.settings import Settings

# All tries together stay far below the 29 seconds of API Gateway, unlike with PynamoDB's defaults.
_TIMEOUTS: dict[str, Any] = {"connect_timeout_seconds": 1, "read_timeout_seconds": 3, "max_retry_attempts": 2}


class PracticeAllIndex(GlobalSecondaryIndex["DocumentRow"]):
    class Meta:
        index_name = "practice_all"
        projection = KeysOnlyProjection()

    practice_all = UnicodeAttribute(hash_key=True)
    sent_key = UnicodeAttribute(range_key=True)


class PracticeUnsignedIndex(GlobalSecondaryIndex["DocumentRow"]):
    class Meta:
        index_name = "practice_unsigned"
        projection = KeysOnlyProjection()

    practice_unsigned = UnicodeAttribute(hash_key=True)
    sent_key = UnicodeAttribute(range_key=True)


class ProviderPendingIndex(GlobalSecondaryIndex["DocumentRow"]):
    class Meta:
        index_name = "provider_pending"
        projection = KeysOnlyProjection()

    provider_pending = UnicodeAttribute(hash_key=True)
    due_key = UnicodeAttribute(range_key=True)


class ProviderPastIndex(GlobalSecondaryIndex["DocumentRow"]):
    class Meta:
        index_name = "provider_past"
        projection = KeysOnlyProjection()

    provider_past = UnicodeAttribute(hash_key=True)
    decided_key = UnicodeAttribute(range_key=True)


class UnsealedIndex(GlobalSecondaryIndex["DocumentRow"]):
    """The sparse index of documents that are decided but not sealed. `unsealed` is a shard of the id."""

    class Meta:
        index_name = "unsealed"
        projection = KeysOnlyProjection()

    unsealed = UnicodeAttribute(hash_key=True)
    decided_key = UnicodeAttribute(range_key=True)


class DocumentRow(Model):
    class Meta:
        table_name = "documents"

    id = UnicodeAttribute(hash_key=True)
    version = NumberAttribute()
    record = UnicodeAttribute()
    status = UnicodeAttribute()
    practice_all = UnicodeAttribute()
    practice_unsigned = UnicodeAttribute(null=True)
    provider_pending = UnicodeAttribute(null=True)
    provider_past = UnicodeAttribute(null=True)
    unsealed = UnicodeAttribute(null=True)
    sent_key = UnicodeAttribute()
    due_key = UnicodeAttribute()
    decided_key = UnicodeAttribute(null=True)

    by_practice = PracticeAllIndex()
    unsigned = PracticeUnsignedIndex()
    pending = ProviderPendingIndex()
    past = ProviderPastIndex()
    unsealed_index = UnsealedIndex()


class EventRow(Model):
    """An audit event of a document, or an account event. Only account events have a `ttl` (epoch seconds)."""

    class Meta:
        table_name = "events"

    document_id = UnicodeAttribute(hash_key=True)
    sequence = NumberAttribute(range_key=True)
    record = UnicodeAttribute()
    ttl = NumberAttribute(null=True)


class OutboxTableRow(Model):
    class Meta:
        table_name = "outbox"

    id = UnicodeAttribute(hash_key=True)
    created_at = UnicodeAttribute()
    record = UnicodeAttribute()


class DueIndex(GlobalSecondaryIndex["DeliveryRow"]):
    """The sparse index of deliveries with another attempt to make. `due_shard` spreads the writes."""

    class Meta:
        index_name = "due"
        projection = KeysOnlyProjection()

    due_shard = UnicodeAttribute(hash_key=True)
    due_at = UnicodeAttribute(range_key=True)


class PracticeDeliveriesIndex(GlobalSecondaryIndex["DeliveryRow"]):
    class Meta:
        index_name = "practice_deliveries"
        projection = KeysOnlyProjection()

    practice_id = UnicodeAttribute(hash_key=True)
    created_key = UnicodeAttribute(range_key=True)


class PracticeFailedIndex(GlobalSecondaryIndex["DeliveryRow"]):
    class Meta:
        index_name = "practice_failed"
        projection = KeysOnlyProjection()

    practice_failed = UnicodeAttribute(hash_key=True)
    created_key = UnicodeAttribute(range_key=True)


class PracticeHeldIndex(GlobalSecondaryIndex["DeliveryRow"]):
    """The sparse index of held deliveries and, in a separate partition, of webhooks that wait for a retry."""

    class Meta:
        index_name = "practice_held"
        projection = KeysOnlyProjection()

    practice_held = UnicodeAttribute(hash_key=True)
    created_key = UnicodeAttribute(range_key=True)


class CarrierIndex(GlobalSecondaryIndex["DeliveryRow"]):
    class Meta:
        index_name = "carrier"
        projection = KeysOnlyProjection()

    carrier_id = UnicodeAttribute(hash_key=True)


class DeliveryRow(Model):
    class Meta:
        table_name = "deliveries"

    id = UnicodeAttribute(hash_key=True)
    version = NumberAttribute()
    record = UnicodeAttribute()
    status = UnicodeAttribute()
    practice_id = UnicodeAttribute()
    practice_failed = UnicodeAttribute(null=True)
    practice_held = UnicodeAttribute(null=True)
    created_key = UnicodeAttribute()
    due_shard = UnicodeAttribute(null=True)
    due_at = UnicodeAttribute(null=True)
    carrier_id = UnicodeAttribute(null=True)

    due = DueIndex()
    by_practice = PracticeDeliveriesIndex()
    failed = PracticeFailedIndex()
    held = PracticeHeldIndex()
    by_carrier = CarrierIndex()


class ProviderRow(Model):
    class Meta:
        table_name = "providers"

    id = UnicodeAttribute(hash_key=True)
    version = NumberAttribute()
    record = UnicodeAttribute()


class PracticeRow(Model):
    class Meta:
        table_name = "practices"

    id = UnicodeAttribute(hash_key=True)
    version = NumberAttribute()
    record = UnicodeAttribute()


class SecretRow(Model):
    """A row with an expiry. DynamoDB deletes the row some time after `ttl` (epoch seconds).

    Conditions check `expires_at`.
    """

    class Meta:
        table_name = "secrets"

    id = UnicodeAttribute(hash_key=True)
    version = NumberAttribute()
    record = UnicodeAttribute()
    kind = UnicodeAttribute()
    expires_at = UnicodeAttribute()
    ttl = NumberAttribute()


class ClaimRow(Model):
    class Meta:
        table_name = "claims"

    id = UnicodeAttribute(hash_key=True)
    owner = UnicodeAttribute()


class RequestRow(Model):
    class Meta:
        table_name = "requests"

    id = UnicodeAttribute(hash_key=True)
    record = UnicodeAttribute()
    ttl = NumberAttribute()


def bind(settings: Settings) -> Connection:
    """Bind the models to the tables of this deployment, and return their shared connection.

    By default, PynamoDB has a client per model: nine TLS handshakes at every cold start.
    """
    names: dict[type[Model], str] = {
        DocumentRow: settings.table_documents,
        EventRow: settings.table_events,
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
