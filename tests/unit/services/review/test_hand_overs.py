"""Test how a provider hands a document over to a colleague and takes it back, and every refusal."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.audit import find_break
from chalicelib.domain.claim_keys import addressee_claim, email_claim, person_claims
from chalicelib.domain.colleagues.hand_overs import MAX_HAND_OVERS
from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.documents import Document
from chalicelib.domain.errors import Conflict, Invalid, NotFound, TooManyRequests
from chalicelib.domain.providers import Provider
from chalicelib.domain.status import Status
from chalicelib.domain.visibility import opens_to
from chalicelib.services.documents.audit_trail import describe_event
from chalicelib.services.documents.document_writer import DocumentWriter
from chalicelib.services.documents.recorder import Actor
from chalicelib.services.review.decisions import DeclineForm
from chalicelib.services.review.hand_overs import HAND_OVERS_PER_DAY, MAX_LISTED, HandOverForm, HandOvers
from chalicelib.services.review.review import ProviderAction
from chalicelib.services.transaction import Change, Claim
from tests.support.fake_store import FakeStore
from tests.support.fakes import START, FakeIds
from tests.support.provider_fixtures import (
    COLLEAGUE,
    OTHER_PROVIDER,
    PROVIDER,
    a_document,
    a_store,
    handed_over,
    only_doing,
)
from tests.unit.services.review.test_review import ALL_SHOWN, BY, a_review, fields_of, stored, webhooks

DOCUMENT = a_document(viewed_at=START)
FORM = HandOverForm(
    first_name=" Jane ", last_name="Okafor", credential="NP", email="JANE@example.com ", npi=" 1000000004 "
)
BY_COLLEAGUE = ProviderAction(
    provider=OTHER_PROVIDER, actor=Actor("provider:prv_2"), now=START, authentication="account password"
)
SILVA = HandOverForm(first_name="Ana", last_name="Silva", credential="DO", email="ana@example.com")


def hand_overs(store: FakeStore) -> HandOvers:
    return HandOvers(DocumentWriter(store=store, ids=FakeIds(), portal_url="https://portal.test"))


def a_world(*documents: Document) -> FakeStore:
    """Return a fake database with these documents, in which Jane Okafor's account has claimed its address."""
    store = a_store(*(documents or (DOCUMENT,)))
    claim = Claim(key=email_claim("jane@example.com"), owner=OTHER_PROVIDER.id)
    store.commit(Change(at=START, claims=(claim,)))
    return store


def provider(store: FakeStore, provider_id: str) -> Provider:
    found = store.provider(provider_id)
    assert found is not None
    return found


def emails(store: FakeStore) -> list[Delivery]:
    return [delivery for delivery in store.every(Delivery, "deliveries") if delivery.channel == "email"]


# The hand-over


def test_the_document_opens_to_the_colleagues_account_and_no_longer_to_the_givers() -> None:
    handed = hand_overs(store := a_world()).hand_over(DOCUMENT, FORM, BY)
    assert handed == stored(store, DOCUMENT)
    assert (handed.status, handed.addressee, handed.provider_id) == (Status.PENDING, COLLEAGUE, OTHER_PROVIDER.id)
    assert opens_to(provider(store, OTHER_PROVIDER.id), handed)
    assert not opens_to(PROVIDER, handed)


def test_the_colleague_gets_one_email_and_the_staff_a_notice() -> None:
    hand_overs(store := a_world()).hand_over(DOCUMENT, FORM, BY)
    assert [(mail.type, mail.recipient, mail.provider_id) for mail in emails(store)] == [
        ("ready", "jane@example.com", OTHER_PROVIDER.id)
    ]
    notices = [delivery for delivery in store.every(Delivery, "deliveries") if delivery.channel == "notice"]
    assert [(notice.type, notice.practice_id) for notice in notices] == [("handed_over", "prc_1")]


def test_the_clinic_learns_who_signs_instead() -> None:
    hand_overs(store := a_world()).hand_over(DOCUMENT, FORM, BY)
    (webhook,) = webhooks(store)
    body = json.loads(webhook.body or "")
    assert body["type"] == "document.handed_over"
    assert body["data"]["status"] == "pending"
    assert body["data"]["handed_over_to"] == {
        "name": "Jane Okafor",
        "credential": "NP",
        "npi": "1000000004",
        "email": "jane@example.com",
        "at": "2026-11-22T19:00:00.000Z",
        "by": {"name": "Luis Rivera", "credential": "MD", "npi": "1234567893"},
        "warnings": [],
    }


