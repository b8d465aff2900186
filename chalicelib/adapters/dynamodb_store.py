"""The database of the portal's state, in DynamoDB: the implementation of the `Store` of `services/ports.py`."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from itertools import chain, zip_longest
from typing import Any, TypeVar

from botocore.exceptions import ClientError
from pynamodb.connection import Connection
from pynamodb.exceptions import PynamoDBException, TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from chalicelib.adapters import dynamodb_rows as rows
from chalicelib.adapters import json_codec as codec
from chalicelib.adapters.dynamodb_tables import (
    AccountEventRow,
    ClaimRow,
    DeliveryRow,
    DocumentRow,
    EventRow,
    OutboxTableRow,
    PracticeRow,
    ProviderRow,
    RequestRow,
    SecretRow,
)
from chalicelib.domain.account_events import AccountEvent
from chalicelib.domain.audit import AccessEvent, Event
from chalicelib.domain.carriers.received_faxes import ReceivedFax
from chalicelib.domain.deliveries import Channel, Delivery
from chalicelib.domain.documents import Document
from chalicelib.domain.errors import ConcurrentUpdate, Unavailable
from chalicelib.domain.expiring_records import Secret
from chalicelib.domain.practices import Practice
from chalicelib.domain.providers import Provider
from chalicelib.domain.timestamps import to_text
from chalicelib.services.ports import DeliveryListing, Listing, Page, Visit
from chalicelib.services.transaction import Change, OutboxRow, RequestRecord

T = TypeVar("T")
R = TypeVar("R", bound=Model)

_Index = tuple[Any, str, str, bool]
"""How a list is read: the index, its hash attribute, its range attribute, and True for ascending order."""

_PENDING: _Index = (DocumentRow.pending, "provider_pending", "due_key", True)
_LISTINGS: Mapping[Listing, Sequence[_Index]] = {
    Listing.PRACTICE_ALL: [(DocumentRow.by_practice, "practice_all", "sent_key", False)],
    Listing.PRACTICE_UNSIGNED: [(DocumentRow.unsigned, "practice_unsigned", "sent_key", False)],
    Listing.PRACTICE_UNSIGNED_OLDEST: [(DocumentRow.unsigned, "practice_unsigned", "sent_key", True)],
    Listing.PRACTICE_ATTENTION: [_PENDING, (DocumentRow.past, "provider_past", "decided_key", True)],
    Listing.PROVIDER_PENDING: [_PENDING],
    Listing.PROVIDER_PAST: [(DocumentRow.past, "provider_past", "decided_key", False)],
}
_MOVED: Sequence[_Index] = [(DocumentRow.moved_index, "moved", "sent_key", True)]
_DELIVERIES: Mapping[DeliveryListing, Sequence[_Index]] = {
    DeliveryListing.ALL: [(DeliveryRow.by_practice, "practice_id", "created_key", False)],
    DeliveryListing.FAILED: [(DeliveryRow.failed, "practice_failed", "created_key", False)],
    DeliveryListing.HELD: [(DeliveryRow.held, "practice_held", "created_key", False)],
}
_OLDEST_HELD: Sequence[_Index] = [(DeliveryRow.held, "practice_held", "created_key", True)]

_CONFLICTS = {"ConditionalCheckFailed", "TransactionConflict"}


class DynamoStore:
    """The implementation of `Store` with DynamoDB. The class `Store` in `services/ports.py` describes the methods.

    The methods that list rows read an index, which may be out of date, and then the rows themselves."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # Writing

    def commit(self, change: Change) -> None:
        parts = list(_parts(change))
        transaction = TransactWrite(connection=self._connection)
        for _, row, condition, delete in parts:
            if delete:
                transaction.delete(row, condition=condition)
            else:
                transaction.save(row, condition=condition)
        try:
            transaction._commit()  # noqa: SLF001 - the public context manager hides which action failed
        except TransactWriteError as error:
            raise _explain(error, parts) from error
        except PynamoDBException as error:
            raise Unavailable("The database did not respond. Please try again in a moment.") from error

    def drop_outbox(self, row_id: str) -> None:
        try:
            OutboxTableRow(id=row_id).delete()
        except PynamoDBException as error:
            raise Unavailable("The outbox row could not be deleted.") from error

    def record_access(self, event: AccessEvent) -> None:
        try:
            rows.access_row(event).save(EventRow.document_id.does_not_exist())
        except PynamoDBException as error:
            raise Unavailable("The access could not be recorded. Please try again in a moment.") from error

    # Reads of single rows

    def document(self, document_id: str) -> Document | None:
        return _load(Document, _get(DocumentRow, document_id))

    def delivery(self, delivery_id: str) -> Delivery | None:
        return _load(Delivery, _get(DeliveryRow, delivery_id))

    def provider(self, provider_id: str) -> Provider | None:
        return _load(Provider, _get(ProviderRow, provider_id))

    def providers(self, *, limit: int, after: str | None) -> Page[Provider]:
        start = {"id": {"S": after}} if after else None
        providers = tuple(ProviderRow.scan(limit=limit, last_evaluated_key=start, consistent_read=True))
        more = providers[-1].id if len(providers) == limit else None
        return Page(tuple(codec.load(Provider, row.record) for row in providers), more)

    def practice(self, practice_id: str) -> Practice | None:
        return _load(Practice, _get(PracticeRow, practice_id))

    def practices(self, ids: Sequence[str] | None = None) -> Iterable[Practice]:
        rows_read = PracticeRow.scan(consistent_read=True) if ids is None else PracticeRow.batch_get(list(ids))
        return (codec.load(Practice, row.record) for row in rows_read)

    def secret(self, key: str) -> Secret | None:
        return _load(Secret, _get(SecretRow, key))

    def request(self, practice_id: str, webhook_id: str) -> RequestRecord | None:
        return _load(RequestRecord, _get(RequestRow, rows.request_id(practice_id, webhook_id)))

    def claims(self, keys: Sequence[str]) -> Mapping[str, str]:
        claims = ClaimRow.batch_get(list(dict.fromkeys(keys)), consistent_read=True) if keys else ()
        return {row.id: row.owner for row in claims}

    def delivery_by_carrier(self, carrier_id: str) -> Delivery | None:
        ids = [row.id for row in DeliveryRow.by_carrier.query(carrier_id, limit=1)]
        return self.delivery(ids[0]) if ids else None

    def secrets(self, keys: Sequence[str]) -> Mapping[str, Secret]:
        return {row.id: codec.load(Secret, row.record) for row in _batch(SecretRow, list(dict.fromkeys(keys)))}

    def visit(self, session_key: str, provider_id: str | None, document_id: str | None) -> Visit:
        keys: dict[type[Model], str] = {SecretRow: session_key}
        if provider_id is not None:
            keys[ProviderRow] = provider_id
        if document_id is not None:
            keys[DocumentRow] = document_id
        by_model = self._get_one_of_each(keys)
        return Visit(
            session=_load(Secret, by_model.get(SecretRow)),
            provider=_load(Provider, by_model.get(ProviderRow)),
            document=_load(Document, by_model.get(DocumentRow)),
        )

    def _get_one_of_each(self, keys: Mapping[type[Model], str]) -> Mapping[type[Model], Any]:
        """Return the row with the given key from each of several tables, read in one BatchGetItem call.

        `keys` maps the class of a table's rows to a key. A missing row is missing from the result. PynamoDB has no call
        for several tables. Raises `Unavailable` if DynamoDB did not read all rows."""
        names = {model.Meta.table_name: key for model, key in keys.items()}
        request = {name: {"Keys": [{"id": {"S": key}}], "ConsistentRead": True} for name, key in names.items()}
        response = self._connection.dispatch("BatchGetItem", {"RequestItems": request})
        if response.get("UnprocessedKeys"):
            raise Unavailable("The database is busy. Please try again in a moment.")
        items = response["Responses"]
        return {model: model.from_raw_data(item) for model in keys for item in items.get(model.Meta.table_name, ())}

    # Lists

    def documents(
        self, listing: Listing, owner: str, *, limit: int, after: str | None, before: datetime | None = None
    ) -> Page[Document]:
        indexes = _LISTINGS[listing]
        owner = rows.attention_key(owner) if listing is Listing.PRACTICE_ATTENTION else owner
        earlier = getattr(DocumentRow, indexes[0][2]) < to_text(before) if before else None
        return _read_page(Document, DocumentRow, indexes, owner, limit=limit, after=after, condition=earlier)

    def documents_by_id(self, ids: Sequence[str]) -> tuple[Document, ...]:
        return tuple(codec.load(Document, row.record) for row in _batch(DocumentRow, ids))

    def moved_documents(self, day: date, shard: str, *, limit: int, after: str | None) -> Page[Document]:
        owner = rows.moved_key(day, shard)
        return _read_page(Document, DocumentRow, _MOVED, owner, limit=limit, after=after)

    def count(self, listing: Listing, owner: str, *, most: int) -> int:
        (index,) = _LISTINGS[listing]
        return len(_positions(index, owner, limit=most, after=None))

    def events(self, document_id: str) -> tuple[Event, ...]:
        return tuple(codec.load(Event, row.record) for row in EventRow.query(document_id, consistent_read=True))

    def access_events(self, document_id: str, *, limit: int, before: int | None) -> Page[AccessEvent]:
        events = _newest(EventRow, rows.access_key(document_id), before=before, limit=limit + 1)
        shown = tuple(codec.load(AccessEvent, row.record) for row in events[:limit])
        return Page(shown, str(shown[-1].sort_key) if len(events) > limit else None)

    def oldest_access_events(self, document_id: str, *, limit: int) -> Sequence[AccessEvent]:
        oldest = EventRow.query(rows.access_key(document_id), consistent_read=True, limit=limit)
        return [codec.load(AccessEvent, row.record) for row in oldest]

    def received_fax(self, practice_id: str, sort_key: int) -> ReceivedFax | None:
        found = tuple(EventRow.query(rows.faxes_key(practice_id), EventRow.sequence == sort_key, consistent_read=True))
        return codec.load(ReceivedFax, found[0].record) if found else None

    def received_faxes(self, practice_id: str, *, limit: int, before: int | None) -> Page[ReceivedFax]:
        found = _newest(EventRow, rows.faxes_key(practice_id), before=before, limit=limit + 1)
        shown = tuple(codec.load(ReceivedFax, row.record) for row in found[:limit])
        return Page(shown, str(shown[-1].sort_key) if len(found) > limit else None)

    def account_events(self, provider_id: str, *, limit: int, before: int | None) -> Page[AccountEvent]:
        newest = partial(_newest, before=before, limit=limit + 1)
        old = newest(EventRow, rows.old_account_key(provider_id))
        events = sorted([*newest(AccountEventRow, provider_id), *old], key=lambda row: -row.sequence)
        shown = tuple(codec.load(AccountEvent, row.record) for row in events[:limit])
        return Page(shown, str(shown[-1].sort_key) if len(events) > limit else None)

    def deliveries(
        self, listing: DeliveryListing, practice_id: str, *, limit: int, after: str | None
    ) -> Page[Delivery]:
        return _read_page(Delivery, DeliveryRow, _DELIVERIES[listing], practice_id, limit=limit, after=after)

    def held_deliveries(self, practice_id: str, *, limit: int) -> tuple[Delivery, ...]:
        return _read_page(Delivery, DeliveryRow, _OLDEST_HELD, practice_id, limit=limit, after=None).items

    def waiting_webhooks(self, practice_id: str, *, limit: int, after: str | None) -> Page[Delivery]:
        waiting = rows.WAITING + practice_id
        return _read_page(Delivery, DeliveryRow, _OLDEST_HELD, waiting, limit=limit, after=after)

    def waiting_messages(
        self, channel: Channel, practice_id: str, recipient: str, *, limit: int
    ) -> tuple[Delivery, ...]:
        waiting = rows.waiting_key(channel, practice_id, recipient)
        return _read_page(Delivery, DeliveryRow, _OLDEST_HELD, waiting, limit=limit, after=None).items

    def due_deliveries(self, before: datetime, *, limit: int) -> tuple[Delivery, ...]:
        due = DeliveryRow.due_at <= to_text(before)
        ids = _in_turn([DeliveryRow.due.query(shard, due, limit=limit) for shard in rows.SHARDS])
        return tuple(codec.load(Delivery, row.record) for row in _batch(DeliveryRow, ids[:limit]))

    def follow_up_documents(self, before: datetime, *, limit: int) -> tuple[Document, ...]:
        due = DocumentRow.follow_up_at <= to_text(before)
        ids = _in_turn([DocumentRow.follow_up_index.query(shard, due, limit=limit) for shard in rows.SHARDS])
        return tuple(codec.load(Document, row.record) for row in _batch(DocumentRow, ids[:limit]))

    def unsealed_documents(self, decided_before: datetime, *, limit: int) -> tuple[Document, ...]:
        return self._owed(rows.SHARDS, decided_before, limit)

    def untimed_documents(self, decided_before: datetime, *, limit: int) -> tuple[Document, ...]:
        return self._owed([rows.UNTIMED + shard for shard in rows.SHARDS], decided_before, limit)

    def _owed(self, shards: Sequence[str], decided_before: datetime, limit: int) -> tuple[Document, ...]:
        early = DocumentRow.decided_key < to_text(decided_before)
        ids = _in_turn([DocumentRow.unsealed_index.query(shard, early, limit=limit) for shard in shards])
        fresh = _batch(DocumentRow, ids[:limit])
        return tuple(codec.load(Document, row.record) for row in fresh if row.unsealed in shards)

    def outbox(self, before: datetime, *, limit: int) -> tuple[OutboxRow, ...]:
        """Return at most `limit` rows of the outbox that are older than `before`: jobs that did not get to their queue.

        The function `relay` queues the jobs of a new row and then deletes the row, so the table is small."""
        outbox = OutboxTableRow.scan(OutboxTableRow.created_at < to_text(before), limit=limit, consistent_read=True)
        return tuple(codec.load(OutboxRow, row.record) for row in outbox)


