"""The fake of the database (`Store` of `services/ports.py`) in memory, which unit tests use in place of DynamoDB.

`tests/integration/store` runs the same tests against `FakeStore` and the real store."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any, TypeVar, cast

from pynamodb.models import Model

from chalicelib.adapters import dynamodb_rows as rows
from chalicelib.adapters import json_codec as codec
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
from chalicelib.services.transaction import Change, Job, OutboxRow, RequestRecord

T = TypeVar("T")

MAX_ACTIONS = 100

_LISTINGS: Mapping[Listing, tuple[str, str, bool]] = {
    Listing.PRACTICE_ALL: ("practice_all", "sent_key", False),
    Listing.PRACTICE_UNSIGNED: ("practice_unsigned", "sent_key", False),
    Listing.PRACTICE_UNSIGNED_OLDEST: ("practice_unsigned", "sent_key", True),
    Listing.PROVIDER_PENDING: ("provider_pending", "due_key", True),
    Listing.PROVIDER_PAST: ("provider_past", "decided_key", False),
}


@dataclass(frozen=True)
class _Write:
    """One write of a transaction to the fake database.

    `allowed` is the condition of the write: a function that gets the stored row, or None if no row is stored. A row of
    None deletes the stored row."""

    part: str
    table: str
    key: str
    row: Model | None
    allowed: Callable[[Any], bool] = lambda _: True


def _anything(_: Any) -> bool:
    return True


def _nothing(row: Any) -> bool:
    return row is None


def _owned_by(*owners: str | None) -> Callable[[Any], bool]:
    return lambda row: row is None or row.owner in owners


def _is_owned(owner: str) -> Callable[[Any], bool]:
    return lambda row: row is not None and row.owner == owner


def _is_live(version: int, at: datetime) -> Callable[[Any], bool]:
    return lambda row: row is not None and row.version == version and row.expires_at > to_text(at)


def _versioned(part: str, table: str, row: Any, version: int) -> _Write:
    if version == 1:
        return _Write(part, table, row.id, row, _nothing)
    return _Write(part, table, row.id, row, lambda old: old is not None and old.version == version - 1)


def _versioned_writes(change: Change) -> Iterator[_Write]:
    for document in change.documents:
        yield _versioned("document", "documents", rows.document_row(document), document.version)
    for provider in change.providers:
        yield _versioned("provider", "providers", rows.provider_row(provider), provider.version)
    for practice in change.practices:
        yield _versioned("practice", "practices", rows.practice_row(practice), practice.version)
    for delivery in change.deliveries:
        yield _versioned("delivery", "deliveries", rows.delivery_row(delivery), delivery.version)
    for secret in change.secrets:
        yield _versioned("secret", "secrets", rows.secret_row(secret), secret.version)


def _writes(change: Change) -> Iterator[_Write]:
    """Yield the writes of a transaction in the order in which the real store reports the parts that failed."""
    for secret in change.dropped:
        yield _Write("secret", "secrets", secret.key, None)
    for secret in change.spent:
        yield _Write("secret", "secrets", secret.key, None, _is_live(secret.version, change.at))
    for claim in change.released:
        yield _Write("claim", "claims", claim.key, None, _is_owned(claim.owner))
    yield from _versioned_writes(change)
    for event in change.events:
        key = f"{event.document_id}#{event.sequence:09d}"
        yield _Write("document", "events", key, rows.event_row(event), _nothing)
    for entry in change.account_events:
        key = f"{entry.provider_id}#{entry.sort_key}"
        yield _Write("account", "account_events", key, rows.account_event_row(entry), _nothing)
    for row in change.outbox:
        yield _Write("outbox", "outbox", row.id, rows.outbox_row(row), _anything)
    for claim in change.claims:
        owned = _owned_by(claim.owner, claim.replaces)
        yield _Write("claim", "claims", claim.key, rows.claim_row(claim), owned)
    for fax in change.received_faxes:
        key = f"{rows.faxes_key(fax.practice_id)}#{fax.sort_key}"
        yield _Write("received_fax", "events", key, rows.received_fax_row(fax), _nothing)
    for request in change.requests:
        stored = rows.request_row(request)
        yield _Write("request", "requests", stored.id, stored, _nothing)


class FakeStore:
    """The database (`Store`) in memory, with the same rows as the real tables.

    `commits` counts transactions. `before_commit` is a function that runs once before the next transaction, to simulate
    a concurrent writer. With `failing`, a commit raises `Unavailable` and writes nothing."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, Any]] = {}
        self.commits = 0
        self.failing = False
        self.before_commit: Callable[[], None] | None = None

    def commit(self, change: Change) -> None:
        concurrent_writer, self.before_commit = self.before_commit, None
        if concurrent_writer is not None:
            concurrent_writer()
        if self.failing:
            raise Unavailable("The database did not respond. Please try again in a moment.")
        writes = list(_writes(change))
        self._check_shape(writes)
        failed = [write.part for write in writes if not write.allowed(self._table(write.table).get(write.key))]
        if failed:
            raise ConcurrentUpdate(tuple(dict.fromkeys(failed)))
        for write in writes:
            self._apply(write)
        self.commits += 1

    def drop_outbox(self, row_id: str) -> None:
        self._table("outbox").pop(row_id, None)

    def document(self, document_id: str) -> Document | None:
        return self._load(Document, "documents", document_id)

    def delivery(self, delivery_id: str) -> Delivery | None:
        return self._load(Delivery, "deliveries", delivery_id)

    def provider(self, provider_id: str) -> Provider | None:
        return self._load(Provider, "providers", provider_id)

    def providers(self, *, limit: int, after: str | None) -> Page[Provider]:
        matches = sorted((row for row in self._rows("providers") if row.id > (after or "")), key=lambda row: row.id)
        shown = _all(Provider, matches[:limit])
        return Page(shown, shown[-1].id if len(shown) == limit else None)

    def practice(self, practice_id: str) -> Practice | None:
        return self._load(Practice, "practices", practice_id)

    def practices(self, ids: Sequence[str] | None = None) -> list[Practice]:
        return [row for row in self.every(Practice, "practices") if ids is None or row.id in ids]

    def secret(self, key: str) -> Secret | None:
        return self._load(Secret, "secrets", key)

    def request(self, practice_id: str, webhook_id: str) -> RequestRecord | None:
        return self._load(RequestRecord, "requests", rows.request_id(practice_id, webhook_id))

    def claims(self, keys: Sequence[str]) -> Mapping[str, str]:
        table = self._table("claims")
        return {key: table[key].owner for key in keys if key in table}

    def delivery_by_carrier(self, carrier_id: str) -> Delivery | None:
        matches = self._where("deliveries", "carrier_id", carrier_id)
        return _decode(Delivery, matches[0].record) if matches else None

    def secrets(self, keys: Sequence[str]) -> Mapping[str, Secret]:
        matches = {key: self.secret(key) for key in keys}
        return {key: secret for key, secret in matches.items() if secret is not None}

    def visit(self, session_key: str, provider_id: str | None, document_id: str | None) -> Visit:
        provider = self.provider(provider_id) if provider_id is not None else None
        document = self.document(document_id) if document_id is not None else None
        return Visit(self.secret(session_key), provider, document)

    def documents(
        self, listing: Listing, owner: str, *, limit: int, after: str | None, before: datetime | None = None
    ) -> Page[Document]:
        if listing is Listing.PRACTICE_ATTENTION:
            return self._worklist(owner, limit=limit, after=after)
        hash_name, range_name, ascending = _LISTINGS[listing]
        matches = self._where("documents", hash_name, owner)
        if before is not None:
            matches = [row for row in matches if getattr(row, range_name) < to_text(before)]
        return _page(Document, matches, range_name, ascending=ascending, limit=limit, after=after)

    def documents_by_id(self, ids: Sequence[str]) -> tuple[Document, ...]:
        return tuple(document for document in map(self.document, ids) if document is not None)

    def _worklist(self, practice_id: str, *, limit: int, after: str | None) -> Page[Document]:
        key = rows.attention_key(practice_id)
        matches = [*self._where("documents", "provider_pending", key), *self._where("documents", "provider_past", key)]
        return _page(Document, matches, "due_key", ascending=True, limit=limit, after=after)

    def moved_documents(self, day: date, shard: str, *, limit: int, after: str | None) -> Page[Document]:
        matches = self._where("documents", "moved", rows.moved_key(day, shard))
        return _page(Document, matches, "sent_key", ascending=True, limit=limit, after=after)

    def follow_up_documents(self, before: datetime, *, limit: int) -> tuple[Document, ...]:
        due = [row for row in self._rows("documents") if row.follow_up_at and row.follow_up_at <= to_text(before)]
        return _all(Document, sorted(due, key=lambda row: row.follow_up_at)[:limit])

    def count(self, listing: Listing, owner: str, *, most: int) -> int:
        return min(len(self._where("documents", listing.value, owner)), most)

    def events(self, document_id: str) -> tuple[Event, ...]:
        matches = sorted(self._where("events", "document_id", document_id), key=lambda row: row.sequence)
        return tuple(_decode(Event, row.record) for row in matches)

    def record_access(self, event: AccessEvent) -> None:
        if self.failing:
            raise Unavailable("The access could not be recorded. Please try again in a moment.")
        self._table("events")[f"access#{event.document_id}#{event.sort_key}"] = rows.access_row(event)

    def access_events(self, document_id: str, *, limit: int, before: int | None) -> Page[AccessEvent]:
        matches = self._where("events", "document_id", rows.access_key(document_id))
        return _newest(AccessEvent, matches, limit=limit, before=before)

    def oldest_access_events(self, document_id: str, *, limit: int) -> Sequence[AccessEvent]:
        matches = self._where("events", "document_id", rows.access_key(document_id))
        return _all(AccessEvent, sorted(matches, key=lambda row: row.sequence)[:limit])

    def received_fax(self, practice_id: str, sort_key: int) -> ReceivedFax | None:
        return self._load(ReceivedFax, "events", f"{rows.faxes_key(practice_id)}#{sort_key}")

    def received_faxes(self, practice_id: str, *, limit: int, before: int | None) -> Page[ReceivedFax]:
        matches = self._where("events", "document_id", rows.faxes_key(practice_id))
        return _newest(ReceivedFax, matches, limit=limit, before=before)

    def account_events(self, provider_id: str, *, limit: int, before: int | None) -> Page[AccountEvent]:
        old = self._where("events", "document_id", rows.old_account_key(provider_id))
        matches = [*self._where("account_events", "provider_id", provider_id), *old]
        return _newest(AccountEvent, matches, limit=limit, before=before)

    def deliveries(
        self, listing: DeliveryListing, practice_id: str, *, limit: int, after: str | None
    ) -> Page[Delivery]:
        matches = self._where("deliveries", listing.value, practice_id)
        return _page(Delivery, matches, "created_key", ascending=False, limit=limit, after=after)

    def held_deliveries(self, practice_id: str, *, limit: int) -> tuple[Delivery, ...]:
        matches = self._where("deliveries", "practice_held", practice_id)
        matches.sort(key=lambda row: row.created_key)
        return _all(Delivery, matches[:limit])

    def waiting_webhooks(self, practice_id: str, *, limit: int, after: str | None) -> Page[Delivery]:
        matches = self._where("deliveries", "practice_held", rows.WAITING + practice_id)
        return _page(Delivery, matches, "created_key", ascending=True, limit=limit, after=after)

    def waiting_messages(
        self, channel: Channel, practice_id: str, recipient: str, *, limit: int
    ) -> tuple[Delivery, ...]:
        matches = self._where("deliveries", "practice_held", rows.waiting_key(channel, practice_id, recipient))
        matches.sort(key=lambda row: row.created_key)
        return _all(Delivery, matches[:limit])

    def due_deliveries(self, before: datetime, *, limit: int) -> tuple[Delivery, ...]:
        matches = [row for row in self._rows("deliveries") if row.due_at and row.due_at <= to_text(before)]
        matches.sort(key=lambda row: (row.due_shard, row.due_at))
        return _all(Delivery, matches[:limit])

    def unsealed_documents(self, decided_before: datetime, *, limit: int) -> tuple[Document, ...]:
        return self._owed(rows.SHARDS, decided_before, limit)

    def untimed_documents(self, decided_before: datetime, *, limit: int) -> tuple[Document, ...]:
        return self._owed([rows.UNTIMED + shard for shard in rows.SHARDS], decided_before, limit)

    def _owed(self, shards: Sequence[str], decided_before: datetime, limit: int) -> tuple[Document, ...]:
        limit_key = to_text(decided_before)
        every = self._rows("documents")
        matches = [row for row in every if row.unsealed in shards and row.decided_key < limit_key]
        matches.sort(key=lambda row: (row.unsealed, row.decided_key))
        return _all(Document, matches[:limit])

    def outbox(self, before: datetime, *, limit: int) -> tuple[OutboxRow, ...]:
        matches = [row for row in self._rows("outbox") if row.created_at < to_text(before)]
        return _all(OutboxRow, matches[:limit])

    # For tests

    def jobs(self) -> tuple[Job, ...]:
        """Return every background job that transactions have stored in the outbox, to be queued."""
        return tuple(job for row in _all(OutboxRow, self._rows("outbox")) for job in row.jobs)

    def every(self, kind: type[T], table: str) -> tuple[T, ...]:
        """Return all values of the class `kind` in a table, such as all deliveries, in the order of their first
        write."""
        return _all(kind, self._rows(table))

    def _check_shape(self, writes: Sequence[_Write]) -> None:
        keys = [(write.table, write.key) for write in writes]
        if len(set(keys)) != len(keys) or not 0 < len(keys) <= MAX_ACTIONS:
            raise AssertionError(f"DynamoDB refuses this transaction: {keys}")

    def _apply(self, write: _Write) -> None:
        if write.row is None:
            self._table(write.table).pop(write.key, None)
        else:
            self._table(write.table)[write.key] = write.row

    def _table(self, name: str) -> dict[str, Any]:
        return self.tables.setdefault(name, {})

    def _rows(self, table: str) -> list[Any]:
        return list(self._table(table).values())

    def _where(self, table: str, name: str, value: str) -> list[Any]:
        return [row for row in self._rows(table) if getattr(row, name) == value]

    def _load(self, kind: type[T], table: str, key: str) -> T | None:
        row = self._table(table).get(key)
        return None if row is None else _decode(kind, row.record)


