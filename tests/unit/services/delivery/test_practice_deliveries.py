import json
from dataclasses import replace

import pytest

from chalicelib.domain.deliveries import Delivery, DeliveryStatus
from chalicelib.domain.documents import Document
from chalicelib.domain.errors import Conflict, Invalid, NotFound
from chalicelib.services.delivery.practice_deliveries import PracticeDeliveries, delivery_resource
from chalicelib.services.delivery_rows import delivery_line
from chalicelib.services.documents.document_refs import DocumentRef
from chalicelib.services.documents.document_resource import document_resource
from chalicelib.services.documents.document_writer import DocumentWriter
from chalicelib.services.documents.lifecycle_events import RecallCommand
from chalicelib.services.documents.recorder import Actor
from chalicelib.services.pagination import decode_cursor, encode_cursor, list_name, parse_limit
from chalicelib.services.ports import DeliveryListing
from chalicelib.services.transaction import Change
from tests.support.emr_fixtures import OTHER_PRACTICE, PORTAL_URL, PRACTICE, Emr, sent

STAFF = Actor("practice:prc_1")


def an_outgoing(emr: Emr) -> PracticeDeliveries:
    return PracticeDeliveries(DocumentWriter(store=emr.store, ids=emr.ids, portal_url=PORTAL_URL))


def failed(emr: Emr, kind: str) -> Delivery:
    """Set the practice's message of this type to *failed* after its last attempt, and return its delivery."""
    delivery = next(row for row in emr.deliveries() if row.type == kind)
    ended = replace(delivery, version=2, status=DeliveryStatus.FAILED, next_attempt_at=None)
    emr.store.commit(Change(at=emr.now, deliveries=(ended,)))
    return ended


def a_failed_mail(emr: Emr) -> tuple[Document, Delivery]:
    return emr.send(), failed(emr, "ready")


def a_failed_webhook(emr: Emr) -> Delivery:
    emr.send()
    emr.lifecycle.recall(emr.inbound(), RecallCommand(document=DocumentRef(external_id="POC-1001")))
    return failed(emr, "document.recalled")


def test_a_failed_email_is_queued_again_and_its_document_shows_the_retry() -> None:
    emr = Emr()
    document, mail = a_failed_mail(emr)
    emr.store.tables["outbox"].clear()
    queued = an_outgoing(emr).retry(PRACTICE, mail.id, STAFF, emr.now)

    assert (queued.status, queued.next_attempt_at) == (DeliveryStatus.QUEUED, emr.now)
    assert [job.delivery_id for job in emr.store.jobs()] == [mail.id]
    after = emr.store.document(document.id)
    assert after is not None
    assert {line.id: line.status for line in after.deliveries}[mail.id] == "queued"
    assert emr.store.events(document.id)[-1].type == "delivery.retried"


def test_a_retried_webhook_has_the_same_bytes_and_id_and_goes_to_the_current_endpoint() -> None:
    emr = Emr()
    webhook = a_failed_webhook(emr)
    assert PRACTICE.endpoint is not None
    moved = replace(PRACTICE, endpoint=replace(PRACTICE.endpoint, url="https://new.example.com"))
    queued = an_outgoing(emr).retry(moved, webhook.id, STAFF, emr.now)
    assert (queued.body, queued.message_id) == (webhook.body, webhook.message_id)
    assert queued.recipient == "https://new.example.com"


def test_a_webhook_is_not_retried_while_the_endpoint_is_off() -> None:
    emr = Emr()
    webhook = a_failed_webhook(emr)
    with pytest.raises(Conflict) as refused:
        an_outgoing(emr).retry(replace(PRACTICE, endpoint=None), webhook.id, STAFF, emr.now)
    assert refused.value.code == "no-endpoint"


def test_a_queued_message_is_not_sent_twice() -> None:
    emr = Emr()
    _, mail = a_failed_mail(emr)
    an_outgoing(emr).retry(PRACTICE, mail.id, STAFF, emr.now)
    with pytest.raises(Conflict) as refused:
        an_outgoing(emr).retry(PRACTICE, mail.id, STAFF, emr.now)
    assert refused.value.code == "delivery-queued"


@pytest.mark.parametrize("other_id", ["dlv_nothing", None])
def test_another_practices_delivery_gives_the_same_error_as_an_unknown_one(other_id: str | None) -> None:
    emr = Emr()
    _, mail = a_failed_mail(emr)
    with pytest.raises(NotFound) as refused:
        an_outgoing(emr).retry(OTHER_PRACTICE, other_id or mail.id, STAFF, emr.now)
    assert refused.value.detail == "There is no such delivery."