_Part = tuple[str, Model, Condition | None, bool]


def _parts(change: Change) -> Iterable[_Part]:
    """Yield the writes of a transaction as tuples: a name such as `claim`, the row, the condition, True for a delete.

    If the condition of a write fails, the error `ConcurrentUpdate` reports its name. Deletes come first, because
    PynamoDB sends deletes first and DynamoDB reports failures by position."""
    for secret in change.dropped:
        yield "secret", rows.secret_row(secret), None, True
    for secret in change.spent:
        is_live = SecretRow.expires_at > to_text(change.at)
        yield "secret", rows.secret_row(secret), (SecretRow.version == secret.version) & is_live, True
    for claim in change.released:
        yield "claim", rows.claim_row(claim), ClaimRow.owner == claim.owner, True
    yield from _versions(change)
    yield from _additions(change)


def _versions(change: Change) -> Iterable[_Part]:
    for document in change.documents:
        yield _versioned("document", rows.document_row(document), document.version)
    for provider in change.providers:
        yield _versioned("provider", rows.provider_row(provider), provider.version)
    for practice in change.practices:
        yield _versioned("practice", rows.practice_row(practice), practice.version)
    for delivery in change.deliveries:
        yield _versioned("delivery", rows.delivery_row(delivery), delivery.version)
    for secret in change.secrets:
        yield _versioned("secret", rows.secret_row(secret), secret.version)


