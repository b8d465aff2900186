"""Test what an approval or decline needs and stores: the pages seen, the consent, the note, the saved signature."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.documents import DeclineReason, Document
from chalicelib.domain.errors import FieldError, Invalid, NotFound
from chalicelib.domain.providers import Provider
from chalicelib.domain.signatures import from_text, read_drawing
from chalicelib.services.review.decisions import CONSENT_VERSION, MAX_NOTE, NOTE_REQUIRED, DeclineForm
from chalicelib.services.review.review import MAX_COUNT, PAGE_LENGTH, Review
from chalicelib.services.transaction import Change
from tests.support.fake_store import FakeStore
from tests.support.fakes import START
from tests.support.provider_fixtures import OTHER_PROVIDER, PRACTICE, PROVIDER, a_document, a_store
from tests.unit.services.review.test_review import ALL_SHOWN, BY, a_review, fields_of, stored

DRAWING = json.dumps({"aspect": 2.5, "strokes": [[[0.1, 0.5], [0.9, 0.5]]]})
VIEWED = a_document(viewed_at=START)


def owner(store: FakeStore) -> Provider:
    provider = store.provider(PROVIDER.id)
    assert provider is not None
    return provider


def change_owner(store: FakeStore, **changes: Any) -> None:
    latest = owner(store)
    store.commit(Change(at=START, providers=(replace(latest, version=latest.version + 1, **changes),)))


# Reading


def test_a_reload_returns_the_latest_version_to_its_owner_only() -> None:
    store = a_store(VIEWED)
    review = a_review(store)
    latest = review.record_download(replace(VIEWED, viewed_at=None), BY)
    assert review.reload(replace(VIEWED, version=0), PROVIDER) == latest == stored(store, VIEWED)
    missing = a_document(id="doc_missing")
    assert review.reload(missing, PROVIDER) == missing
    with pytest.raises(NotFound):
        review.reload(VIEWED, OTHER_PROVIDER)


def test_the_practice_is_read_in_advance_only_for_a_document_that_can_be_decided() -> None:
    review = a_review(a_store(VIEWED))
    assert review.prefetch_practice(VIEWED) == PRACTICE
    assert review.prefetch_practice(replace(VIEWED, status=VIEWED.status.RETURNED)) is None


def test_a_document_of_another_account_is_neither_opened_nor_downloaded_nor_decided() -> None:
    foreign = a_document(provider_id=OTHER_PROVIDER.id, viewed_at=START)
    store = a_store(foreign)
    review, before = a_review(store), store.commits
    decline = DeclineForm(reason="not_my_patient")
    for act in (
        lambda: review.open(foreign, BY),
        lambda: review.record_download(foreign, BY),
        lambda: review.approve(foreign, ALL_SHOWN, BY),
        lambda: review.decline(foreign, decline, BY),
        lambda: review.decline(foreign, replace(decline, reason=""), BY),
    ):
        with pytest.raises(NotFound):
            act()
    assert store.commits == before


def test_a_list_has_pages_of_25_and_counts_up_to_100() -> None:
    assert (PAGE_LENGTH, MAX_COUNT) == (25, 100)
    store = a_store(*(a_document(id=f"doc_{number:03}") for number in range(60)))
    store.commit(Change(at=START, documents=tuple(a_document(id=f"doc_{number:03}") for number in range(60, 101))))
    assert a_review(store).pending(PROVIDER, None).count == 100


# What an approval needs


@pytest.mark.parametrize(
    ("shown", "stated", "complete"),
    [
        ({1, 2, 3}, False, True),
        ({2, 3}, False, False),
        ({1, 2}, False, False),
        (set(), True, True),
        ({1, 2, 4}, False, False),
    ],
)
def test_every_page_from_the_first_to_the_last_is_shown_or_stated_as_read(
    *, shown: set[int], stated: bool, complete: bool
) -> None:
    review = a_review(a_store(VIEWED))
    form = replace(ALL_SHOWN, pages_shown=dict.fromkeys(shown, START), read_statement=stated)
    if complete:
        signed = review.approve(VIEWED, form, BY)
        assert signed.decision is not None
        assert signed.decision.pages_shown == tuple(sorted(shown))
        assert signed.decision.read_statement is stated
    else:
        with pytest.raises(Invalid) as refused:
            review.approve(VIEWED, form, BY)
        assert fields_of(refused) == {"read_statement"}


def test_pages_that_the_document_does_not_have_are_not_recorded() -> None:
    times = {page: START - timedelta(seconds=page) for page in (4, 3, 2, 1)}
    form = replace(ALL_SHOWN, pages_shown=times)
    signed = a_review(store := a_store(VIEWED)).approve(VIEWED, form, replace(BY, reauthenticated=True))
    assert signed.decision is not None
    assert signed.decision.pages_shown == (1, 2, 3)
    assert signed.decision.pages_shown_at == (times[1], times[2], times[3])
    data = json.loads(store.events(VIEWED.id)[0].body)["data"]
    assert (data["asked_again"], data["consent_version"], data["read_statement"]) == (True, CONSENT_VERSION, False)
    assert data["pages_shown"] == [1, 2, 3]
    assert len(data["pages_shown_at"]) == 3


def test_each_time_stands_beside_the_page_that_was_shown_then() -> None:
    times = {page: START - timedelta(seconds=page) for page in (3, 1)}
    form = replace(ALL_SHOWN, pages_shown=times, read_statement=True)
    signed = a_review(a_store(VIEWED)).approve(VIEWED, form, BY)
    assert signed.decision is not None
    assert signed.decision.pages_shown == (1, 3)
    assert signed.decision.pages_shown_at == (times[1], times[3])


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"pages_ready": None}, "not ready yet"),
        ({"pages_ready": 2}, "not ready yet"),
        ({"viewed_at": None}, "read every page"),
    ],
)
def test_the_refusal_says_whether_the_pages_or_the_reading_is_missing(facts: dict[str, Any], message: str) -> None:
    document = replace(VIEWED, **facts)
    with pytest.raises(Invalid) as refused:
        a_review(a_store(document)).approve(document, ALL_SHOWN, BY)
    assert message in refused.value.errors[0].message


def test_a_document_of_one_page_without_its_image_is_not_ready() -> None:
    document = replace(VIEWED, pages_ready=None, original=replace(VIEWED.original, pages=1))
    with pytest.raises(Invalid) as refused:
        a_review(a_store(document)).approve(document, replace(ALL_SHOWN, pages_shown={1: START}), BY)
    assert "not ready yet" in refused.value.errors[0].message


@pytest.mark.parametrize(
    ("accepted_now", "accepted_before", "enough"),
    [(CONSENT_VERSION, None, True), ("", CONSENT_VERSION, True), ("", None, False), ("2020-01", "2020-01", False)],
)
def test_a_signer_agrees_to_the_current_text_once(
    *, accepted_now: str, accepted_before: str | None, enough: bool
) -> None:
    store = a_store(VIEWED)
    change_owner(store, consent_version=accepted_before)
    form = replace(ALL_SHOWN, consents_to=accepted_now)
    action = replace(BY, provider=owner(store))
    if not enough:
        with pytest.raises(Invalid) as refused:
            a_review(store).approve(VIEWED, form, action)
        assert fields_of(refused) == {"consent"}
        return
    before = owner(store)
    a_review(store).approve(VIEWED, form, action)
    assert owner(store).consent_version == CONSENT_VERSION
    assert owner(store).consented_at == (None if accepted_before else START)
    assert owner(store).version == before.version + (0 if accepted_before else 1)


@pytest.mark.parametrize(("length", "fits"), [(2000, True), (2001, False)])
def test_a_note_has_at_most_2000_characters(*, length: int, fits: bool) -> None:
    assert MAX_NOTE == 2000
    form = replace(ALL_SHOWN, note="x" * length)
    review = a_review(a_store(VIEWED))
    if fits:
        review.approve(VIEWED, form, BY)
        return
    with pytest.raises(Invalid) as refused:
        review.approve(VIEWED, form, BY)
    message = "Please shorten the note to 2,000 characters. It has 2,001."
    assert refused.value.errors == (FieldError("note", message),)


THUMB, PARTY = "\U0001f44d", "\U0001f389"


@pytest.mark.parametrize(
    ("note", "message"),
    [
        (f"Yes {THUMB} {THUMB}", f"The signed PDF can't show {THUMB}. Please remove it."),
        (f"Yes {THUMB}{PARTY}", f"The signed PDF can't show {THUMB} {PARTY}. Please remove them."),
        ("".join(chr(0x1F440 + i) for i in range(5)), "👀 👁 👂 👃 👄. Please remove them."),
        ("".join(chr(0x1F440 + i) for i in range(6)), "👀 👁 👂 👃 👄 and more. Please remove them."),
    ],
)
def test_a_note_with_a_character_that_no_font_has_is_refused_before_it_is_signed(*, note: str, message: str) -> None:
    with pytest.raises(Invalid) as refused:
        a_review(a_store(VIEWED)).approve(VIEWED, replace(ALL_SHOWN, note=note), BY)
    assert [error.field for error in refused.value.errors] == ["note"]
    assert refused.value.errors[0].message.endswith(message)


@pytest.mark.parametrize("field", ["note", "other_name", "other_address"])
def test_a_decline_with_a_character_that_no_font_has_is_refused_at_its_field(field: str) -> None:
    form = DeclineForm(**{"reason": "someone_else_signs", field: f"Jane {THUMB}"})
    with pytest.raises(Invalid) as refused:
        a_review(a_store(VIEWED)).decline(VIEWED, form, BY)
    assert refused.value.errors == (FieldError(field, f"The signed PDF can't show {THUMB}. Please remove it."),)


def test_a_name_that_is_not_part_of_the_note_may_have_any_character() -> None:
    form = DeclineForm(reason="not_my_patient", other_name=THUMB, other_address=THUMB)
    assert a_review(a_store(VIEWED)).decline(VIEWED, form, BY).decision is not None


# What is stored in the account


def drawn(review: Review, document: Document, *, remember: bool, provider: Provider = PROVIDER) -> Document:
    form = replace(ALL_SHOWN, signature="drawn", drawing=DRAWING, remember=remember)
    return review.approve(document, form, replace(BY, provider=provider))


@pytest.mark.parametrize("remember", [True, False])
def test_a_signature_is_saved_only_if_its_owner_wants_it(*, remember: bool) -> None:
    store = a_store(VIEWED)
    signed = drawn(a_review(store), VIEWED, remember=remember)
    drawing = read_drawing(DRAWING)
    saved = from_text(owner(store).saved_signature)
    assert (saved.drawing if saved else None) == (drawing if remember else None)
    assert signed.decision is not None
    assert (signed.decision.strokes, signed.decision.strokes_aspect) == (drawing.strokes, 2.5)
    assert signed.decision.typed_name is None


def test_a_saved_signature_leaves_later_changes_of_the_account_as_they_are() -> None:
    store = a_store(VIEWED)
    stale = replace(owner(store), consent_version=CONSENT_VERSION)
    change_owner(store, credential="DO", consent_version=CONSENT_VERSION, consented_at=START - timedelta(days=9))
    review = a_review(store)
    drawn(review, VIEWED, remember=True, provider=stale)
    assert owner(store).credential == "DO"
    assert owner(store).consented_at == START - timedelta(days=9)
    assert owner(store).saved_signature is not None
    version = owner(store).version
    another = a_document(id="doc_2", viewed_at=START)
    store.commit(Change(at=START, documents=(another,)))
    drawn(review, another, remember=True, provider=owner(store))
    assert owner(store).version == version


def test_a_saved_signature_can_be_removed() -> None:
    store = a_store(VIEWED)
    stale = owner(store)
    change_owner(store, credential="DO", saved_signature='{"typed":"L"}')
    forgotten = a_review(store).forget_signature(stale, START)
    assert forgotten == owner(store)
    assert (forgotten.saved_signature, forgotten.credential) == (None, "DO")
    before = store.commits
    assert a_review(store).forget_signature(stale, START) == forgotten
    assert store.commits == before


# What a decline needs


@pytest.mark.parametrize("reason", DeclineReason)
def test_two_reasons_need_a_note_of_their_own(reason: DeclineReason) -> None:
    assert set(NOTE_REQUIRED) == {DeclineReason.CHANGE_THE_PLAN, DeclineReason.OTHER}
    review = a_review(a_store(VIEWED))
    form = DeclineForm(reason=reason.value, note=" \n ", other_name="Jane Okafor")
    if reason in NOTE_REQUIRED:
        with pytest.raises(Invalid) as refused:
            review.decline(VIEWED, form, BY)
        assert [(error.field, error.message) for error in refused.value.errors] == [("note", NOTE_REQUIRED[reason])]
        form = replace(form, note="Twice a week.")
    declined = review.decline(VIEWED, form, BY)
    assert declined.decision is not None
    assert (declined.decision.decline_reason, declined.decision.decided_at) == (reason, START)
    assert declined.decision.consent_version is None