def test_the_list_of_failed_messages_contains_only_those_of_this_practice() -> None:
    emr = Emr()
    _, mail = a_failed_mail(emr)
    emr.send(sent(external_id="POC-2"), practice=OTHER_PRACTICE)
    page = an_outgoing(emr).page(PRACTICE, DeliveryListing.FAILED, limit=10, after=None)
    assert [delivery.id for delivery in page.items] == [mail.id]
    everything = an_outgoing(emr).page(PRACTICE, DeliveryListing.ALL, limit=10, after=None)
    assert {delivery.type for delivery in everything.items} == {"ready"}
    assert {delivery.practice_id for delivery in everything.items} == {PRACTICE.id}


@pytest.mark.parametrize("kind", ["setup", "reset"])
def test_an_old_email_about_an_account_is_neither_listed_nor_sent_again(kind: str) -> None:
    """Such an email may have gone to a username that no practice knows, so no practice may see it in its list."""
    emr = Emr()
    document, mail = a_failed_mail(emr)
    private = replace(mail, id="dlv_old", version=1, type=kind, recipient="luis@home.example")
    emr.store.commit(Change(at=emr.now, deliveries=(private,)))
    for listing in (DeliveryListing.FAILED, DeliveryListing.ALL):
        page = an_outgoing(emr).page(PRACTICE, listing, limit=10, after=None)
        assert private.id not in {delivery.id for delivery in page.items}
    with pytest.raises(NotFound):
        an_outgoing(emr).retry(PRACTICE, private.id, STAFF, emr.now)
    shown = replace(document, deliveries=(delivery_line(private, emr.now),))
    assert document_resource(shown, "https://portal.test", emr.now)["deliveries"] == []


def test_a_test_webhook_is_queued_once_with_frozen_bytes() -> None:
    emr = Emr()
    test = an_outgoing(emr).test_endpoint(PRACTICE, emr.now)
    assert json.loads(test.body or "") == {
        "type": "endpoint.test",
        "timestamp": "2026-11-22T19:00:00.000Z",
        "data": {"practice_id": "prc_1"},
    }
    assert [job.delivery_id for job in emr.store.jobs()] == [test.id]
    assert delivery_resource(test)["webhook_id"] == test.message_id


def test_without_an_endpoint_the_test_is_refused() -> None:
    emr = Emr()
    with pytest.raises(Conflict):
        an_outgoing(emr).test_endpoint(OTHER_PRACTICE, emr.now)


# Paging


def test_new_messages_cause_no_repeat_and_no_gap_between_pages() -> None:
    emr = Emr()
    for number in range(5):
        emr.clock.pass_time(seconds=1)
        emr.send(sent(external_id=f"POC-{number}"))
    outgoing, place = an_outgoing(emr), None
    seen: list[str] = []
    while True:
        page = outgoing.page(PRACTICE, DeliveryListing.ALL, limit=2, after=place)
        seen.extend(delivery.id for delivery in page.items)
        emr.clock.pass_time(seconds=1)
        emr.send(sent(external_id=f"NEW-{len(seen)}"))
        place = decode_cursor(encode_cursor(page.next_after, of="all"), of="all")
        if place is None:
            break
    assert len(seen) == len(set(seen)) == 5


@pytest.mark.parametrize("cursor", ["nonsense", "%%%", "YWJj", "é", "A" * 5000, "Ynl0ZXM|x"])
def test_a_cursor_that_was_never_given_out_is_invalid(cursor: str) -> None:
    with pytest.raises(Invalid) as refused:
        decode_cursor(cursor)
    assert [error.field for error in refused.value.errors] == ["cursor"]


@pytest.mark.parametrize("of", ["failed:prc_1", "all:prc_2", "all", ""])
def test_a_cursor_of_another_list_is_invalid(of: str) -> None:
    place = "2026-11-22T19:00:00.000Z#doc_1|doc_1"
    cursor = encode_cursor(place, of=of)
    assert decode_cursor(cursor, of=of) == place
    with pytest.raises(Invalid) as refused:
        decode_cursor(cursor, of=list_name("all", "prc_1"))
    assert [error.field for error in refused.value.errors] == ["cursor"]


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.5", "ten", "\uff11"])
def test_a_limit_out_of_range_is_invalid(limit: str) -> None:
    with pytest.raises(Invalid):
        parse_limit(limit)


def test_limits() -> None:
    assert (parse_limit(None), parse_limit("1"), parse_limit("100")) == (50, 1, 100)