def _additions(change: Change) -> Iterable[_Part]:
    for event in change.events:
        yield "document", rows.event_row(event), EventRow.document_id.does_not_exist(), False
    for entry in change.account_events:
        yield "account", rows.account_event_row(entry), AccountEventRow.provider_id.does_not_exist(), False
    for row in change.outbox:
        yield "outbox", rows.outbox_row(row), None, False
    for claim in change.claims:
        owned = ClaimRow.id.does_not_exist() | (ClaimRow.owner == claim.owner)
        if claim.replaces is not None:
            owned = owned | (ClaimRow.owner == claim.replaces)
        yield "claim", rows.claim_row(claim), owned, False
    for fax in change.received_faxes:
        yield "received_fax", rows.received_fax_row(fax), EventRow.document_id.does_not_exist(), False
    for request in change.requests:
        yield "request", rows.request_row(request), RequestRow.id.does_not_exist(), False


def _versioned(name: str, row: Any, version: int) -> _Part:
    model = type(row)
    condition = model.id.does_not_exist() if version == 1 else model.version == version - 1
    return name, row, condition, False


def _explain(error: TransactWriteError, parts: Sequence[_Part]) -> Exception:
    results = zip(parts, error.cancellation_reasons, strict=False)
    conflicts = [part[0] for part, reason in results if reason and reason.code in _CONFLICTS]
    if conflicts:
        return ConcurrentUpdate(tuple(dict.fromkeys(conflicts)))
    # PynamoDB cannot return the code if no response came.
    if isinstance(error.cause, ClientError) and error.cause_response_code == "TransactionConflictException":
        return ConcurrentUpdate(("document",))
    return Unavailable("The database did not respond. Please try again in a moment.")