def test_the_trail_names_both_and_shows_the_address_only_in_part() -> None:
    hand_overs(store := a_world()).hand_over(DOCUMENT, FORM, BY)
    events = store.events(DOCUMENT.id)
    assert find_break(events) is None
    (event,) = events
    assert (event.type, event.actor) == ("document.handed_over", "provider:prv_1")
    assert event.data == {
        "giver": {"name": "Luis Rivera", "credential": "MD", "npi": "1234567893"},
        "colleague": {"name": "Jane Okafor", "credential": "NP", "npi": "1000000004"},
        "authentication": "account password",
        "address": "ja…@example.com",
        "from": "prv_1",
        "to": "prv_2",
    }
    assert describe_event(event) == (
        "Handed over by Luis Rivera, MD, NPI 1234567893 to Jane Okafor, NP, NPI 1000000004"
    )


def test_a_colleague_without_an_account_becomes_a_person_who_can_set_one_up() -> None:
    handed = hand_overs(store := a_world()).hand_over(DOCUMENT, SILVA, BY)
    person = provider(store, handed.provider_id)
    assert person == Provider(
        id=person.id,
        version=1,
        first_name="Ana",
        last_name="Silva",
        credential="DO",
        mailed_to="ana@example.com",
        practices=("prc_1",),
    )
    keys = [addressee_claim("ana@example.com"), *person_claims(handed.addressee)]
    assert set(store.claims(keys).values()) == {DOCUMENT.id, person.id}
    account = replace(person, email="ana@example.com", password_hash="(not checked here)")
    assert opens_to(account, handed)
    assert not opens_to(replace(account, email="else@example.com"), handed)


def test_a_person_at_the_address_is_found_again() -> None:
    other = a_document(id="doc_2", viewed_at=START)
    service = hand_overs(store := a_world(DOCUMENT, other))
    first, second = (service.hand_over(document, SILVA, BY) for document in (DOCUMENT, other))
    assert first.provider_id == second.provider_id
    assert provider(store, first.provider_id).version == 1


def test_the_word_of_a_colleague_is_no_statement_of_the_practice() -> None:
    hand_overs(store := a_world()).hand_over(DOCUMENT, FORM, BY)
    colleague = provider(store, OTHER_PROVIDER.id)
    assert colleague == replace(OTHER_PROVIDER, version=2, practices=("prc_1",))
    elsewhere = replace(a_document(addressee=COLLEAGUE), provider_id=OTHER_PROVIDER.id)
    emailed = replace(elsewhere, addressee=replace(COLLEAGUE, email="j.okafor@example.org"))
    assert not opens_to(colleague, emailed)


def test_another_person_at_an_address_with_an_account_gets_a_row_of_their_own() -> None:
    form = replace(SILVA, email="jane@example.com")
    handed = hand_overs(store := a_world()).hand_over(DOCUMENT, form, BY)
    assert handed.provider_id not in (PROVIDER.id, OTHER_PROVIDER.id)
    assert not opens_to(provider(store, OTHER_PROVIDER.id), handed)


def test_the_colleague_signs_and_the_clinic_learns_on_whose_behalf() -> None:
    service = hand_overs(store := a_world())
    handed = service.hand_over(DOCUMENT, FORM, BY)
    review, action = a_review(store), replace(BY_COLLEAGUE, provider=provider(store, OTHER_PROVIDER.id))
    viewed = review.open(handed, action).document
    review.approve(viewed, replace(ALL_SHOWN, typed_name="Jane Okafor"), action)
    signed = stored(store, DOCUMENT)
    assert signed.status is Status.APPROVED
    assert signed.decision is not None
    assert signed.decision.signer.name == "Jane Okafor"
    identity = signed.decision.signer.identity
    assert identity is not None
    assert identity.supplied_by == "colleague"
    assert "an address given by Luis Rivera, MD" in identity.statement


