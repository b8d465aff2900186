"""Test that a provider cannot act on a document which a correction gives to another provider at the same moment."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest

from chalicelib.domain.documents import Document
from chalicelib.domain.errors import Gone, NotFound
from chalicelib.domain.expiring_records import BY_HAND_LIFETIME, Secret, SecretKind
from chalicelib.services.documents.document_writer import DocumentWriter
from chalicelib.services.documents.recorder import Actor
from chalicelib.services.review.by_hand import ByHand, CodeVisitor
from chalicelib.services.review.decisions import CONSENT_VERSION, ApprovalForm, DeclineForm
from chalicelib.services.review.review import ProviderAction, Review
from chalicelib.services.review.scans import Scans
from chalicelib.services.transaction import Change
from tests.support.fake_store import FakeStore
from tests.support.fakes import START, FakeFiles, FakeIds, FakeInspector, FakeSwitches
from tests.support.provider_fixtures import OTHER_PROVIDER, PRACTICE, PROVIDER, a_document, a_store

BY = ProviderAction(provider=PROVIDER, actor=Actor("provider:prv_1"), now=START, authentication="account password")
APPROVAL = ApprovalForm(
    typed_name="Luis Rivera", pages_shown=dict.fromkeys((1, 2, 3), START), consents_to=CONSENT_VERSION
)


def a_writer(store: FakeStore) -> DocumentWriter:
    return DocumentWriter(store=store, ids=FakeIds(), portal_url="https://portal.test")


def readdressed_before_the_next_commit(store: FakeStore, document: Document) -> None:
    """Before the next transaction, let a concurrent request give the document to another provider.

    The name and address in the document stay unchanged."""

    def correct() -> None:
        corrected = replace(
            document, version=document.version + 1, provider_id=OTHER_PROVIDER.id, access=document.access + 1
        )
        store.commit(Change(at=START, documents=(corrected,)))

    store.before_commit = correct


@pytest.mark.parametrize(
    ("act", "viewed_at"),
    [
        (lambda review, document: review.approve(document, APPROVAL, BY), START),
        (lambda review, document: review.decline(document, DeclineForm(reason="needs_a_visit"), BY), None),
        (lambda review, document: review.open(document, BY), None),
        (lambda review, document: review.record_download(document, BY), None),
    ],
    ids=["approve", "decline", "open", "download"],
)
def test_the_earlier_addressee_cannot_act_after_a_correction(
    act: Callable[[Review, Document], object], viewed_at: datetime | None
) -> None:
    document = a_document(viewed_at=viewed_at)
    store = a_store(document)
    review = Review(a_writer(store), FakeSwitches({PRACTICE.id}))
    readdressed_before_the_next_commit(store, document)
    with pytest.raises(NotFound):
        act(review, document)
    after = store.document(document.id)
    assert after is not None
    assert (after.decision, after.viewed_at) == (None, viewed_at)
    assert store.events(document.id) == ()


def test_an_earlier_visit_views_nothing_after_a_correction() -> None:
    document = a_document()
    store = a_store(document)
    visit = Secret(
        key="k",
        version=1,
        kind=SecretKind.BY_HAND,
        created_at=START,
        expires_at=START + BY_HAND_LIFETIME,
        document_id=document.id,
        access=document.access,
    )
    by_hand = ByHand(a_writer(store), Scans(a_writer(store), FakeFiles(), FakeInspector()))
    readdressed_before_the_next_commit(store, document)
    with pytest.raises(Gone):
        by_hand.open(document, visit, CodeVisitor(actor=Actor("by-hand"), now=START))
    assert store.events(document.id) == ()
