"""Test emailed setup links (for a new account) whose document is then replaced, recalled or corrected."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.documents import Addressee, DeliveryChoice, Document
from chalicelib.domain.errors import Unprocessable
from chalicelib.domain.jobs import JobName
from chalicelib.domain.providers import Provider
from chalicelib.services.accounts.link_requests import LinkRequests
from chalicelib.services.accounts.new_logins import NewLoginForm, Submission
from chalicelib.services.accounts.setup_links import LinkExpired, SetupLinks
from chalicelib.services.documents.document_refs import DocumentRef
from chalicelib.services.documents.lifecycle_events import RecallCommand, ResendCommand
from tests.support.accounts import make_new_logins
from tests.support.emr_fixtures import OTHER_PRACTICE, RIVERA, Emr, sent
from tests.support.slow_calls import Calls, Slow, in_sequence

ADDRESS = "dr.rivera@example.com"
OTHER_ADDRESS = "luis@clinic.example"
NAMED = DocumentRef(external_id="POC-1001")
FORM = NewLoginForm(password="violet tractor onion", credential="MD", confirmed=True)
SECOND = sent(external_id="POC-1002")
REPLACING = sent(external_id="POC-1002", supersedes="POC-1001")


class Physician:
    """A provider without an account, who opens the setup links in the emails about a clinic's documents."""

    def __init__(self) -> None:
        self.emr = Emr()
        self.setup_links = SetupLinks(self.emr.store, self.emr.ids)
        self.new_logins = make_new_logins(self.emr.store, self.emr.ids)

    def setups(self, document: Document) -> list[Delivery]:
        setups = [delivery for delivery in self.emr.deliveries() if delivery.type == "setup"]
        return [delivery for delivery in setups if delivery.document_id == document.id]

    def link(self, document: Document) -> str:
        """Return the token of the link in the newest setup email for this document. The token is made as for the sent
        email."""
        return self.setup_links.create_token(self.setups(document)[-1], self.emr.now)

    def leads_to(self, token: str) -> str | None:
        """Open a setup link by its token. Return the id of the document that it opens, or None if the link no longer
        works."""
        try:
            document = self.setup_links.open(token, self.emr.now).document
        except LinkExpired:
            return None
        return document.id if document else None

    def recall(self, **named: str) -> None:
        self.emr.lifecycle.recall(self.emr.inbound(), RecallCommand(document=DocumentRef(**named) if named else NAMED))

    def correct(self, **corrections: object) -> Document:
        event = ResendCommand(document=NAMED, **corrections)  # type: ignore[arg-type]  # - a test's shorthand
        return self.emr.stored(self.emr.lifecycle.resend(self.emr.inbound(), event))


@pytest.fixture
def physician() -> Physician:
    return Physician()


def test_a_document_that_replaces_the_first_sends_its_own_setup_link(physician: Physician) -> None:
    physician.link(physician.emr.send())
    newer = physician.emr.send(REPLACING)
    assert [delivery.recipient for delivery in physician.setups(newer)] == [ADDRESS]
    assert physician.leads_to(physician.link(newer)) == newer.id


def test_until_the_new_link_is_sent_the_first_link_leads_to_the_newer_document(physician: Physician) -> None:
    token = physician.link(physician.emr.send())
    newer = physician.emr.send(REPLACING)
    assert physician.leads_to(token) == newer.id
    chosen = physician.new_logins.choose(token, FORM, Submission(now=physician.emr.now))
    assert chosen.provider.email == ADDRESS
    with pytest.raises(Unprocessable):
        physician.link(newer)  # there is an account by now


def test_an_older_link_leads_to_the_document_that_replaced_its_own(physician: Physician) -> None:
    token = physician.link(physician.emr.send())
    replacing = physician.emr.send(REPLACING)
    physician.link(replacing)
    assert physician.leads_to(token) == replacing.id


