import json
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from chalicelib.domain.audit import find_break
from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.documents import Decision, DeclineReason, Document, Sealing
from chalicelib.domain.errors import Conflict, Invalid, NotFound, Unavailable
from chalicelib.domain.jobs import JobName
from chalicelib.domain.practices import Practice
from chalicelib.domain.providers import Provider
from chalicelib.domain.status import Outcome, Status
from chalicelib.services.documents.document_writer import DocumentWriter
from chalicelib.services.documents.recorder import Actor
from chalicelib.services.review.decisions import CONSENT_VERSION, ApprovalForm, DeclineForm
from chalicelib.services.review.review import ProviderAction, Review
from chalicelib.services.review.signature_input import clean_text, is_own_name
from chalicelib.services.transaction import Change
from tests.support.fake_store import FakeStore
from tests.support.fakes import START, FakeIds, FakeSwitches
from tests.support.provider_fixtures import OTHER_PROVIDER, PRACTICE, PROVIDER, a_document, a_store, only_doing

BY = ProviderAction(
    provider=PROVIDER,
    actor=Actor("provider:prv_1", "203.0.113.7", "A phone"),
    now=START,
    authentication="account password",
)
ALL_SHOWN = ApprovalForm(
    typed_name="Luis Rivera",
    note="Looks right.",
    pages_shown=dict.fromkeys((1, 2, 3), START),
    consents_to=CONSENT_VERSION,
)


def a_review(store: FakeStore, *, on: bool = True) -> Review:
    switches = FakeSwitches({PRACTICE.id} if on else set())
    return Review(DocumentWriter(store=store, ids=FakeIds(), portal_url="https://portal.test"), switches)


def stored(store: FakeStore, document: Document) -> Document:
    found = store.document(document.id)
    assert found is not None
    return found


def webhooks(store: FakeStore) -> list[Delivery]:
    return [delivery for delivery in store.every(Delivery, "deliveries") if delivery.channel == "webhook"]


def fields_of(error: pytest.ExceptionInfo[Invalid]) -> set[str]:
    return {item.field for item in error.value.errors}


# Lists


def test_pending_has_the_oldest_due_first() -> None:
    late = a_document(id="doc_late", due_on=date(2026, 11, 1))
    soon = a_document(id="doc_soon", due_on=date(2026, 12, 1))
    pending = a_review(a_store(soon, late)).pending(PROVIDER, None)
    assert [document.id for document in pending.documents] == ["doc_late", "doc_soon"]
    assert (pending.count, pending.next_after) == (2, None)


def test_pending_has_pages_of_25_and_a_count_of_all_documents() -> None:
    documents = [a_document(id=f"doc_{number:02}") for number in range(30)]
    review = a_review(a_store(*documents))
    first = review.pending(PROVIDER, None)
    second = review.pending(PROVIDER, first.next_after)
    assert (len(first.documents), first.count) == (25, 30)
    assert (len(second.documents), second.count, second.next_after) == (5, 30, None)


def test_lists_have_only_the_providers_documents() -> None:
    review = a_review(a_store(a_document(), a_document(id="doc_other", provider_id=OTHER_PROVIDER.id)))
    assert [document.id for document in review.pending(PROVIDER, None).documents] == ["doc_abcdef123456"]
    assert review.past(PROVIDER, None).items == ()


def test_a_decided_document_is_past_immediately() -> None:
    document = a_document(viewed_at=START)
    review = a_review(store := a_store(document))
    review.approve(document, ALL_SHOWN, BY)
    assert review.pending(PROVIDER, None).documents == ()
    assert review.past(PROVIDER, None).items == (stored(store, document),)


def test_next_pending_is_the_first_due_other_document() -> None:
    first, second = a_document(id="doc_1", due_on=date(2026, 12, 1)), a_document(id="doc_2")
    review = a_review(a_store(first, second))
    assert review.next_pending(PROVIDER, besides="doc_1") == second
    assert review.next_pending(PROVIDER, besides="doc_2") == first


def test_there_is_no_next_pending_after_the_last() -> None:
    assert a_review(a_store(a_document())).next_pending(PROVIDER, besides="doc_abcdef123456") is None


# Opening


def test_the_first_view_is_recorded_once_with_a_webhook() -> None:
    document = a_document()
    review = a_review(store := a_store(document))
    opened = review.open(document, BY)
    again = review.open(opened.document, replace(BY, now=START + timedelta(hours=1)))
    assert opened.can_sign
    assert (opened.document.viewed_at, opened.document.transmitted_at) == (START, START)
    assert again.document == opened.document == stored(store, document)
    assert [event.type for event in store.events(document.id)] == ["document.viewed", "document.transmitted"]
    assert json.loads(webhooks(store)[0].body or "")["data"]["viewed_at"] == "2026-11-22T19:00:00.000Z"


