"""Test what a clinic's events and the background jobs do with a document that was handed over to a colleague."""

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from chalicelib.domain.certification.facts import AttentionReason, ClosedFax, CopySeen, TransmissionChannel
from chalicelib.domain.claim_keys import email_claim, fax_number_claim
from chalicelib.domain.documents import DeliveryChoice, Document
from chalicelib.domain.errors import Conflict
from chalicelib.domain.providers import Provider
from chalicelib.domain.visibility import opens_to
from chalicelib.services.accounts.setup_links import _as_addressed
from chalicelib.services.documents.document_moves import DocumentMoves, move_job
from chalicelib.services.documents.document_refs import DocumentRef
from chalicelib.services.documents.document_resource import document_resource
from chalicelib.services.documents.lifecycle_events import ResendCommand
from chalicelib.services.documents.recorder import Actor
from chalicelib.services.documents.staff_reports import CopyCommand, StaffReports
from chalicelib.services.review.hand_overs import HandOverForm, HandOvers
from chalicelib.services.review.review import ProviderAction
from chalicelib.services.transaction import Change, Claim
from tests.support.emr_fixtures import RIVERA, Emr, sent, with_account

FORM = HandOverForm(first_name="Jane", last_name="Okafor", credential="NP", email="jane@example.com", npi="1000000004")
OWN = "dr.rivera@example.com"


class Office:
    """A clinic whose document a physician with an account has handed over to a colleague without an account."""

    def __init__(self, **changes: Any) -> None:
        self.emr = Emr()
        document = self.emr.send(sent(**changes))
        self.giver = with_account(self.emr, document, OWN)
        action = ProviderAction(
            provider=self.giver, actor=Actor("provider"), now=self.emr.now, authentication="account password"
        )
        self.before = document
        self.document = HandOvers(self.emr.writer).hand_over(document, FORM, action)

    def resend(self, **corrections: Any) -> Document:
        command = ResendCommand(document=DocumentRef(document_id=self.document.id), **corrections)
        return self.emr.stored(self.emr.lifecycle.resend(self.emr.inbound(), command))

    def mails(self) -> list[tuple[str, str]]:
        emails = [delivery for delivery in self.emr.deliveries() if delivery.channel == "email"]
        return [(mail.type, mail.recipient) for mail in emails]

    def colleague(self) -> Provider:
        provider = self.emr.store.provider(self.document.provider_id)
        assert provider is not None
        return provider


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.mark.parametrize("corrections", [{}, {"email": OWN}, {"delivery": DeliveryChoice.EMAIL}])
def test_a_resend_without_a_correction_emails_the_colleague_again(office: Office, corrections: dict[str, Any]) -> None:
    before = office.mails()
    resent = office.resend(**corrections)
    assert resent.addressee == office.document.addressee
    assert resent.handed_over == office.document.handed_over
    assert resent.access == office.document.access
    assert ("ready", "jane@example.com") in office.mails()[len(before) :]
    assert all(recipient == "jane@example.com" for _, recipient in office.mails()[len(before) :])
    assert office.colleague().addressed_by == {}


@pytest.mark.parametrize(
    ("corrections", "recipient"),
    [({"email": "luis@clinic.example"}, "luis@clinic.example"), ({"fax": "+15125550199"}, OWN)],
)
def test_a_correction_ends_the_hand_over(office: Office, corrections: dict[str, str], recipient: str) -> None:
    before = office.mails()
    corrected = office.resend(**corrections)
    assert corrected.handed_over == ()
    assert corrected.addressee == replace(office.before.addressee, **corrections)
    assert corrected.access == office.document.access + 1
    assert office.mails()[len(before)] == ("ready", recipient)
    assert corrected.provider_id != office.document.provider_id


def test_another_delivery_ends_the_hand_over_and_keeps_the_address(office: Office) -> None:
    corrected = office.resend(delivery=DeliveryChoice.BOTH)
    assert (corrected.handed_over, corrected.provider_id) == ((), office.giver.id)
    assert opens_to(office.giver, corrected)
    events = office.emr.store.events(corrected.id)
    assert json.loads(events[-1].body)["data"]["corrected"] == ["delivery"]


def test_the_same_document_sent_again_is_recognized_after_a_hand_over(office: Office) -> None:
    assert office.emr.send(sent()).id == office.document.id
    changed = replace(office.document, version=office.document.version + 1, facts_sha256="of an earlier release")
    office.emr.store.commit(Change(at=office.emr.now, documents=(changed,)))
    assert office.emr.send(sent()).id == office.document.id
    with pytest.raises(Conflict, match=r"data\.provider\.email"):
        office.emr.send(sent(addressee=replace(sent().addressee, email="else@example.com")))