def test_the_colleague_may_decline_too() -> None:
    service = hand_overs(store := a_world())
    handed = service.hand_over(DOCUMENT, FORM, BY)
    action = replace(BY_COLLEAGUE, provider=provider(store, OTHER_PROVIDER.id))
    a_review(store).decline(handed, DeclineForm(reason="not_my_patient"), action)
    data = json.loads(webhooks(store)[-1].body or "")["data"]
    assert data["signer"] == {
        "name": "Jane Okafor",
        "credential": "MD",
        "npi": "1000000004",
        "method": "electronic",
        "on_behalf_of": {"name": "Luis Rivera", "credential": "MD", "npi": "1234567893"},
    }


# Refusals


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"first_name": " "}, "first_name", "The first name must not be empty."),
        ({"first_name": "x" * 61}, "first_name", "The first name must have at most 60 characters."),
        ({"last_name": ""}, "last_name", "The last name must not be empty."),
        ({"last_name": "Click evil.com"}, "last_name", "The last name must not look like an email address or a web"),
        ({"credential": ""}, "credential", "The credential must not be empty."),
        ({"credential": "www.evil"}, "credential", "The credential must not look like an email address"),
        ({"credential": "N" * 41}, "credential", "The credential must have at most 40 characters."),
        ({"email": "jane"}, "email", "The email address must be one email address"),
        ({"email": ""}, "email", "The email address must be one email address"),
        ({"npi": "1000000005"}, "npi", "Check the 10-digit NPI, or leave it empty."),
        ({"email": "Dr.Rivera@example.com"}, "email", "This is your own address."),
        ({"first_name": "Luis", "last_name": "Rivera", "npi": ""}, "last_name", "This is you."),
        ({"npi": "1234567893"}, "last_name", "This is you."),
    ],
)
def test_a_wrong_form_hands_nothing_over(changes: dict[str, str], field: str, message: str) -> None:
    service = hand_overs(store := a_world())
    before = store.commits
    with pytest.raises(Invalid) as refused:
        service.hand_over(DOCUMENT, replace(FORM, **changes), BY)
    assert fields_of(refused) == {field}
    assert refused.value.errors[0].message.startswith(message)
    assert refused.value.detail == "Not handed over yet. Please fix the following:"
    assert store.commits == before


def test_every_wrong_field_is_named_at_once() -> None:
    with pytest.raises(Invalid) as refused:
        hand_overs(a_world()).hand_over(
            DOCUMENT, HandOverForm(first_name="", last_name="", credential="", email=""), BY
        )
    assert fields_of(refused) == {"first_name", "last_name", "credential", "email"}


@pytest.mark.parametrize("length", [59, 60])
def test_a_name_of_60_characters_is_accepted(length: int) -> None:
    handed = hand_overs(a_world()).hand_over(DOCUMENT, replace(SILVA, last_name="S" * length), BY)
    assert handed.addressee.last_name == "S" * length


@pytest.mark.parametrize(
    ("own", "form"),
    [
        (replace(PROVIDER, first_name="Lou"), replace(FORM, first_name="Lou", last_name="Rivera", npi="")),
        (replace(PROVIDER, npi="1679576722"), replace(FORM, npi="1679576722")),
    ],
    ids=["name", "NPI"],
)
def test_own_name_and_npi_are_also_those_of_the_account(own: Provider, form: HandOverForm) -> None:
    npi = DOCUMENT.addressee.npi if own.npi == PROVIDER.npi else None
    document = replace(DOCUMENT, addressee=replace(DOCUMENT.addressee, npi=npi))
    with pytest.raises(Invalid) as refused:
        hand_overs(a_world(document)).hand_over(document, form, replace(BY, provider=own))
    assert fields_of(refused) == {"last_name"}


def test_another_address_of_the_same_account_is_the_own_address() -> None:
    own = replace(PROVIDER, version=2, emails=("dr.rivera@example.com", "luis@example.org"))
    store = a_world()
    store.commit(Change(at=START, providers=(own,)))
    with pytest.raises(Invalid) as refused:
        hand_overs(store).hand_over(DOCUMENT, replace(FORM, email="luis@example.org"), replace(BY, provider=own))
    assert fields_of(refused) == {"email"}


@pytest.mark.parametrize("who", [BY_COLLEAGUE, replace(BY, provider=replace(PROVIDER, password_hash=None))])
def test_another_provider_and_a_person_without_an_account_hand_nothing_over(who: ProviderAction) -> None:
    store = a_world()
    before = store.commits
    with pytest.raises(NotFound):
        hand_overs(store).hand_over(DOCUMENT, SILVA, who)
    assert store.commits == before