def test_no_view_is_recorded_before_the_pages_are_ready() -> None:
    document = a_document(pages_ready=None)
    opened = a_review(store := a_store(document)).open(document, BY)
    assert opened.document.viewed_at is None
    assert store.events(document.id) == ()


def test_a_download_is_a_view() -> None:
    document = a_document(pages_ready=None)
    review = a_review(store := a_store(document))
    assert review.record_download(document, BY).viewed_at == START
    review.record_download(stored(store, document), BY)
    assert [event.type for event in store.events(document.id)] == ["document.viewed", "document.transmitted"]


def test_a_view_does_not_move_the_time_of_a_faxed_transmission() -> None:
    faxed = START - timedelta(days=1)
    document = a_document(transmitted_at=faxed)
    opened = a_review(a_store(document)).open(document, BY)
    assert (opened.document.viewed_at, opened.document.transmitted_at) == (START, faxed)


def test_opening_a_decided_document_records_nothing() -> None:
    document = a_document(status=Status.RETURNED, outcome=Outcome.BY_HAND, returned_at=START)
    a_review(store := a_store(document)).open(document, BY)
    assert store.events(document.id) == ()


def test_two_concurrent_first_views_are_one_event() -> None:
    document = a_document()
    review = a_review(store := a_store(document))
    store.before_commit = only_doing(lambda: review.open(document, BY))
    review.open(document, replace(BY, now=START + timedelta(seconds=1)))
    assert [event.type for event in store.events(document.id)] == ["document.viewed", "document.transmitted"]
    assert stored(store, document).viewed_at == START


# Approve


def test_approval_is_one_transaction_with_its_event_and_the_seal_job() -> None:
    document = a_document(viewed_at=START)
    store = a_store(document)
    before = store.commits
    signed = a_review(store).approve(document, ALL_SHOWN, BY)
    assert store.commits == before + 1
    assert (signed.status, signed.outcome, signed.sealing) == (Status.APPROVED, Outcome.APPROVED, Sealing.IN_PROGRESS)
    assert [event.type for event in store.events(document.id)] == ["decision.approved", "document.certified"]
    assert [(job.queue, job.name) for job in store.jobs() if job.name == "seal"] == [("documents", "seal")]
    (certified,) = webhooks(store)
    assert json.loads(certified.body or "")["data"]["certified_by"] == "signature"


def test_an_approval_stores_the_signer_the_signature_and_the_authentication() -> None:
    document = a_document(viewed_at=START)
    signed = a_review(a_store(document)).approve(document, ALL_SHOWN, BY)
    decision = signed.decision
    assert decision is not None
    assert (decision.signer.name, decision.signer.credential, decision.signer.npi) == (
        "Luis Rivera",
        "MD",
        "1234567893",
    )
    assert decision.signer.method == "electronic"
    assert decision.signer.authentication == "account password"
    assert (decision.typed_name, decision.note) == ("Luis Rivera", "Looks right.")
    assert (decision.pages_shown, decision.read_statement) == ((1, 2, 3), False)
    assert decision.consent_version


def test_personal_data_stays_outside_the_hashed_bytes() -> None:
    document = a_document(viewed_at=START)
    a_review(store := a_store(document)).approve(document, ALL_SHOWN, BY)
    events = store.events(document.id)
    assert "Looks right." not in events[0].body
    assert "203.0.113.7" not in events[0].body
    assert events[0].private == {"note": "Looks right.", "address": "203.0.113.7", "device": "A phone"}
    assert find_break(events) is None


def test_approval_needs_every_page_shown_or_the_statement() -> None:
    document = a_document(viewed_at=START)
    review = a_review(store := a_store(document))
    with pytest.raises(Invalid) as refused:
        review.approve(document, replace(ALL_SHOWN, pages_shown=dict.fromkeys((1, 3), START)), BY)
    assert fields_of(refused) == {"read_statement"}
    assert stored(store, document).status is Status.PENDING
    stated = replace(ALL_SHOWN, pages_shown=dict.fromkeys((1, 99), START), read_statement=True)
    signed = review.approve(document, stated, BY)
    assert signed.decision is not None
    assert (signed.decision.pages_shown, signed.decision.read_statement) == ((1,), True)


@pytest.mark.parametrize("typed", ["Luis Rivera", "L. Rivera, MD", "luis m. RIVERA", "Luís Rivera"])
def test_a_typed_signature_is_the_own_name_in_any_form(typed: str) -> None:
    assert is_own_name(PROVIDER, typed)


