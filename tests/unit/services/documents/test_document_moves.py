"""Test that documents move to the provider to whom they belong after a practice has corrected or learned an address."""

from dataclasses import replace

from chalicelib.domain.claim_keys import email_claim, known_claims
from chalicelib.domain.documents import DeliveryChoice, Document, Grant, GrantKind
from chalicelib.domain.providers import Provider
from chalicelib.domain.visibility import opens_to
from chalicelib.services.documents.document_moves import PAGE, DocumentMoves, move_job
from chalicelib.services.documents.document_refs import DocumentRef
from chalicelib.services.documents.lifecycle_events import ResendCommand
from chalicelib.services.ports import Listing
from chalicelib.services.transaction import Change, Claim
from tests.support.emr_fixtures import OTHER_PRACTICE, PRACTICE, RIVERA, Emr, sent, with_account

FAXED = replace(RIVERA, email=None)
WRONG, RIGHT = "mistyped@example.net", "dr.rivera@example.com"


def fax(emr: Emr, external_id: str, **changes: object) -> Document:
    event = sent(external_id=external_id, addressee=FAXED, delivery=DeliveryChoice.FAX)
    return emr.send(event, **changes)  # type: ignore[arg-type]  # - the practice


def mail(emr: Emr, external_id: str, email: str) -> Document:
    return emr.send(sent(external_id=external_id, addressee=replace(RIVERA, email=email)))


def correct(emr: Emr, document: Document, email: str) -> Document:
    command = ResendCommand(document=DocumentRef(document_id=document.id), email=email)
    return emr.stored(emr.lifecycle.resend(emr.inbound(), command))


def settle(emr: Emr, *, done: int = 0) -> int:
    """Run the jobs that move documents, and the jobs that they queue. Return the number of all such jobs so far.

    The first `done` jobs have run before and are skipped."""
    moves = DocumentMoves(emr.writer, emr.clock)
    while jobs := [job for job in emr.store.jobs() if job.name == "move"][done:]:
        done += len(jobs)
        for job in jobs:
            moves.move(job)
    return done


def latest(emr: Emr, document: Document) -> Document:
    stored = emr.store.document(document.id)
    assert stored is not None
    return stored


def owner(emr: Emr, document: Document) -> Provider:
    provider = emr.store.provider(latest(emr, document).provider_id)
    assert provider is not None
    return provider


def test_a_practices_faxes_move_to_the_person_whom_it_emails_later() -> None:
    emr = Emr()
    faxed, foreign = fax(emr, "FAX-1"), fax(emr, "FAX-2", practice=OTHER_PRACTICE)
    emr.send(sent(external_id="POC-9"), practice=OTHER_PRACTICE)
    emailed = mail(emr, "POC-1", RIGHT)
    settle(emr)
    account = with_account(emr, emailed, RIGHT)
    assert opens_to(account, latest(emr, faxed))
    assert opens_to(account, latest(emr, foreign))
    assert [event.type for event in emr.store.events(faxed.id)][-1] == "document.moved"


def test_a_corrected_address_takes_the_faxes_of_the_same_practice_along() -> None:
    emr = Emr()
    mistyped = mail(emr, "POC-1", WRONG)
    stranger = with_account(emr, mistyped, WRONG)
    faxed = fax(emr, "FAX-1")
    assert opens_to(stranger, faxed)
    corrected = correct(emr, mistyped, RIGHT)
    assert not opens_to(owner(emr, faxed), faxed)
    settle(emr)
    assert owner(emr, faxed).id == corrected.provider_id != stranger.id
    old = emr.store.provider(stranger.id)
    assert old is not None
    assert PRACTICE.id not in old.addressed_by
    assert set(emr.store.claims(known_claims(PRACTICE.id, RIVERA)).values()) == {corrected.provider_id}


def test_a_document_that_was_itself_sent_to_the_wrong_address_stays_there() -> None:
    """The practice has corrected the address of only one of two documents, so the other one must not move."""
    emr = Emr()
    first, second = mail(emr, "POC-1", WRONG), mail(emr, "POC-2", WRONG)
    stranger = with_account(emr, first, WRONG)
    correct(emr, first, RIGHT)
    settle(emr)
    assert owner(emr, second).id == stranger.id