def test_the_colleagues_account_shows_the_document_and_a_removed_address_hides_it(office: Office) -> None:
    account = with_account(office.emr, office.document, "jane@example.com")
    claim = Claim(key=email_claim("jane@example.com"), owner=account.id)
    office.emr.store.commit(Change(at=office.emr.now, claims=(claim,)))
    assert opens_to(account, office.document)
    DocumentMoves(office.emr.writer, office.emr.clock).move(move_job(account.id))
    assert office.emr.store.document(office.document.id) == office.document
    without = replace(account, version=account.version + 1, email="j.okafor@example.org", emails=())
    office.emr.store.commit(Change(at=office.emr.now, providers=(without,)))
    assert not opens_to(without, office.document)
    DocumentMoves(office.emr.writer, office.emr.clock).move(move_job(account.id))
    moved = office.emr.store.document(office.document.id)
    assert moved is not None
    assert moved.provider_id not in (account.id, office.giver.id)
    owner = office.emr.store.provider(moved.provider_id)
    assert owner is not None
    assert (owner.mailed_to, owner.addressed_by) == ("jane@example.com", {})


def test_the_setup_page_shows_no_npi_that_only_a_colleague_stated(office: Office) -> None:
    known = replace(office.colleague(), npi="1679576722", npi_stated_by=("prc_2",))
    shown = _as_addressed(known, office.document)
    assert (shown.first_name, shown.npi) == ("Jane", None)
    assert _as_addressed(known, replace(office.document, handed_over=())).npi == "1679576722"


def test_the_practice_confirms_its_closed_fax_number_while_the_colleague_has_the_document(office: Office) -> None:
    key, faxed_at = fax_number_claim("prc_1", RIVERA.fax or ""), office.emr.now
    closed = ClosedFax(number=RIVERA.fax or "", transmitted_at=faxed_at, transmitted_via=TransmissionChannel.FAX)
    marked = replace(
        office.document, version=office.document.version + 1, closed_fax=closed, attention=AttentionReason.WRONG_NUMBER
    )
    office.emr.store.commit(Change(at=faxed_at, documents=(marked,), claims=(Claim(key=key, owner="closed"),)))
    before = office.mails()
    resent = office.resend(fax=RIVERA.fax, fax_confirmed=True)
    assert office.emr.store.claims([key])[key].startswith("confirmed ")
    assert (resent.closed_fax, resent.attention) == (None, None)
    assert (resent.transmitted_at, resent.transmitted_via) == (faxed_at, TransmissionChannel.FAX)
    assert resent.handed_over == office.document.handed_over
    assert {recipient for _, recipient in office.mails()[len(before) :]} == {"jane@example.com"}
    assert [delivery for delivery in office.emr.deliveries() if delivery.channel == "fax"] == []


def test_a_closed_fax_number_does_not_stop_another_email_to_the_colleague(office: Office) -> None:
    key = fax_number_claim("prc_1", RIVERA.fax or "")
    office.emr.store.commit(Change(at=office.emr.now, claims=(Claim(key=key, owner="closed"),)))
    assert office.resend().handed_over == office.document.handed_over
    assert office.emr.store.claims([key]) == {key: "closed"}


@pytest.mark.parametrize("seen", [CopySeen.SIGNED_AND_DATED, CopySeen.DECLINED])
def test_a_copy_that_came_back_is_nobodys_signature_for_certain(office: Office, seen: CopySeen) -> None:
    command = CopyCommand(
        document=DocumentRef(document_id=office.document.id),
        seen=seen,
        signed_on=date(2026, 11, 22) if seen is CopySeen.SIGNED_AND_DATED else None,
        note="Not my patient" if seen is CopySeen.DECLINED else None,
    )
    read = office.emr.stored(StaffReports(office.emr.writer).confirm_copy(office.emr.inbound(), command))
    assert read.decision is not None
    signer = read.decision.signer
    assert (signer.name, signer.credential, signer.npi) == ("Luis Rivera or Jane Okafor", None, None)
    assert signer.identity is not None
    assert signer.identity.statement == (
        "As Hill Country Therapy read it on a copy that came back. The report does not say which of them decided."
    )
    assert document_resource(read, "https://portal.test", office.emr.now)["signer"] == {
        "name": "Luis Rivera or Jane Okafor",
        "credential": None,
        "npi": None,
        "method": "by_hand",
        "on_behalf_of": None,
    }