@pytest.mark.parametrize("typed", ["", " ", "Jane Rivera", "Rivera", "Luis", "Luis Riverax", "Jane Okafor"])
def test_a_typed_signature_is_not_another_persons_name(typed: str) -> None:
    assert not is_own_name(PROVIDER, typed)


def test_a_typed_signature_of_a_name_with_several_words() -> None:
    provider = replace(PROVIDER, first_name="Ana Maria", last_name="de la Cruz-Ortiz")
    assert is_own_name(provider, provider.name)
    assert is_own_name(provider, "Ana de la Cruz Ortiz")
    assert not is_own_name(provider, "Ana Ortiz")


@pytest.mark.parametrize("facts", [{}, *({"viewed_at": START, "pages_ready": ready} for ready in (None, 2))])
def test_approval_needs_a_recorded_view_of_pages_that_were_ready(facts: dict[str, Any]) -> None:
    document = a_document(**facts)
    store = a_store(document)
    with pytest.raises(Invalid) as refused:
        a_review(store).approve(document, replace(ALL_SHOWN, read_statement=True), BY)
    assert fields_of(refused) == {"read_statement"}
    assert stored(store, document).status is Status.PENDING


def test_approval_under_another_name_is_refused() -> None:
    document = a_document(viewed_at=START)
    with pytest.raises(Invalid) as refused:
        a_review(a_store(document)).approve(document, replace(ALL_SHOWN, typed_name="Jane Okafor"), BY)
    assert fields_of(refused) == {"typed_name"}


def test_a_note_that_is_too_long_is_refused_and_not_cut() -> None:
    document = a_document(viewed_at=START)
    with pytest.raises(Invalid) as refused:
        a_review(a_store(document)).approve(document, replace(ALL_SHOWN, note="x" * 2001), BY)
    assert fields_of(refused) == {"note"}


def test_the_same_approval_again_changes_nothing() -> None:
    document = a_document(viewed_at=START)
    review = a_review(store := a_store(document))
    signed = review.approve(document, ALL_SHOWN, BY)
    again = review.approve(signed, ALL_SHOWN, replace(BY, now=START + timedelta(minutes=1)))
    assert again == signed == stored(store, document)
    assert len(store.events(document.id)) == 2


def test_a_double_click_signs_once() -> None:
    document = a_document(viewed_at=START)
    review = a_review(store := a_store(document))
    store.before_commit = only_doing(lambda: review.approve(document, ALL_SHOWN, BY))
    review.approve(document, ALL_SHOWN, BY)
    assert [event.type for event in store.events(document.id)] == ["decision.approved", "document.certified"]
    assert [job.name for job in store.jobs()].count(JobName.SEAL) == 1


def test_an_approval_is_retried_after_a_conflict() -> None:
    document = a_document(viewed_at=START)
    review = a_review(store := a_store(document))
    other_write = replace(document, version=document.version + 1, message="Another writer was faster.")
    store.before_commit = only_doing(lambda: store.commit(Change(at=START, documents=(other_write,))))
    signed = review.approve(document, ALL_SHOWN, BY)
    assert signed.message == "Another writer was faster."
    assert [event.type for event in store.events(document.id)] == ["decision.approved", "document.certified"]
    assert find_break(store.events(document.id)) is None


def test_approval_after_a_recall_in_between_is_a_conflict() -> None:
    document = a_document(viewed_at=START)
    store = a_store(document)

    def recall() -> None:
        recalled = document.recall("sent in error", START)
        assert recalled is not None
        store.commit(Change(at=START, documents=(replace(recalled, version=2),)))

    store.before_commit = recall
    with pytest.raises(Conflict) as conflict:
        a_review(store).approve(document, ALL_SHOWN, BY)
    assert conflict.value.code == "document-recalled"
    assert stored(store, document).decision is None


def test_nobody_signs_a_document_addressed_to_someone_else() -> None:
    document = a_document(viewed_at=START)
    review = a_review(store := a_store(document))
    other = replace(BY, provider=OTHER_PROVIDER)
    with pytest.raises(NotFound):
        review.approve(document, replace(ALL_SHOWN, typed_name="Jane Okafor"), other)
    with pytest.raises(NotFound):
        review.decline(document, DeclineForm(reason="not_my_patient"), other)
    with pytest.raises(NotFound):
        review.open(document, other)
    with pytest.raises(NotFound):
        review.record_download(document, other)
    assert stored(store, document) == document


def test_nothing_is_signed_while_electronic_signature_is_off() -> None:
    document = a_document(viewed_at=START)
    review = a_review(store := a_store(document), on=False)
    assert not review.open(document, BY).can_sign
    with pytest.raises(Conflict) as off:
        review.approve(stored(store, document), ALL_SHOWN, BY)
    assert off.value.code == "electronic-signature-off"
    assert stored(store, document).status is Status.PENDING


