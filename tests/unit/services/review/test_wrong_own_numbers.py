"""Test the report of a wrong fax number after a document was also faxed to the provider's own number."""

from dataclasses import replace

import pytest

from chalicelib.domain.certification.facts import AttentionReason
from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.documents import Document
from chalicelib.domain.errors import Invalid
from chalicelib.domain.providers import Provider
from chalicelib.domain.status import Outcome, Status
from chalicelib.services.documents.closed_numbers import FaxNumberState, closing_claim, is_closed, read_state
from chalicelib.services.transaction import Change, Claim
from tests.support.emr_fixtures import PRACTICE
from tests.unit.services.review.test_wrong_numbers import NUMBER, World

OWN = "+15125550148"


@pytest.fixture
def emr() -> World:
    return World()


def with_own_number(emr: World, number: str = OWN, *, faxed: bool = True) -> Document:
    """Send a document by fax to a provider who has this own number, to which a reminder was faxed too."""
    document = emr.fax()
    assert document.follow_up is not None
    if faxed:
        document = emr.change(document, follow_up=replace(document.follow_up, own_faxes=(OWN,)))
    provider = owner(emr, document)
    emr.store.commit(Change(at=emr.now, providers=(replace(provider, version=provider.version + 1, fax=number),)))
    return document


def owner(emr: World, document: Document) -> Provider:
    provider = emr.store.provider(document.provider_id)
    assert provider is not None
    return provider


def mails(emr: World) -> list[Delivery]:
    return [row for row in emr.deliveries() if row.type == "fax_reported"]


def test_a_report_closes_both_numbers_and_removes_the_providers_own(emr: World) -> None:
    document = with_own_number(emr)
    emr.report(document)
    assert owner(emr, document).fax is None
    assert [is_closed(emr.store, PRACTICE.id, number) for number in (NUMBER, OWN)] == [True, True]
    assert emr.latest(document).attention is AttentionReason.WRONG_NUMBER
    (mail,) = mails(emr)
    assert (mail.provider_id, mail.practice_id, mail.document_id) == (document.provider_id, "portal", None)
    events = emr.store.account_events(document.provider_id, limit=9, before=None).items
    assert [event.type for event in events] == ["fax_reported"]


def test_a_reported_code_opens_nothing_after_the_clinic_confirmed_its_number(emr: World) -> None:
    document = with_own_number(emr)
    code = emr.code(document)
    emr.wrong_numbers.report(code, emr.visitor)
    confirmed = f"{FaxNumberState.CONFIRMED} 2099-01-01T00:00:00+00:00"
    claim = replace(closing_claim(PRACTICE.id, NUMBER, FaxNumberState.CLOSED), owner=confirmed)
    emr.store.commit(Change(at=emr.now, claims=(claim,)))
    with pytest.raises(Invalid, match="wrong or has expired"):
        emr.wrong_numbers.report(code, emr.visitor)
    assert emr.code(document) != code


def test_an_own_number_to_which_nothing_was_faxed_stays(emr: World) -> None:
    document = with_own_number(emr, faxed=False)
    emr.report(document)
    assert owner(emr, document).fax == OWN
    assert (is_closed(emr.store, PRACTICE.id, OWN), mails(emr)) == (False, [])


def test_the_reported_number_is_removed_although_the_clinic_states_it_too(emr: World) -> None:
    document = with_own_number(emr, NUMBER, faxed=False)
    emr.report(document)
    assert owner(emr, document).fax is None


def test_an_own_number_that_was_changed_since_stays_and_the_old_one_is_closed(emr: World) -> None:
    document = with_own_number(emr, "+15125550149")
    emr.report(document)
    assert owner(emr, document).fax == "+15125550149"
    assert is_closed(emr.store, PRACTICE.id, OWN)
    assert mails(emr) == []


def test_after_the_clinics_number_was_closed_a_report_still_removes_the_own_number(emr: World) -> None:
    document = with_own_number(emr)
    emr.store.commit(Change(at=emr.now, claims=(closing_claim(PRACTICE.id, NUMBER),)))
    emr.report(document)
    emr.report(document)
    assert owner(emr, document).fax is None
    assert is_closed(emr.store, PRACTICE.id, OWN)
    assert emr.latest(document).attention is AttentionReason.PLEASE_CALL
    assert [event.type for event in emr.store.events(document.id)].count("fax.reported") == 1


def test_after_the_clinic_confirmed_its_number_only_the_own_number_can_be_reported(emr: World) -> None:
    document = with_own_number(emr)
    code = emr.code(document)
    confirmed = f"{FaxNumberState.CONFIRMED} 2099-01-01T00:00:00+00:00"
    claim = replace(closing_claim(PRACTICE.id, NUMBER), owner=confirmed)
    emr.store.commit(Change(at=emr.now, claims=(claim,)))
    emr.wrong_numbers.report(code, emr.visitor)
    assert owner(emr, document).fax is None
    assert read_state(emr.store, PRACTICE.id, NUMBER) == confirmed
    with pytest.raises(Invalid, match="wrong or has expired"):
        emr.wrong_numbers.report(code, emr.visitor)
    with pytest.raises(Invalid, match="confirmed"):
        emr.report(document)


def test_a_confirmed_own_number_is_closed_again(emr: World) -> None:
    document = with_own_number(emr)
    key = closing_claim(PRACTICE.id, OWN).key
    emr.store.commit(Change(at=emr.now, claims=(Claim(key=key, owner=FaxNumberState.CONFIRMED),)))
    emr.report(document)
    assert is_closed(emr.store, PRACTICE.id, OWN)


def test_a_former_own_number_is_closed_after_the_clinics_number_was_settled(emr: World) -> None:
    document = with_own_number(emr, "+15125550149")
    emr.store.commit(Change(at=emr.now, claims=(closing_claim(PRACTICE.id, NUMBER),)))
    emr.report(document)
    assert is_closed(emr.store, PRACTICE.id, OWN)
    assert owner(emr, document).fax == "+15125550149"


def test_a_decided_document_asks_nobody_to_call(emr: World) -> None:
    document = with_own_number(emr)
    emr.store.commit(Change(at=emr.now, claims=(closing_claim(PRACTICE.id, NUMBER),)))
    emr.change(document, status=Status.APPROVED, outcome=Outcome.APPROVED)
    emr.report(document)
    assert owner(emr, document).fax is None
    assert (emr.latest(document).attention, emr.notices()) == (None, [])


def test_a_follow_up_that_begins_again_keeps_the_own_number(emr: World) -> None:
    document = with_own_number(emr)
    emr.report(document)
    emr.change(document, follow_up_at=None)
    again = emr.resend(document, fax_confirmed=True)
    assert again.follow_up is not None
    assert again.follow_up_at is not None
    assert (again.access, again.follow_up.own_faxes) == (document.access, (OWN,))
