"""Test the lists of the database: which rows each of them has, in which order, and its pages."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.domain.certification.facts import AttentionReason
from chalicelib.domain.deliveries import AttemptStatus, Channel, DeliveryAttempt, DeliveryStatus, MessageType
from chalicelib.domain.delivery_attempts import queue_again
from chalicelib.domain.documents import ReturnedMethod, Sealing
from chalicelib.domain.status import Outcome
from chalicelib.services.ports import DeliveryListing, Listing, Store
from chalicelib.services.transaction import Change
from tests.support.fakes import START
from tests.support.integration.store_values import World, decided


def listed(store: Store, listing: Listing, owner: str, *, limit: int = 2) -> tuple[list[str], list[int]]:
    """Read all pages of a list of documents. Return the ids of all documents in order, and the length of each page."""
    ids: list[str] = []
    sizes: list[int] = []
    after: str | None = None
    while True:
        page = store.documents(listing, owner, limit=limit, after=after)
        ids.extend(row.id for row in page.items)
        sizes.append(len(page.items))
        after = page.next_after
        if after is None:
            return ids, sizes


def test_the_documents_of_a_practice_are_paged_newest_first(store: Store, world: World) -> None:
    documents = [world.document(n, sent_at=START + timedelta(minutes=n)) for n in range(1, 6)]
    store.commit(Change(at=START, documents=tuple(documents)))
    newest_first = [row.id for row in reversed(documents)]
    assert listed(store, Listing.PRACTICE_ALL, world.practice_id) == (newest_first, [2, 2, 1])
    assert listed(store, Listing.PRACTICE_UNSIGNED, world.practice_id, limit=5) == (newest_first, [5])
    assert listed(store, Listing.PRACTICE_ALL, world.id("prc", 2)) == ([], [0])


def test_a_list_that_starts_before_a_time_is_paged(store: Store, world: World) -> None:
    documents = [world.document(n, sent_at=START + timedelta(minutes=n)) for n in range(1, 6)]
    store.commit(Change(at=START, documents=tuple(documents)))
    fourth = documents[3].sent_at
    ids, after = list[str](), None
    for _ in range(2):
        page = store.documents(Listing.PRACTICE_ALL, world.practice_id, limit=2, after=after, before=fourth)
        ids += [row.id for row in page.items]
        after = page.next_after
    assert ids == [row.id for row in reversed(documents[:3])]
    assert after is None


def test_a_closed_document_leaves_the_unsigned_report(store: Store, world: World) -> None:
    closed = world.document(1).mark_returned(ReturnedMethod.PAPER, START)
    recalled = world.document(2).recall(None, START)
    approved = replace(decided(world.document(3), START), version=1)
    assert closed
    assert recalled
    store.commit(Change(at=START, documents=(closed, recalled, approved, world.document(4))))
    unsigned, _ = listed(store, Listing.PRACTICE_UNSIGNED, world.practice_id)
    assert set(unsigned) == {approved.id, world.id("doc", 4)}
    everything, _ = listed(store, Listing.PRACTICE_ALL, world.practice_id)
    assert len(everything) == 4


def test_the_worklist_of_a_practice_is_paged_soonest_due_first(store: Store, world: World) -> None:
    ask: dict[str, Any] = {"attention": AttentionReason.SIGNED_UNDATED}
    days = [datetime(2026, 12, day, tzinfo=UTC).date() for day in (20, 5, 12, 12, 1)]
    documents = [world.document(number, due_on=day, **ask) for number, day in enumerate(days, start=1)]
    scan = replace(decided(documents[2], START), outcome=Outcome.BY_HAND, version=1, **ask)
    quiet, foreign = world.document(6), world.document(7, practice_id=world.id("prc", 2), **ask)
    store.commit(Change(at=START, documents=(*documents[:2], scan, *documents[3:], quiet, foreign)))
    ids, sizes = listed(store, Listing.PRACTICE_ATTENTION, world.practice_id)
    assert ids == [world.id("doc", number) for number in (5, 2, 3, 4, 1)]
    assert sizes == [2, 2, 1]
    assert listed(store, Listing.PROVIDER_PAST, world.provider_id) == ([scan.id], [1])
    recalled = documents[4].recall(None, START)
    assert recalled
    store.commit(Change(at=START, documents=(replace(recalled, version=2),)))
    ids, _ = listed(store, Listing.PRACTICE_ATTENTION, world.practice_id)
    assert ids == [world.id("doc", number) for number in (2, 3, 4, 1)]


def test_pending_documents_are_listed_soonest_due_first(store: Store, world: World) -> None:
    days = [datetime(2026, 12, day, tzinfo=UTC).date() for day in (20, 5, 12)]
    documents = [world.document(number, due_on=day) for number, day in enumerate(days, start=1)]
    store.commit(Change(at=START, documents=tuple(documents)))
    ids, sizes = listed(store, Listing.PROVIDER_PENDING, world.provider_id)
    assert ids == [world.id("doc", number) for number in (2, 3, 1)]
    assert sizes == [2, 1]
    assert store.count(Listing.PROVIDER_PENDING, world.provider_id, most=10) == 3
    assert store.count(Listing.PROVIDER_PENDING, world.provider_id, most=2) == 2


def test_a_decision_moves_a_document_to_the_past_list_newest_first(store: Store, world: World) -> None:
    documents = [world.document(number) for number in (1, 2, 3)]
    store.commit(Change(at=START, documents=tuple(documents)))
    for number in (1, 3):
        at = START + timedelta(hours=number)
        store.commit(Change(at=at, documents=(decided(documents[number - 1], at),)))
    recalled = documents[1].recall(None, START)
    assert recalled
    store.commit(Change(at=START, documents=(replace(recalled, version=2),)))
    past, _ = listed(store, Listing.PROVIDER_PAST, world.provider_id)
    assert past == [world.id("doc", 3), world.id("doc", 1)]
    assert listed(store, Listing.PROVIDER_PENDING, world.provider_id) == ([], [0])


def test_an_unsealed_document_is_listed_until_it_is_sealed(store: Store, world: World) -> None:
    documents = [decided(world.document(n, version=0), START + timedelta(hours=n)) for n in (1, 2)]
    sealed = replace(decided(world.document(3, version=0), START), sealing=Sealing.SEALED)
    store.commit(Change(at=START, documents=(*documents, sealed)))

    def listed_ids(before: datetime) -> set[str]:
        ids = [row.id for row in store.unsealed_documents(before, limit=1000)]
        return {row_id for row_id in ids if world.tag in row_id}

    assert listed_ids(START + timedelta(hours=1)) == set()
    assert listed_ids(START + timedelta(hours=1, seconds=1)) == {documents[0].id}
    assert listed_ids(START + timedelta(days=1)) == {documents[0].id, documents[1].id}


def test_a_document_is_due_for_follow_up_at_its_time(store: Store, world: World) -> None:
    due = [world.document(number, follow_up_at=START + timedelta(hours=number)) for number in (1, 2)]
    store.commit(Change(at=START, documents=(*due, world.document(3))))

    def listed_ids(before: datetime) -> set[str]:
        ids = [row.id for row in store.follow_up_documents(before, limit=1000)]
        return {row_id for row_id in ids if world.tag in row_id}

    assert listed_ids(START + timedelta(minutes=59)) == set()
    assert listed_ids(START + timedelta(hours=1)) == {due[0].id}
    done = replace(due[0], version=due[0].version + 1, follow_up_at=None)
    store.commit(Change(at=START, documents=(done,)))
    assert listed_ids(START + timedelta(hours=2)) == {due[1].id}


def test_deliveries_are_listed_newest_first_and_failed_ones_separately(store: Store, world: World) -> None:
    failed = world.delivery(2, status=DeliveryStatus.FAILED)
    store.commit(Change(at=START, deliveries=(world.delivery(1), failed, world.delivery(3))))
    page = store.deliveries(DeliveryListing.ALL, world.practice_id, limit=2, after=None)
    assert [row.id for row in page.items] == [world.id("dlv", 3), failed.id]
    rest = store.deliveries(DeliveryListing.ALL, world.practice_id, limit=2, after=page.next_after)
    assert ([row.id for row in rest.items], rest.next_after) == ([world.id("dlv", 1)], None)
    apart = store.deliveries(DeliveryListing.FAILED, world.practice_id, limit=2, after=None)
    assert (apart.items, apart.next_after) == ((failed,), None)
    held = world.delivery(4, status=DeliveryStatus.HELD)
    store.commit(Change(at=START, deliveries=(held,)))
    assert store.deliveries(DeliveryListing.HELD, world.practice_id, limit=2, after=None).items == (held,)


def test_a_delivery_is_due_at_its_time(store: Store, world: World) -> None:
    due = [world.delivery(number, next_attempt_at=START + timedelta(hours=number)) for number in (1, 2)]
    store.commit(Change(at=START, deliveries=(*due, world.delivery(3))))

    def listed_ids(before: datetime) -> set[str]:
        due = store.due_deliveries(before, limit=1000)
        return {row.id for row in due if row.practice_id == world.practice_id}

    assert listed_ids(START) == set()
    assert listed_ids(START + timedelta(hours=1)) == {due[0].id}
    store.commit(Change(at=START, deliveries=(replace(due[0], version=2, next_attempt_at=None),)))
    assert listed_ids(START + timedelta(days=1)) == {due[1].id}


def test_held_deliveries_are_listed_oldest_first(store: Store, world: World) -> None:
    held = [world.delivery(number, status=DeliveryStatus.HELD) for number in (1, 2, 3)]
    store.commit(Change(at=START, deliveries=(*held, world.delivery(4))))
    assert store.held_deliveries(world.practice_id, limit=2) == tuple(held[:2])
    released = replace(held[0], version=2, status=DeliveryStatus.QUEUED)
    store.commit(Change(at=START, deliveries=(released,)))
    assert store.held_deliveries(world.practice_id, limit=9) == tuple(held[1:])


def test_waiting_faxes_are_listed_by_practice_and_number(store: Store, world: World) -> None:
    fax = {"channel": Channel.FAX, "recipient": "+15125550100"}
    waiting = [world.delivery(number, **fax) for number in (1, 2, 3)]
    elsewhere = world.delivery(4, channel=Channel.FAX, recipient="+15125550199")
    sent = world.delivery(5, status=DeliveryStatus.SENT, **fax)
    store.commit(Change(at=START, deliveries=(*waiting, elsewhere, sent, world.delivery(6))))
    assert store.waiting_messages(Channel.FAX, world.practice_id, "+15125550100", limit=2) == tuple(waiting[:2])
    sending = replace(waiting[0], version=2, status=DeliveryStatus.SENDING)
    store.commit(Change(at=START, deliveries=(sending,)))
    assert store.waiting_messages(Channel.FAX, world.practice_id, "+15125550100", limit=9) == tuple(waiting[1:])
    assert store.held_deliveries(world.practice_id, limit=9) == ()


def test_waiting_announcements_are_listed_by_practice_and_address(store: Store, world: World) -> None:
    email = {"channel": Channel.EMAIL, "recipient": "dr@example.com"}
    ready, code = {**email, "type": MessageType.READY}, {**email, "type": MessageType.CODE}
    waiting = [world.delivery(number, **ready) for number in (1, 2)]
    sent = world.delivery(3, status=DeliveryStatus.SENT, **ready)
    store.commit(Change(at=START, deliveries=(*waiting, sent, world.delivery(4, **code))))
    assert store.waiting_messages(Channel.EMAIL, world.practice_id, "dr@example.com", limit=9) == tuple(waiting)
    assert store.waiting_messages(Channel.EMAIL, world.practice_id, "nurse@example.com", limit=9) == ()


def test_waiting_webhooks_are_listed_oldest_first_and_are_not_held(store: Store, world: World) -> None:
    failed = (DeliveryAttempt(at=START, status=AttemptStatus.FAILED, detail=""),)
    waiting = [world.delivery(number, channel=Channel.WEBHOOK, attempts=failed) for number in (1, 2, 3)]
    others = (
        world.delivery(4, channel=Channel.WEBHOOK),
        world.delivery(5, attempts=failed),
        world.delivery(6, channel=Channel.WEBHOOK, attempts=failed, status=DeliveryStatus.HELD),
    )
    store.commit(Change(at=START, deliveries=(*waiting, *others)))
    first = store.waiting_webhooks(world.practice_id, limit=2, after=None)
    assert first.items == tuple(waiting[:2])
    rest = store.waiting_webhooks(world.practice_id, limit=2, after=first.next_after)
    assert (rest.items, rest.next_after) == ((waiting[2],), None)
    assert store.held_deliveries(world.practice_id, limit=9) == (others[2],)

    hastened = queue_again(waiting[0], START, why="")
    store.commit(Change(at=START, deliveries=(hastened,)))
    left = store.waiting_webhooks(world.practice_id, limit=9, after=None)
    assert left.items == tuple(waiting[1:])


def test_a_delivery_is_found_by_its_carrier_id(store: Store, world: World) -> None:
    delivery = world.delivery(carrier_id=world.id("ses"))
    store.commit(Change(at=START, deliveries=(delivery,)))
    assert store.delivery_by_carrier(world.id("ses")) == delivery


def test_the_outbox_lists_old_rows_until_they_are_dropped(store: Store, world: World) -> None:
    rows = [world.outbox(number, created_at=START + timedelta(minutes=number)) for number in (1, 2)]
    store.commit(Change(at=START, outbox=tuple(rows)))

    def listed_ids() -> list[str]:
        before = START + timedelta(minutes=2)
        return [row.id for row in store.outbox(before, limit=1000) if world.tag in row.id]

    assert listed_ids() == [rows[0].id]
    store.drop_outbox(rows[0].id)
    store.drop_outbox(rows[0].id)
    assert listed_ids() == []