def test_a_repeated_approval_succeeds_even_if_the_switch_is_off_now() -> None:
    document = a_document(viewed_at=START)
    store = a_store(document)
    signed = a_review(store).approve(document, ALL_SHOWN, BY)
    assert a_review(store, on=False).approve(signed, ALL_SHOWN, BY) == signed


def test_nothing_is_signed_when_the_database_fails() -> None:
    document = a_document(viewed_at=START)
    store = a_store(document)
    store.failing = True
    with pytest.raises(Unavailable):
        a_review(store).approve(document, ALL_SHOWN, BY)
    assert stored(store, document) == document
    assert store.jobs() == ()


# Decline


def test_a_decline_queues_a_webhook_a_notice_and_the_seal_job() -> None:
    document = a_document(viewed_at=START)
    review = a_review(store := a_store(document), on=False)
    declined = review.decline(document, DeclineForm(reason="needs_a_visit", note="Not seen since May."), BY)
    assert (declined.status, declined.outcome) == (Status.DECLINED, Outcome.DECLINED)
    assert [event.type for event in store.events(document.id)] == ["document.declined"]
    body: dict[str, Any] = json.loads(webhooks(store)[0].body or "")
    assert (body["type"], body["data"]["decline_reason"], body["data"]["note"]) == (
        "document.declined",
        "needs_a_visit",
        "Not seen since May.",
    )
    assert sorted(job.name for job in store.jobs()) == ["deliver", "deliver", "seal"]


@pytest.mark.parametrize(
    ("reason", "note", "fields"),
    [
        ("", "", {"reason"}),
        ("no_such_reason", "", {"reason"}),
        ("other", " \r\n ", {"note"}),
        ("change_the_plan", "", {"note"}),
        ("not_my_patient", "x" * 2001, {"note"}),
    ],
)
def test_decline_needs_a_reason_and_some_reasons_a_note(reason: str, note: str, fields: set[str]) -> None:
    document = a_document(viewed_at=START)
    with pytest.raises(Invalid) as refused:
        a_review(store := a_store(document)).decline(document, DeclineForm(reason=reason, note=note), BY)
    assert fields_of(refused) == fields
    assert stored(store, document).status is Status.PENDING


@pytest.mark.parametrize("reason", ["not_my_patient", "someone_else_signs", "needs_a_visit"])
def test_the_other_reasons_need_no_note(reason: str) -> None:
    document = a_document(viewed_at=START)
    declined = a_review(a_store(document)).decline(document, DeclineForm(reason=reason), BY)
    assert declined.decision is not None
    assert (declined.decision.decline_reason, declined.decision.note) == (DeclineReason(reason), None)


def test_declining_a_signed_document_is_a_conflict() -> None:
    document = a_document(viewed_at=START)
    review = a_review(a_store(document))
    signed = review.approve(document, ALL_SHOWN, BY)
    with pytest.raises(Conflict) as conflict:
        review.decline(signed, DeclineForm(reason="not_my_patient"), BY)
    assert conflict.value.code == "document-approved"


def test_a_different_second_decline_is_a_conflict_and_the_same_is_not() -> None:
    document = a_document(viewed_at=START)
    review = a_review(store := a_store(document))
    first = review.decline(document, DeclineForm(reason="not_my_patient"), BY)
    assert review.decline(first, DeclineForm(reason="not_my_patient"), BY) == first
    with pytest.raises(Conflict):
        review.decline(first, DeclineForm(reason="needs_a_visit"), BY)
    assert stored(store, document) == first


def test_a_practice_without_an_endpoint_gets_no_webhook() -> None:
    document = a_document(viewed_at=START)
    store = FakeStore()
    store.commit(Change(at=START, practices=(replace(PRACTICE, endpoint=None),), documents=(document,)))
    a_review(store).decline(document, DeclineForm(reason="not_my_patient"), BY)
    assert webhooks(store) == []
    assert store.every(Practice, "practices")[0].endpoint is None


def test_typed_text_is_stored_stripped_and_without_control_characters() -> None:
    assert clean_text(" a\r\nb\x00c\x1b \n") == "a\nbc"


def test_the_signer_of_a_decision_comes_from_the_account() -> None:
    document = a_document(viewed_at=START)
    provider: Provider = replace(PROVIDER, npi=None, credential=None)
    signed = a_review(a_store(document)).approve(document, ALL_SHOWN, replace(BY, provider=provider))
    decision: Decision | None = signed.decision
    assert decision is not None
    assert (decision.signer.npi, decision.signer.credential) == (None, None)