def test_a_setup_email_that_was_not_yet_sent_is_replaced_by_the_newer_one(physician: Physician) -> None:
    first = physician.emr.send()
    newer = physician.emr.send(REPLACING)
    with pytest.raises(Unprocessable):
        physician.link(first)
    assert physician.leads_to(physician.link(newer)) == newer.id


@pytest.mark.parametrize("external_id", ["POC-1001", "POC-1002"])
def test_a_document_sent_again_after_a_recall_sends_a_setup_link(physician: Physician, external_id: str) -> None:
    token = physician.link(physician.emr.send())
    physician.recall()
    assert physician.leads_to(token) is None
    newer = physician.emr.send(sent(external_id=external_id))
    assert physician.leads_to(token) == newer.id
    assert physician.leads_to(physician.link(newer)) == newer.id


def test_replacing_a_recalled_document_sends_a_setup_link(physician: Physician) -> None:
    physician.emr.send()
    physician.recall()
    newer = physician.emr.send(REPLACING)
    assert physician.leads_to(physician.link(newer)) == newer.id


def test_a_second_replacement_sends_another_setup_link(physician: Physician) -> None:
    physician.emr.send()
    physician.link(physician.emr.send(REPLACING))
    last = physician.emr.send(sent(external_id="POC-1003", supersedes="POC-1002"))
    assert physician.leads_to(physician.link(last)) == last.id


def test_while_the_first_document_is_pending_a_second_sends_no_setup_link(physician: Physician) -> None:
    token = physician.link(physician.emr.send())
    assert physician.setups(physician.emr.send(SECOND)) == []
    physician.recall(external_id="POC-1002")
    assert physician.setups(physician.emr.send(SECOND)) == []
    assert physician.leads_to(token) is not None


def test_a_link_reads_the_recalled_document_and_the_pending_list_concurrently(physician: Physician) -> None:
    """Two calls of the fake store in sequence are three in DynamoDB, because the real store reads a list with two
    calls.

    Three is the limit for a page."""
    token = physician.link(physician.emr.send())
    other = physician.emr.send(SECOND)
    physician.recall()
    calls: Calls = []
    setup_links = SetupLinks(Slow(physician.emr.store, calls), physician.emr.ids)
    opened = setup_links.open(token, physician.emr.now).document
    assert opened is not None
    assert opened.id == other.id
    assert {name for name, _, _ in calls} == {"secrets", "visit", "documents"}
    assert len(in_sequence(calls)) == 2


def test_the_link_survives_a_recall_through_another_practices_document(physician: Physician) -> None:
    token = physician.link(physician.emr.send())
    other = physician.emr.send(SECOND, practice=OTHER_PRACTICE)
    physician.recall()
    assert physician.leads_to(token) == other.id


def test_another_practices_document_after_a_recall_sends_a_setup_link(physician: Physician) -> None:
    physician.emr.send()
    physician.recall()
    other = physician.emr.send(SECOND, practice=OTHER_PRACTICE)
    assert physician.leads_to(physician.link(other)) == other.id


def test_a_faxed_document_does_not_keep_an_emailed_link_valid(physician: Physician) -> None:
    token = physician.link(physician.emr.send())
    physician.emr.send(sent(external_id="POC-1002", delivery=DeliveryChoice.FAX))
    physician.recall()
    assert physician.leads_to(token) is None


@pytest.mark.parametrize("minutes", [0, 89, 90])
def test_ninety_minutes_count_from_the_email_even_if_the_link_leads_to_another_document(
    physician: Physician, minutes: int
) -> None:
    token = physician.link(physician.emr.send())
    newer = physician.emr.send(REPLACING)
    physician.emr.clock.at += timedelta(minutes=minutes)
    assert physician.leads_to(token) == (newer.id if minutes < 90 else None)


# A setup email that is not sent yet


def test_a_setup_email_of_a_recalled_document_is_sent_for_the_pending_document(physician: Physician) -> None:
    first = physician.emr.send()
    second = physician.emr.send(SECOND)
    physician.recall()
    assert physician.setups(second) == []
    assert physician.leads_to(physician.link(first)) == second.id