def _in_turn(shards: Sequence[Iterable[Any]]) -> list[str]:
    """Return the ids of rows from the partitions of an index (`shards`): the first row of each, then the second rows.

    A caller processes only the first ids. In this order, rows of one partition that fail again and again do not keep
    the rows of the other partitions waiting."""
    return [row.id for turn in zip_longest(*shards) for row in turn if row is not None]


def _get(model: type[R], key: str) -> R | None:
    try:
        return model.get(key, consistent_read=True)
    except model.DoesNotExist:
        return None


def _load(kind: type[T], row: Any) -> T | None:
    return None if row is None else codec.load(kind, row.record)


def _batch(model: type[R], ids: Sequence[str]) -> tuple[R, ...]:
    if not ids:
        return ()
    by_id = {row.id: row for row in model.batch_get(list(ids), consistent_read=True)}  # type: ignore[attr-defined]  # - every model batch-read here is keyed by id
    return tuple(by_id[row_id] for row_id in ids if row_id in by_id)


def _read_page(
    kind: type[T],
    model: type[Model],
    indexes: Sequence[_Index],
    owner: str,
    *,
    limit: int,
    after: str | None,
    condition: Condition | None = None,
) -> Page[T]:
    """Return one page of the list of an `owner`, such as a practice: keys from its indexes, then the rows themselves.

    `kind` is the class of the values, and `model` is their table. An index may be out of date, so rows that no longer
    belong to the list are left out. `after` is the cursor of the page before, and `condition` limits the range
    attribute. A list that is the sum of two indexes is merged from both, which have the same order."""
    parts = [_positions(index, owner, limit=limit + 1, after=after, condition=condition) for index in indexes]
    positions = sorted(chain.from_iterable(parts), reverse=not indexes[0][3])[: limit + 1]
    shown = positions[:limit]
    more = "|".join(shown[-1]) if len(positions) > limit else None
    fresh: Sequence[Any] = _batch(model, [row_id for _, row_id in shown])
    current = (row for row in fresh if any(getattr(row, name) == owner for _, name, _, _ in indexes))
    return Page(tuple(codec.load(kind, row.record) for row in current), more)