@pytest.mark.parametrize("status", [Status.APPROVED, Status.DECLINED, Status.RECALLED, Status.RETURNED])
def test_a_decided_document_is_not_handed_over(status: Status) -> None:
    document = replace(DOCUMENT, status=status)
    with pytest.raises(Conflict):
        hand_overs(a_world(document)).hand_over(document, FORM, BY)


def test_a_document_decided_at_the_same_moment_is_not_handed_over() -> None:
    service = hand_overs(store := a_world())
    store.before_commit = only_doing(lambda: a_review(store).decline(DOCUMENT, DeclineForm(reason="needs_a_visit"), BY))
    with pytest.raises(Conflict, match="already been declined"):
        service.hand_over(DOCUMENT, FORM, BY)
    assert stored(store, DOCUMENT).handed_over == ()


def test_a_document_is_handed_over_once() -> None:
    service = hand_overs(store := a_world())
    service.hand_over(DOCUMENT, FORM, BY)
    with pytest.raises(NotFound):
        service.hand_over(DOCUMENT, SILVA, BY)
    assert len(emails(store)) == 1


def test_the_giver_signs_only_after_taking_the_document_back() -> None:
    service = hand_overs(store := a_world())
    service.hand_over(DOCUMENT, FORM, BY)
    review = a_review(store)
    with pytest.raises(NotFound):
        review.approve(DOCUMENT, ALL_SHOWN, BY)
    assert stored(store, DOCUMENT).status is Status.PENDING
    back = service.take_back(DOCUMENT, BY)
    assert review.approve(back, ALL_SHOWN, BY).status is Status.APPROVED


def test_the_colleague_does_not_hand_the_document_back() -> None:
    service = hand_overs(store := a_world())
    handed = service.hand_over(DOCUMENT, FORM, BY)
    action = replace(BY_COLLEAGUE, provider=provider(store, OTHER_PROVIDER.id))
    back = HandOverForm(first_name="Luis", last_name="Rivera", credential="MD", email="luis@example.org")
    with pytest.raises(Invalid) as refused:
        service.hand_over(handed, back, action)
    assert refused.value.errors[0].message == "This person handed the document over before, and can take it back."


@pytest.mark.parametrize("earlier", [MAX_HAND_OVERS - 1, MAX_HAND_OVERS])
def test_a_document_is_handed_on_at_most_three_times(earlier: int) -> None:
    document = DOCUMENT
    for number in range(earlier):
        named = replace(COLLEAGUE, first_name=f"P{'abc'[number]}", npi=None, email=f"{number}@example.com")
        document = handed_over(document, named, to=f"prv_{number + 5}")
    own = replace(PROVIDER, id="prv_7", first_name="Jane", last_name="Okafor", npi=None, email="jane@example.com")
    last = replace(document, provider_id=own.id, addressee=replace(COLLEAGUE, npi=None, email="jane@example.com"))
    store = a_world(last)
    store.commit(Change(at=START, providers=(own,)))
    service = hand_overs(store)
    if earlier < MAX_HAND_OVERS:
        assert len(service.hand_over(last, SILVA, replace(BY, provider=own)).handed_over) == MAX_HAND_OVERS
        return
    with pytest.raises(Invalid) as refused:
        service.hand_over(last, SILVA, replace(BY, provider=own))
    message = "It has been handed over 3 times. Sign or decline it, or call the clinic."
    assert [(error.field, error.message) for error in refused.value.errors] == [("email", message)]


def test_an_account_hands_over_twenty_documents_a_day() -> None:
    assert (HAND_OVERS_PER_DAY.limit, HAND_OVERS_PER_DAY.period) == (20, timedelta(hours=24))
    service = hand_overs(a_world())
    document = DOCUMENT
    for number in range(20):
        if number:
            document = service.take_back(document, BY)
        document = service.hand_over(document, replace(FORM, email=f"{number}@example.com"), BY)
    document = service.take_back(document, BY)
    with pytest.raises(TooManyRequests, match="You can hand over 20 documents a day") as refused:
        service.hand_over(document, FORM, BY)
    assert refused.value.retry_after == 3600
    tomorrow = replace(BY, now=START + timedelta(hours=24))
    assert service.hand_over(document, FORM, tomorrow).handed_over