def test_a_setup_email_of_a_recalled_document_is_cancelled_without_a_pending_document(physician: Physician) -> None:
    first = physician.emr.send()
    physician.emr.send(sent(external_id="POC-1002", delivery=DeliveryChoice.FAX))
    physician.recall()
    with pytest.raises(Unprocessable):
        physician.link(first)


@pytest.mark.parametrize("recalled_too", [True, False])
def test_a_setup_email_to_a_corrected_address_is_not_sent(physician: Physician, *, recalled_too: bool) -> None:
    first = physician.emr.send()
    physician.emr.send(SECOND, practice=OTHER_PRACTICE)
    physician.correct(email=OTHER_ADDRESS)
    if recalled_too:
        physician.recall()
    stale = next(delivery for delivery in physician.setups(first) if delivery.recipient == ADDRESS)
    with pytest.raises(Unprocessable):
        physician.setup_links.create_token(stale, physician.emr.now)


def test_a_requested_setup_email_is_sent_although_its_document_is_recalled(physician: Physician) -> None:
    physician.link(physician.emr.send())
    second = physician.emr.send(SECOND)
    physician.emr.clock.at += timedelta(hours=2)
    request_from_page(physician, second)
    physician.recall(external_id="POC-1002")
    assert physician.leads_to(physician.link(second)) is not None


# A corrected address


def test_a_corrected_address_invalidates_the_link_although_another_document_is_pending(physician: Physician) -> None:
    token = physician.link(physician.emr.send())
    physician.emr.send(SECOND, practice=OTHER_PRACTICE)
    after = physician.correct(email=OTHER_ADDRESS)
    assert physician.leads_to(token) is None
    assert physician.leads_to(physician.link(after)) == after.id


def test_an_invalidated_link_stays_invalid_when_the_corrected_document_is_recalled(physician: Physician) -> None:
    token = physician.link(physician.emr.send())
    physician.emr.send(SECOND, practice=OTHER_PRACTICE)
    physician.correct(email=OTHER_ADDRESS)
    physician.recall()
    assert physician.leads_to(token) is None


@pytest.mark.parametrize("recalled_first", [True, False])
def test_a_document_sent_to_another_address_invalidates_the_first_link(
    physician: Physician, *, recalled_first: bool
) -> None:
    token = physician.link(physician.emr.send())
    if recalled_first:
        physician.recall()
    elsewhere = replace(REPLACING, addressee=replace(RIVERA, email=OTHER_ADDRESS))
    newer = physician.emr.send(elsewhere)
    assert physician.leads_to(token) is None
    assert [delivery.recipient for delivery in physician.setups(newer)] == [OTHER_ADDRESS]
    assert physician.leads_to(physician.link(newer)) == newer.id


def test_a_document_sent_to_the_earlier_address_again_sends_a_setup_link(physician: Physician) -> None:
    physician.emr.send()
    physician.correct(email=OTHER_ADDRESS)
    again = physician.emr.send(SECOND)
    assert physician.leads_to(physician.link(again)) == again.id


def test_a_change_of_delivery_sends_a_link_in_place_of_the_one_it_invalidates(physician: Physician) -> None:
    token = physician.link(physician.emr.send())
    after = physician.correct(delivery=DeliveryChoice.BOTH)
    assert physician.leads_to(token) is None
    assert physician.leads_to(physician.link(after)) == after.id


def test_after_a_change_to_fax_the_next_emailed_document_sends_a_link(physician: Physician) -> None:
    physician.emr.send()
    physician.correct(delivery=DeliveryChoice.FAX)
    second = physician.emr.send(SECOND)
    assert physician.leads_to(physician.link(second)) == second.id


# Requests for another link


