"""Test the marks of documents that a provider has read and wants to sign later."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from chalicelib.domain.documents import Document
from chalicelib.domain.errors import Conflict
from chalicelib.domain.expiring_records import SecretKind, secret_key
from chalicelib.domain.providers import Provider
from chalicelib.domain.status import Status
from chalicelib.services.review.read_marks import MARK_LIFETIME, MAX_MARKS, ReadMark, ReadMarks
from chalicelib.services.transaction import Change
from tests.support.fake_store import FakeStore
from tests.support.fakes import START
from tests.support.provider_fixtures import OTHER_PROVIDER, PROVIDER, a_document, a_store

SECOND = timedelta(seconds=1)
PAGES = {1: START, 2: START + SECOND, 3: START + 2 * SECOND}
DOCUMENT = a_document()
KEY = secret_key(SecretKind.READ_MARKS, PROVIDER.id)


def a_mark(document: Document = DOCUMENT, **changes: Any) -> ReadMark:
    facts = {"marked_at": START, "sha256": document.original.sha256, "access": document.access, "pages_shown": PAGES}
    return ReadMark(**{**facts, **changes})


def documents(count: int) -> list[Document]:
    return [a_document(id=f"doc_{number:02}", due_on=date(2026, 12, 1)) for number in range(count)]


def a_world(*stored: Document) -> tuple[FakeStore, ReadMarks]:
    store = a_store(*stored)
    return store, ReadMarks(store)


def put(store: FakeStore, document: Document) -> None:
    store.commit(Change(at=START, documents=(document,)))


def ids(marks: ReadMarks, provider: Provider = PROVIDER) -> list[str]:
    return [document.id for document in marks.find_documents(provider, START)]


def test_a_mark_is_stored_as_it_is() -> None:
    _, marks = a_world(DOCUMENT)
    mark = a_mark(read_statement=True)
    marks.add(PROVIDER, DOCUMENT, mark)
    assert marks.load(PROVIDER, START) == {DOCUMENT.id: mark}


def test_a_newer_mark_of_the_same_document_replaces_the_older_one() -> None:
    _, marks = a_world(DOCUMENT)
    marks.add(PROVIDER, DOCUMENT, a_mark())
    again = a_mark(marked_at=START + SECOND, pages_shown={1: START})
    marks.add(PROVIDER, DOCUMENT, again)
    assert marks.load(PROVIDER, START + SECOND) == {DOCUMENT.id: again}


def test_marked_documents_come_in_the_order_of_their_due_dates() -> None:
    late, soon = a_document(id="doc_late", due_on=date(2026, 12, 2)), a_document(id="doc_z", due_on=date(2026, 12, 1))
    earlier = replace(soon, id="doc_earlier", sent_at=soon.sent_at - SECOND)
    _, marks = a_world(late, soon, earlier)
    for document in (late, soon, earlier):
        marks.add(PROVIDER, document, a_mark(document))
    assert ids(marks) == ["doc_earlier", "doc_z", "doc_late"]


@pytest.mark.parametrize(
    "change",
    [
        {"status": Status.DECLINED},
        {"status": Status.RECALLED},
        {"provider_id": OTHER_PROVIDER.id},
        {"access": 2},
        {"original": replace(DOCUMENT.original, sha256="4567")},
    ],
    ids=["decided", "recalled", "handed over", "corrected", "another PDF"],
)
def test_a_mark_does_not_outlive_a_change_of_the_document(change: dict[str, Any]) -> None:
    store, marks = a_world(DOCUMENT)
    marks.add(PROVIDER, DOCUMENT, a_mark())
    put(store, replace(DOCUMENT, version=2, **change))
    assert ids(marks) == []


def test_a_mark_outlives_a_reminder() -> None:
    store, marks = a_world(DOCUMENT)
    marks.add(PROVIDER, DOCUMENT, a_mark())
    put(store, replace(DOCUMENT, version=2, calls=1))
    assert ids(marks) == [DOCUMENT.id]


def test_a_mark_of_an_unknown_document_is_ignored() -> None:
    _, marks = a_world()
    marks.add(PROVIDER, DOCUMENT, a_mark())
    assert ids(marks) == []


def test_a_mark_expires_after_a_week() -> None:
    store, marks = a_world(DOCUMENT)
    marks.add(PROVIDER, DOCUMENT, a_mark())
    row = store.secret(KEY)
    assert row is not None
    assert (row.expires_at, timedelta(days=7)) == (START + MARK_LIFETIME, MARK_LIFETIME)
    assert list(marks.load(PROVIDER, START + MARK_LIFETIME - SECOND)) == [DOCUMENT.id]
    assert marks.load(PROVIDER, START + MARK_LIFETIME) == {}


def test_a_later_mark_does_not_make_an_older_one_last_longer() -> None:
    first, second = documents(2)
    _, marks = a_world(first, second)
    marks.add(PROVIDER, first, a_mark())
    marks.add(PROVIDER, second, a_mark(marked_at=START + SECOND))
    assert list(marks.load(PROVIDER, START + MARK_LIFETIME)) == [second.id]


def test_marks_are_of_one_account_with_its_present_credentials() -> None:
    store, marks = a_world(DOCUMENT)
    marks.add(PROVIDER, DOCUMENT, a_mark())
    assert marks.load(OTHER_PROVIDER, START) == {}
    renewed = replace(PROVIDER, session_generation=2)
    assert marks.load(renewed, START) == {}
    marks.add(renewed, DOCUMENT, a_mark(read_statement=True))
    assert marks.load(renewed, START)[DOCUMENT.id].read_statement
    row = store.secret(KEY)
    assert row is not None
    assert (row.provider_id, row.version) == (PROVIDER.id, 2)


def test_twenty_documents_can_be_marked_and_no_more() -> None:
    many = documents(MAX_MARKS + 1)
    _, marks = a_world(*many)
    for document in many[:-1]:
        marks.add(PROVIDER, document, a_mark(document))
    marks.add(PROVIDER, many[0], a_mark(read_statement=True))
    with pytest.raises(Conflict, match="You have marked 20 documents, which is the most"):
        marks.add(PROVIDER, many[-1], a_mark())
    assert ids(marks) == [document.id for document in many[:-1]]


def test_documents_that_were_decided_since_make_room_for_others() -> None:
    many = documents(MAX_MARKS + 1)
    store, marks = a_world(*many)
    for document in many[:-1]:
        marks.add(PROVIDER, document, a_mark(document))
    put(store, replace(many[0], version=2, status=Status.APPROVED))
    marks.add(PROVIDER, many[-1], a_mark())
    assert list(marks.load(PROVIDER, START)) == [document.id for document in many[1:]]


def test_only_the_named_marks_are_removed() -> None:
    first, second = documents(2)
    store, marks = a_world(first, second)
    for document in (first, second):
        marks.add(PROVIDER, document, a_mark(document))
    marks.remove(PROVIDER, [first.id, "doc_unknown"], START)
    assert ids(marks) == [second.id]
    before = store.commits
    marks.remove(PROVIDER, [first.id], START)
    marks.remove(OTHER_PROVIDER, [first.id], START)
    assert store.commits == before


def test_marks_of_two_tabs_at_the_same_time_are_both_stored() -> None:
    first, second = documents(2)
    store, marks = a_world(first, second)
    store.before_commit = lambda: marks.add(PROVIDER, second, a_mark(second))
    marks.add(PROVIDER, first, a_mark(first))
    assert ids(marks) == [first.id, second.id]
    store.before_commit = lambda: marks.remove(PROVIDER, [second.id], START)
    marks.remove(PROVIDER, [first.id], START)
    assert ids(marks) == []