def _positions(
    place: _Index, owner: str, *, limit: int, after: str | None, condition: Condition | None = None
) -> list[tuple[str, str]]:
    """Return the range value and the id of the first rows of an owner's list in an index, in the list's order."""
    index, hash_name, range_name, ascending = place
    start = _start_key(hash_name, owner, range_name, after)
    found = index.query(owner, condition, limit=limit, last_evaluated_key=start, scan_index_forward=ascending)
    return [(getattr(row, range_name), row.id) for row in found]


def _newest(model: Any, key: str, *, before: int | None, limit: int) -> list[Any]:
    """Return the rows of the newest events with the hash key `key` (a document's id, for example), newest first.

    The result has at most `limit` rows. With `before` (a sequence number), it has only events with lower numbers."""
    earlier = None if before is None else model.sequence < before
    return list(model.query(key, earlier, consistent_read=True, scan_index_forward=False, limit=limit))


def _start_key(hash_name: str, owner: str, range_name: str, after: str | None) -> Mapping[str, Any] | None:
    """Return the DynamoDB key after which the next page of a list starts, or None for the first page.

    The cursor `after` comes from the client, but `owner` is always the practice or provider of the request. So a
    cursor from another owner's list cannot read that owner's rows."""
    if after is None:
        return None
    range_value, _, row_id = after.rpartition("|")
    values = {hash_name: owner, range_name: range_value, "id": row_id}
    return {name: {"S": value} for name, value in values.items()}