def link_requests(emr: Emr) -> LinkRequests:
    return LinkRequests(emr.store, emr.ids, emr.switches, SetupLinks(emr.store, emr.ids))


def request_from_page(physician: Physician, document: Document) -> list[tuple[str, str | None]]:
    """Request a new setup link on the page of a link that no longer works.

    Return the type and the document id of each email that follows."""
    emr = physician.emr
    before = len(emr.deliveries())
    link_requests(emr).ask_for_document(document.id, emr.now)
    return [(delivery.type, delivery.document_id) for delivery in emr.deliveries()[before:]]


def test_the_page_of_an_expired_link_sends_the_link_of_the_pending_document(physician: Physician) -> None:
    first = physician.emr.send()
    newer = physician.emr.send(REPLACING)
    assert request_from_page(physician, first) == [("setup", newer.id)]


def test_the_page_of_an_expired_link_sends_nothing_without_a_pending_document(physician: Physician) -> None:
    first = physician.emr.send()
    physician.recall()
    assert request_from_page(physician, first) == []


def request_by_address(physician: Physician) -> list[tuple[str, str | None]]:
    """Request a link with *Forgot password* and the provider's address.

    Return the type and the document id of each email that follows."""
    emr = physician.emr
    before = len(emr.deliveries())
    link_requests(emr).ask(ADDRESS, "198.51.100.7", emr.now)
    (job,) = (job for job in emr.store.jobs() if job.name == JobName.FORGOTTEN)
    link_requests(emr).send_requested_link(job.event_id, emr.now)
    return [(delivery.type, delivery.document_id) for delivery in emr.deliveries()[before:]]


def test_forgot_password_sends_the_link_of_the_pending_document(physician: Physician) -> None:
    first = physician.emr.send()
    physician.emr.send(SECOND)
    physician.recall(external_id="POC-1002")
    assert request_by_address(physician) == [("setup", first.id)]


def test_forgot_password_sends_nothing_if_the_pending_document_was_faxed(physician: Physician) -> None:
    physician.emr.send(sent(delivery=DeliveryChoice.FAX))
    physician.emr.send(SECOND)
    physician.recall(external_id="POC-1002")
    assert request_by_address(physician) == []


# Another practice that addressed the same mailbox first


def opened_at_second_practice(physician: Physician, first: Addressee, second: Addressee) -> Provider:
    """Return the account that a setup link creates, if two practices have sent documents to the same address before.

    The practices name the people `first` and `second` there. The link belongs to the second practice's document."""
    physician.emr.send(sent(addressee=first))
    other = physician.emr.send(sent(external_id="POC-1002", addressee=second), practice=OTHER_PRACTICE)
    request_from_page(physician, other)
    token = physician.link(other)
    chosen = physician.new_logins.choose(token, FORM, Submission(now=physician.emr.now)).provider
    assert physician.setup_links.find_first_pending_at(chosen, ADDRESS) is not None
    return chosen


def test_an_account_has_the_name_that_the_practice_of_the_link_states(physician: Physician) -> None:
    squatter = replace(RIVERA, first_name="Mickey", last_name="Mouse")
    assert opened_at_second_practice(physician, squatter, RIVERA).name == "Luis Rivera"


def test_an_account_has_no_npi_that_only_another_practice_states(physician: Physician) -> None:
    wrong = replace(RIVERA, npi="1679576722")
    account = opened_at_second_practice(physician, wrong, replace(RIVERA, npi=None))
    assert (account.npi, account.npi_stated_by) == (None, ())


def test_an_account_has_the_npi_that_the_practice_stated_with_another_document(physician: Physician) -> None:
    physician.emr.send()
    second = physician.emr.send(sent(external_id="POC-1002", addressee=replace(RIVERA, npi=None)))
    request_from_page(physician, second)
    account = physician.new_logins.choose(physician.link(second), FORM, Submission(now=physician.emr.now)).provider
    assert (account.npi, account.npi_stated_by) == (RIVERA.npi, ("prc_1",))
