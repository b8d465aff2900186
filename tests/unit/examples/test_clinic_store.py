from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from examples.clinic.portal import Event
from examples.clinic.store import Store, UnansweredEvent

NOW = datetime(2026, 11, 22, 19, 0, tzinfo=UTC)
PENDING = {"id": "doc-1", "external_id": "POC-1", "patient_external_id": "PT-77", "status": "pending"}
APPROVED = {**PENDING, "status": "approved"}
SEALED = {**APPROVED, "signed_pdf": {"url": "u", "sha256": "s"}}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "clinic.sqlite3")


def status(store: Store) -> str:
    document = store.document("doc-1")
    assert document is not None
    return str(document.resource["status"])


def test_records_outlive_the_process(tmp_path: Path) -> None:
    Store(tmp_path / "c.sqlite3").save_resource(PENDING, at=NOW.isoformat(), now=NOW)
    assert status(Store(tmp_path / "c.sqlite3")) == "pending"


def test_a_webhook_that_was_overtaken_does_not_undo_the_later_one(store: Store) -> None:
    early, late = "2026-11-22T19:00:00.000Z", "2026-11-22T19:05:00.000Z"
    store.save_webhook("m2", {"type": "document.approved", "timestamp": late, "data": APPROVED}, now=NOW)
    store.save_webhook("m1", {"type": "document.delivered", "timestamp": early, "data": PENDING}, now=NOW)
    assert status(store) == "approved"


def test_the_signed_pdf_arrives_even_when_this_clock_runs_ahead(store: Store) -> None:
    store.save_resource(APPROVED, at=(NOW + timedelta(minutes=3)).isoformat(), now=NOW)
    store.save_webhook("m1", {"type": "document.approved", "timestamp": NOW.isoformat(), "data": SEALED}, now=NOW)
    document = store.document("doc-1")
    assert document is not None
    assert document.resource == SEALED


def test_of_two_resources_with_one_time_the_later_read_is_stored(store: Store) -> None:
    store.save_resource(PENDING, at=NOW.isoformat(), now=NOW)
    store.save_resource({**PENDING, "due_on": "2026-12-22"}, at=NOW.isoformat(), now=NOW)
    document = store.document("doc-1")
    assert document is not None
    assert document.resource["due_on"] == "2026-12-22"


def test_same_webhook_twice_counts_once(store: Store) -> None:
    event = {"type": "document.approved", "timestamp": "2026-11-22T19:00:00Z", "data": APPROVED}
    assert store.save_webhook("m1", event, now=NOW)
    assert not store.save_webhook("m1", event, now=NOW)
    assert len(store.webhooks(9)) == 1


def test_a_webhook_before_the_response_to_the_event_is_not_overwritten(store: Store) -> None:
    store.save_webhook("m1", {"type": "document.approved", "timestamp": NOW.isoformat(), "data": APPROVED}, now=NOW)
    store.save_sent("doc-1", {"patient": {"external_id": "PT-77"}, "title": "Plan"}, PENDING, now=NOW)
    document = store.document("doc-1")
    assert document is not None
    assert (document.resource["status"], document.sent["title"]) == ("approved", "Plan")


def test_numbers_are_proposed_until_used(store: Store) -> None:
    assert [store.next_number(), store.next_number()] == [1001, 1001]
    store.use_number(1001)
    store.use_number(7)
    assert store.next_number() == 1002


def test_unanswered_event_stays_byte_for_byte(store: Store) -> None:
    waiting = UnansweredEvent(Event("msg_1", '{"a": "é"}'), "document.sent", "POC-1", NOW)
    store.save_unanswered(waiting)
    assert store.unanswered() == [waiting]
    store.delete_unanswered("msg_1")
    assert store.unanswered() == []


def test_a_failed_change_leaves_nothing_behind(store: Store) -> None:
    with pytest.raises(KeyError):
        store.save_webhook("m1", {"type": "document.viewed", "data": PENDING}, now=NOW)
    assert store.webhooks(9) == []
