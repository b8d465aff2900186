"""Test the database: the same tests run on DynamoDB (in the local AWS) and on the fake in memory.

So unit tests can trust the fake."""

import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from chalicelib.adapters import dynamodb_rows as rows
from chalicelib.adapters import dynamodb_tables as tables
from chalicelib.adapters import json_codec as codec
from chalicelib.adapters.dynamodb_store import DynamoStore
from chalicelib.domain.account_events import AccountEvent, AccountEventType, Origin, account_event
from chalicelib.domain.certification.facts import AttentionReason
from chalicelib.domain.deliveries import AttemptStatus, Channel, DeliveryAttempt, DeliveryStatus, MessageType
from chalicelib.domain.delivery_attempts import queue_again
from chalicelib.domain.documents import ReturnedMethod, Sealing
from chalicelib.domain.errors import ConcurrentUpdate
from chalicelib.domain.practices import ApiKey, WebhookSecret
from chalicelib.domain.status import Outcome
from chalicelib.services.ports import DeliveryListing, Listing, Store
from chalicelib.services.transaction import Change, Claim
from infrastructure.local import emulator
from infrastructure.local.paths import LocalPaths
from infrastructure.local.processes import Processes, take_lock
from infrastructure.progress import Progress
from tests.support.fake_store import FakeStore
from tests.support.fakes import START
from tests.support.free_ports import free_port
from tests.support.integration.store_values import World, decided
from tests.support.provider_fixtures import PRACTICE
from tests.support.worlds.delivery_world import some_settings

MODELS = (
    tables.DocumentRow,
    tables.EventRow,
    tables.AccountEventRow,
    tables.OutboxTableRow,
    tables.DeliveryRow,
    tables.ProviderRow,
    tables.PracticeRow,
    tables.SecretRow,
    tables.ClaimRow,
    tables.RequestRow,
)
NAMES = (
    "documents",
    "events",
    "account_events",
    "outbox",
    "deliveries",
    "providers",
    "practices",
    "secrets",
    "claims",
    "requests",
)


