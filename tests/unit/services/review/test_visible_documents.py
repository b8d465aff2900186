"""Test that an account's lists show no document that the account may not open (DESIGN 2a)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.documents import Document
from chalicelib.domain.errors import NotFound
from chalicelib.domain.status import Outcome, Status
from chalicelib.services.documents.document_writer import DocumentWriter
from chalicelib.services.documents.recorder import Actor
from chalicelib.services.review.decisions import ApprovalForm, DeclineForm
from chalicelib.services.review.past_search import PastSearch
from chalicelib.services.review.review import PAGE_LENGTH, ProviderAction, Review
from chalicelib.services.transaction import Change
from tests.support.fake_store import FakeStore
from tests.support.fakes import START, FakeIds, FakeSwitches
from tests.support.provider_fixtures import PRACTICE, PROVIDER, a_document, a_store

ACTION = ProviderAction(provider=PROVIDER, actor=Actor("provider:prv_1"), now=START, authentication="Password at login")


def a_row(place: int, *, hidden: bool = False, past: bool = False) -> Document:
    """Return a document in the provider's list (the database's index), at the given place in the order.

    A `hidden` document was emailed to another address, so the account may not open it. `past` means decided."""
    document = a_document(id=f"doc_{place:03d}", due_on=START.date() + timedelta(days=place))
    if past:
        at = START - timedelta(minutes=place)
        document = replace(document, status=Status.RETURNED, outcome=Outcome.BY_HAND, returned_at=at)
    if hidden:
        document = replace(document, addressee=replace(document.addressee, email="stranger@example.net"))
    return document


def a_review(*documents: Document) -> tuple[Review, FakeStore]:
    store = a_store()
    for document in documents:
        store.commit(Change(at=START, documents=(document,)))
    writer = DocumentWriter(store=store, ids=FakeIds(), portal_url="https://portal.test")
    return Review(writer, FakeSwitches({PRACTICE.id})), store


def test_a_hidden_document_is_not_listed_counted_or_next() -> None:
    review, _ = a_review(a_row(1, hidden=True), a_row(2))
    pending = review.pending(PROVIDER, None)
    assert ([document.id for document in pending.documents], pending.count) == (["doc_002"], 1)
    assert review.next_pending(PROVIDER, besides="doc_002") is None


def test_a_page_of_the_list_stays_full() -> None:
    hidden = [a_row(place, hidden=True) for place in range(40)]
    shown = [a_row(place) for place in range(40, 70)]
    review, _ = a_review(*hidden, *shown)
    first = review.pending(PROVIDER, None)
    second = review.pending(PROVIDER, first.next_after)
    assert (len(first.documents), first.count) == (PAGE_LENGTH, 30)
    assert [document.id for document in second.documents] == [f"doc_{place:03d}" for place in range(65, 70)]
    assert (second.next_after, second.count) == (None, 30)


def test_a_hidden_document_is_neither_among_the_past_nor_found_by_a_search() -> None:
    review, _ = a_review(a_row(1, hidden=True, past=True), a_row(2, past=True))
    for search in (None, PastSearch(words=("ada",))):
        assert [document.id for document in review.past(PROVIDER, None, search).items] == ["doc_002"]


@pytest.mark.parametrize(
    "act",
    [
        lambda review, document: review.open(document, ACTION),
        lambda review, document: review.record_download(document, ACTION),
        lambda review, document: review.approve(document, ApprovalForm(typed_name="Luis Rivera"), ACTION),
        lambda review, document: review.decline(document, DeclineForm(reason="not_my_patient"), ACTION),
        lambda review, document: review.reload(document, PROVIDER),
    ],
)
def test_a_hidden_document_can_be_neither_opened_nor_decided(act: Callable[[Review, Document], object]) -> None:
    hidden = a_row(1, hidden=True)
    review, store = a_review(hidden)
    with pytest.raises(NotFound):
        act(review, hidden)
    assert store.document(hidden.id) == hidden