def test_a_correction_between_two_proven_addresses_keeps_the_account() -> None:
    emr = Emr()
    document = mail(emr, "POC-1", WRONG)
    account = with_account(emr, document, WRONG)
    both = replace(account, version=account.version + 1, emails=(WRONG, RIGHT))
    emr.store.commit(Change(at=emr.now, providers=(both,)))
    with_claim(emr, both)
    corrected = correct(emr, document, RIGHT)
    settle(emr)
    assert latest(emr, corrected).provider_id == account.id
    assert owner(emr, corrected).addressed_by == {PRACTICE.id: (RIGHT,)}


def with_claim(emr: Emr, account: Provider) -> None:
    claims = tuple(Claim(key=email_claim(email), owner=account.id) for email in account.emails)
    emr.store.commit(Change(at=emr.now, claims=claims))


def test_a_correction_ends_what_the_code_of_a_fax_had_opened() -> None:
    emr = Emr()
    document = mail(emr, "POC-1", WRONG)
    granted = replace(
        document,
        version=document.version + 1,
        granted=Grant(kind=GrantKind.FAX_CODE, provider_id="prv_9"),
        provider_id="prv_9",
    )
    emr.store.commit(Change(at=emr.now, documents=(granted,)))
    corrected = correct(emr, granted, RIGHT)
    assert (corrected.granted, corrected.provider_id != "prv_9") == (None, True)


def test_a_granted_document_does_not_move() -> None:
    emr = Emr()
    document = fax(emr, "FAX-1")
    grant = Grant(kind=GrantKind.FAX_CODE, provider_id="prv_9")
    granted = replace(document, version=document.version + 1, granted=grant, provider_id="prv_9")
    person = replace(owner(emr, document), id="prv_9", version=1)
    emr.store.commit(Change(at=emr.now, documents=(granted,), providers=(person,)))
    DocumentMoves(emr.writer, emr.clock).move(move_job("prv_9"))
    assert latest(emr, document).provider_id == "prv_9"


def test_a_move_works_through_every_page_of_both_lists() -> None:
    emr = Emr()
    faxes = [fax(emr, f"FAX-{number}") for number in range(30)]
    emr.send(sent(external_id="POC-9"), practice=OTHER_PRACTICE)
    emailed = mail(emr, "POC-1", RIGHT)
    assert emailed.provider_id != faxes[0].provider_id
    assert settle(emr) == 3
    assert {latest(emr, faxed).provider_id for faxed in faxes} == {emailed.provider_id}


def test_a_page_of_documents_that_stay_does_not_stop_the_move_of_the_next_page() -> None:
    emr = Emr()
    faxes = [fax(emr, f"FAX-{number}") for number in range(PAGE + 5)]
    grant = Grant(kind=GrantKind.FAX_CODE, provider_id=faxes[0].provider_id)
    first = emr.store.documents(Listing.PROVIDER_PENDING, faxes[0].provider_id, limit=PAGE, after=None).items
    granted = tuple(replace(document, version=document.version + 1, granted=grant) for document in first)
    emr.store.commit(Change(at=emr.now, documents=granted))
    emr.send(sent(external_id="POC-9"), practice=OTHER_PRACTICE)
    emailed = mail(emr, "POC-1", RIGHT)
    assert settle(emr) == 3
    owners = [latest(emr, faxed).provider_id for faxed in faxes]
    assert (owners.count(grant.provider_id), owners.count(emailed.provider_id)) == (PAGE, 5)


def test_a_practice_with_several_addresses_of_one_person_leads_to_each_mailbox() -> None:
    """A person without an account has one row per mailbox, so that the reader of one mailbox does not see another's."""
    emr = Emr()
    first, second = mail(emr, "POC-1", WRONG), mail(emr, "POC-2", RIGHT)
    assert first.provider_id != second.provider_id
    account = with_account(emr, second, RIGHT)
    third = mail(emr, "POC-3", "luis@clinic.example")
    assert third.provider_id == account.id
    assert opens_to(account, third)
