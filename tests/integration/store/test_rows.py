"""Test the writes and reads of single rows, their conditions, and concurrent writers."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from chalicelib.adapters import dynamodb_rows as rows
from chalicelib.adapters import dynamodb_tables as tables
from chalicelib.adapters import json_codec as codec
from chalicelib.adapters.dynamodb_store import DynamoStore
from chalicelib.domain.account_events import AccountEvent, AccountEventType, Origin, account_event
from chalicelib.domain.errors import ConcurrentUpdate
from chalicelib.domain.practices import ApiKey, WebhookSecret
from chalicelib.services.ports import Store
from chalicelib.services.transaction import Change, Claim
from tests.support.fake_store import FakeStore
from tests.support.fakes import START
from tests.support.integration.store_values import World, decided
from tests.support.provider_fixtures import PRACTICE


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