def test_each_account_has_a_quota_of_its_own() -> None:
    theirs = replace(a_document(id="doc_2"), addressee=COLLEAGUE, provider_id=OTHER_PROVIDER.id)
    service = hand_overs(a_world(DOCUMENT, theirs))
    document = DOCUMENT
    for number in range(20):
        document = service.hand_over(document, replace(FORM, email=f"{number}@example.com"), BY)
        document = service.take_back(document, BY)
    assert service.hand_over(theirs, SILVA, BY_COLLEAGUE).handed_over


# Taking back


def test_taking_back_ends_the_colleagues_part_and_notifies_the_clinic() -> None:
    service = hand_overs(store := a_world())
    handed = service.hand_over(DOCUMENT, FORM, BY)
    back = service.take_back(handed, BY)
    assert back == stored(store, DOCUMENT)
    assert (back.addressee, back.provider_id, back.viewed_at) == (DOCUMENT.addressee, PROVIDER.id, START)
    assert back.access == handed.access + 1
    assert not opens_to(OTHER_PROVIDER, back)
    body = json.loads(webhooks(store)[-1].body or "")
    assert (body["type"], body["data"]["handed_over_to"]) == ("document.taken_back", None)
    event = store.events(DOCUMENT.id)[-1]
    assert describe_event(event) == (
        "Taken back by Luis Rivera, MD, NPI 1234567893 from Jane Okafor, NP, NPI 1000000004"
    )
    notices = [delivery.type for delivery in store.every(Delivery, "deliveries") if delivery.channel == "notice"]
    assert notices == ["handed_over", "handed_over"]


@pytest.mark.parametrize("who", [BY_COLLEAGUE, replace(BY, provider=replace(PROVIDER, id="prv_9"))])
def test_only_the_giver_takes_back(who: ProviderAction) -> None:
    document = handed_over(DOCUMENT)
    with pytest.raises(NotFound):
        hand_overs(a_world(document)).take_back(document, who)


def test_nothing_is_taken_back_that_was_not_handed_over() -> None:
    with pytest.raises(NotFound):
        hand_overs(a_world()).take_back(DOCUMENT, BY)


def test_a_decided_document_is_not_taken_back() -> None:
    document = replace(handed_over(DOCUMENT), status=Status.APPROVED)
    with pytest.raises(Conflict, match="already been signed"):
        hand_overs(a_world(document)).take_back(document, BY)


# The list


def test_the_list_has_what_the_provider_handed_over_newest_first() -> None:
    other = a_document(id="doc_2", viewed_at=START)
    service = hand_overs(store := a_world(DOCUMENT, other))
    assert service.list_handed_over(provider(store, PROVIDER.id)) == ()
    for document in (DOCUMENT, other):
        service.hand_over(document, FORM, BY)
    listed = service.list_handed_over(provider(store, PROVIDER.id))
    assert [document.id for document in listed] == ["doc_2", DOCUMENT.id]
    service.take_back(other, BY)
    assert [document.id for document in service.list_handed_over(provider(store, PROVIDER.id))] == [DOCUMENT.id]
    assert service.list_handed_over(provider(store, OTHER_PROVIDER.id)) == ()


def test_the_list_leaves_out_a_document_that_the_clinic_recalled() -> None:
    service = hand_overs(store := a_world())
    handed = service.hand_over(DOCUMENT, FORM, BY)
    for status in (Status.APPROVED, Status.RECALLED):
        handed = replace(handed, version=handed.version + 1, status=status)
        store.commit(Change(at=START, documents=(handed,)))
        listed = service.list_handed_over(provider(store, PROVIDER.id))
        assert listed == ((handed,) if status is Status.APPROVED else ())


def test_a_document_that_is_handed_over_again_is_listed_once() -> None:
    service = hand_overs(store := a_world())
    service.hand_over(DOCUMENT, FORM, BY)
    service.take_back(DOCUMENT, BY)
    service.hand_over(DOCUMENT, SILVA, BY)
    assert provider(store, PROVIDER.id).handed_over == (DOCUMENT.id,)


def test_the_list_keeps_the_newest_twenty() -> None:
    assert MAX_LISTED == 20
    store = a_world()
    full = tuple(f"doc_{number}" for number in range(20))
    store.commit(Change(at=START, providers=(replace(PROVIDER, version=2, handed_over=full),)))
    hand_overs(store).hand_over(DOCUMENT, FORM, BY)
    assert provider(store, PROVIDER.id).handed_over == (DOCUMENT.id, *full[:19])