@pytest.fixture(scope="module")
def local_aws() -> Iterator[str]:
    """Yield the URL of an empty local AWS."""
    home = Path(tempfile.mkdtemp(prefix="portal-store-"))
    paths = LocalPaths(home)
    paths.prepare()
    processes = Processes(paths, take_lock(paths, Progress(time.time())))
    try:
        port = free_port()
        processes.start(emulator.command(paths, port, smtp_port=free_port(), persistent=False))
        emulator.wait_until_up(processes, port)
        yield emulator.endpoint(port)
    finally:
        processes.stop()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def dynamo(local_aws: str) -> Iterator[DynamoStore]:
    """Yield the real database client on the local AWS, with empty tables made from the classes of the rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", local_aws)
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.delenv("AWS_SESSION_TOKEN", raising=False)
        patch.delenv("AWS_PROFILE", raising=False)
        named: dict[str, Any] = {f"table_{name}": f"store-{name}" for name in NAMES}
        connection = tables.bind(replace(some_settings(), region=emulator.REGION, **named))
        for model in MODELS:
            model.create_table(billing_mode="PAY_PER_REQUEST", wait=True)
        yield DynamoStore(connection)


@pytest.fixture(params=["in memory", "on DynamoDB"])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "in memory":
        return FakeStore()
    real: DynamoStore = request.getfixturevalue("dynamo")
    return real


@pytest.fixture
def world() -> World:
    return World(uuid4().hex[:12])


def lost_parts(store: Store, change: Change) -> tuple[str, ...]:
    with pytest.raises(ConcurrentUpdate) as lost:
        store.commit(change)
    return lost.value.parts


# Writes and reads


def test_every_kind_of_value_is_read_back_unchanged(store: Store, world: World) -> None:
    practice = replace(
        PRACTICE,
        id=world.practice_id,
        api_keys=(ApiKey(sha256="00", hint="pp_", created_at=START),),
        webhook_secrets=(WebhookSecret(value="whsec_eA==", created_at=START, expires_at=START),),
    )
    document, row = decided(world.document(version=0), START), world.outbox()
    event, delivery = world.event(document), world.delivery(body="é", carrier_id=world.id("ses"))
    store.commit(
        Change(
            at=START,
            documents=(document,),
            events=(event,),
            outbox=(row,),
            deliveries=(delivery,),
            providers=(world.provider(),),
            practices=(practice,),
            secrets=(world.secret(),),
            claims=(Claim(key=world.id("npi"), owner="prv_1"),),
            requests=(world.request(),),
        )
    )
    assert store.document(document.id) == document
    assert store.events(document.id) == (event,)
    assert store.delivery(delivery.id) == delivery
    assert store.provider(world.provider_id) == world.provider()
    assert store.practice(practice.id) == practice
    assert store.secret(world.secret().key) == world.secret()
    assert store.request(world.practice_id, "msg_1") == world.request()
    assert store.claims([world.id("npi"), world.id("none"), world.id("npi")]) == {world.id("npi"): "prv_1"}
    outbox = store.outbox(START + timedelta(1), limit=1000)
    assert [stored for stored in outbox if stored.id == row.id] == [row]


def test_a_missing_row_is_none(store: Store, world: World) -> None:
    assert store.document(world.id("doc")) is None
    assert store.delivery(world.id("dlv")) is None
    assert store.delivery_by_carrier(world.id("ses")) is None
    assert store.provider(world.provider_id) is None
    assert store.practice(world.practice_id) is None
    assert store.secret(world.id("key")) is None
    assert store.request(world.practice_id, "msg_1") is None
    assert store.events(world.id("doc")) == ()
    assert store.claims([]) == {}
    assert store.secrets([world.id("key")]) == {}


# Conditions


@pytest.mark.parametrize("field", ["documents", "deliveries", "providers", "practices", "secrets"])
def test_a_version_is_written_only_over_the_previous_version(store: Store, world: World, field: str) -> None:
    first: Any = {
        "documents": world.document(),
        "deliveries": world.delivery(),
        "providers": world.provider(),
        "practices": replace(PRACTICE, id=world.practice_id),
        "secrets": world.secret(),
    }[field]
    part = {"deliveries": "delivery"}.get(field, field[:-1])

    def change(version: int) -> Change:
        values: dict[str, Any] = {field: (replace(first, version=version),)}
        return Change(at=START, **values)

    assert lost_parts(store, change(2)) == (part,)
    store.commit(change(1))
    assert lost_parts(store, change(1)) == (part,)
    assert lost_parts(store, change(3)) == (part,)
    store.commit(change(2))
    assert lost_parts(store, change(2)) == (part,)


def test_when_one_part_fails_nothing_is_written(store: Store, world: World) -> None:
    store.commit(Change(at=START, claims=(Claim(key=world.id("npi"), owner="prv_other"),)))
    change = Change(
        at=START,
        documents=(world.document(),),
        outbox=(world.outbox(),),
        requests=(world.request(),),
        claims=(Claim(key=world.id("npi"), owner=world.provider_id),),
    )
    assert lost_parts(store, change) == ("claim",)
    assert store.document(world.id("doc")) is None
    assert store.request(world.practice_id, "msg_1") is None
    assert world.id("out") not in [row.id for row in store.outbox(START + timedelta(1), limit=1000)]


def test_every_failed_part_is_named_once(store: Store, world: World) -> None:
    document = world.document()
    store.commit(Change(at=START, documents=(document,), events=(world.event(document),), requests=(world.request(),)))
    change = Change(
        at=START,
        documents=(document,),
        events=(world.event(document),),
        requests=(world.request(),),
        spent=(world.secret(),),
    )
    assert sorted(lost_parts(store, change)) == ["document", "request", "secret"]


def test_an_event_is_never_overwritten(store: Store, world: World) -> None:
    document = world.document()
    store.commit(Change(at=START, events=(world.event(document),)))
    assert lost_parts(store, Change(at=START, events=(world.event(document, "forged"),))) == ("document",)
    assert [row.type for row in store.events(document.id)] == ["document.sent"]


def test_account_events_are_paged_from_the_newest(store: Store, world: World) -> None:
    owner, other = world.id("prv"), world.id("prx")
    made = [
        account_event(
            who,
            AccountEventType.LOGGED_IN,
            START + timedelta(milliseconds=number // 2),
            Origin("198.51.100.7", "Phone"),
            unique=str(number),
            method="passkey",
        )
        for number in range(7)
        for who in (owner, other)
    ]
    for entry in made:
        store.commit(Change(at=START, account_events=(entry,)))
    whole = sorted((event for event in made if event.provider_id == owner), key=lambda event: -event.sort_key)
    first = store.account_events(owner, limit=3, before=None)
    second = store.account_events(owner, limit=3, before=int(first.next_after or "0"))
    third = store.account_events(owner, limit=3, before=int(second.next_after or "0"))
    assert [*first.items, *second.items, *third.items] == whole
    assert third.next_after is None
    assert store.account_events(world.id("prv_none"), limit=3, before=None).items == ()


def test_account_events_of_earlier_releases_are_read_among_the_others(store: Store, world: World) -> None:
    def entry(number: int) -> AccountEvent:
        at = START + timedelta(minutes=number)
        return account_event(world.id("prv"), AccountEventType.LOGGED_IN, at, Origin(), unique=str(number))

    entries = [entry(number) for number in range(4)]
    for number in (0, 2):
        store_as_before(store, entries[number])
    for number in (1, 3):
        store.commit(Change(at=START, account_events=(entries[number],)))
    first = store.account_events(world.id("prv"), limit=3, before=None)
    second = store.account_events(world.id("prv"), limit=3, before=int(first.next_after or "0"))
    assert [*first.items, *second.items] == entries[::-1]
    assert second.next_after is None


def store_as_before(store: Store, entry: AccountEvent) -> None:
    """Store an account event where earlier releases stored it: in the table of document events."""
    key = rows.old_account_key(entry.provider_id)
    row = tables.EventRow(document_id=key, sequence=entry.sort_key, record=codec.dump(entry))
    if isinstance(store, FakeStore):
        store.tables.setdefault("events", {})[f"{key}#{entry.sort_key}"] = row
    else:
        row.save()


def test_an_account_event_is_never_overwritten(store: Store, world: World) -> None:
    entry = account_event(world.id("prv"), AccountEventType.LOGGED_IN, START, Origin(), unique="1")
    store.commit(Change(at=START, account_events=(entry,)))
    assert lost_parts(store, Change(at=START, account_events=(entry,))) == ("account",)


def test_events_are_read_in_order(store: Store, world: World) -> None:
    document = world.document()
    for number in range(12):
        event = world.event(replace(document, sequence=number))
        store.commit(Change(at=START, events=(event,)))
    assert [row.sequence for row in store.events(document.id)] == list(range(1, 13))


def test_a_claim_keeps_its_owner_until_replaces_names_that_owner(store: Store, world: World) -> None:
    def claim(owner: str, replaces: str | None = None) -> Change:
        return Change(at=START, claims=(Claim(key=world.id("npi"), owner=owner, replaces=replaces),))

    store.commit(claim("one"))
    store.commit(claim("one"))
    assert lost_parts(store, claim("two")) == ("claim",)
    assert lost_parts(store, claim("two", replaces="three")) == ("claim",)
    store.commit(claim("two", replaces="one"))
    assert store.claims([world.id("npi")]) == {world.id("npi"): "two"}


def test_a_response_is_written_once(store: Store, world: World) -> None:
    store.commit(Change(at=START, requests=(world.request(),)))
    other = world.request(body_sha256="01")
    assert lost_parts(store, Change(at=START, requests=(other,))) == ("request",)
    assert store.request(world.practice_id, "msg_1") == world.request()


# Secrets


def test_only_its_owner_releases_a_claim_and_only_once(store: Store, world: World) -> None:
    claims = tuple(Claim(key=world.id("npi"), owner=owner) for owner in ("one", "two"))
    store.commit(Change(at=START, claims=claims[:1]))
    assert lost_parts(store, Change(at=START, released=claims[1:])) == ("claim",)
    store.commit(Change(at=START, released=claims[:1]))
    assert store.claims([world.id("npi")]) == {}
    assert lost_parts(store, Change(at=START, released=claims[:1])) == ("claim",)
    store.commit(Change(at=START, claims=claims[1:]))


@pytest.mark.parametrize(("minutes", "spent"), [(89.99, True), (90, False), (91, False)])
def test_a_secret_is_spent_once_and_only_before_its_expiry(
    store: Store, world: World, minutes: float, *, spent: bool
) -> None:
    secret = world.secret()
    store.commit(Change(at=START, secrets=(secret,)))
    change = Change(at=START + timedelta(minutes=minutes), spent=(secret,))
    if spent:
        store.commit(change)
        assert store.secret(secret.key) is None
    assert lost_parts(store, change) == ("secret",)
    assert (store.secret(secret.key) is None) is spent


def test_a_secret_that_changed_meanwhile_is_not_spent(store: Store, world: World) -> None:
    secret = world.secret()
    store.commit(Change(at=START, secrets=(secret,)))
    store.commit(Change(at=START, secrets=(replace(secret, version=2, tries=1),)))
    assert lost_parts(store, Change(at=START, spent=(secret,))) == ("secret",)


def test_a_dropped_secret_is_deleted_in_every_state(store: Store, world: World) -> None:
    secret = world.secret()
    store.commit(Change(at=START, secrets=(secret,)))
    late = Change(at=START + timedelta(days=1), dropped=(replace(secret, version=9), world.secret(2)))
    store.commit(late)
    assert store.secret(secret.key) is None


def test_several_secrets_are_read_in_one_call(store: Store, world: World) -> None:
    store.commit(Change(at=START, secrets=(world.secret(1), world.secret(2))))
    keys = [world.id("key", number) for number in (1, 2, 3, 1)]
    assert store.secrets(keys) == {keys[0]: world.secret(1), keys[1]: world.secret(2)}


def test_a_visit_reads_the_rows_that_exist(store: Store, world: World) -> None:
    document, provider, session = world.document(), world.provider(), world.secret()
    store.commit(Change(at=START, documents=(document,), providers=(provider,), secrets=(session,)))
    whole = store.visit(session.key, provider.id, document.id)
    assert (whole.session, whole.provider, whole.document) == (session, provider, document)
    part = store.visit(world.id("key", 9), None, None)
    assert (part.session, part.provider, part.document) == (None, None, None)


# Lists


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


# Concurrent writers


def test_exactly_one_of_many_concurrent_writers_wins(dynamo: DynamoStore, world: World) -> None:
    outcomes: list[str] = []

    def write(number: int) -> None:
        document = world.document(title=f"Plan {number}")
        try:
            dynamo.commit(Change(at=START, documents=(document,), requests=(world.request(),)))
        except ConcurrentUpdate as lost:
            outcomes.append("lost " + ", ".join(sorted(lost.parts)))
        else:
            outcomes.append("won")

    run_in_threads([partial(write, number) for number in range(8)])
    assert outcomes.count("won") == 1
    assert set(outcomes) == {"won", "lost document, request"}


def run_in_threads(steps: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=step) for step in steps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