@lru_cache(maxsize=20_000)
def _decoded(kind: Any, text: str) -> Any:
    return codec.load(kind, text)


def _decode(kind: type[T], text: str) -> T:
    """Return the record in a row's JSON text. Records are frozen, so that readers of the same text may share one."""
    return cast(T, _decoded(cast(Any, kind), text))


def _all(kind: type[T], matches: Iterable[Any]) -> tuple[T, ...]:
    return tuple(_decode(kind, row.record) for row in matches)


def _newest(kind: type[T], matches: Iterable[Any], *, limit: int, before: int | None) -> Page[T]:
    """Return a page of the events in these rows, the newest first, and only events before the position `before`."""
    left = sorted((row for row in matches if before is None or row.sequence < before), key=lambda row: -row.sequence)
    return Page(_all(kind, left[:limit]), str(left[limit - 1].sequence) if len(left) > limit else None)


def _page(
    kind: type[T], matches: list[Any], range_name: str, *, ascending: bool, limit: int, after: str | None
) -> Page[T]:
    def key(row: Any) -> tuple[str, str]:
        return getattr(row, range_name), row.id

    matches.sort(key=key, reverse=not ascending)
    if after is not None:
        value, _, row_id = after.rpartition("|")
        matches = [row for row in matches if (key(row) > (value, row_id)) is ascending and row.id != row_id]
    shown = matches[:limit]
    more = "|".join(key(shown[-1])) if len(matches) > limit else None
    return Page(_all(kind, shown), more)
