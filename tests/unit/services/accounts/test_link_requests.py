from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.claim_keys import addressee_claim, email_claim
from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.documents import Document
from chalicelib.domain.errors import TooManyRequests
from chalicelib.domain.expiring_records import Secret
from chalicelib.domain.providers import Provider
from chalicelib.services.accounts.link_requests import LinkRequests
from chalicelib.services.accounts.setup_links import SetupLinks
from chalicelib.services.transaction import Change, Claim
from tests.support.fake_store import FakeStore
from tests.support.fakes import START, FakeClock, FakeIds, FakeSwitches
from tests.support.provider_fixtures import PRACTICE, PROVIDER, a_document, only_doing

EMAIL, SECOND = "dr.rivera@example.com", "luis@clinic.example"
SOURCE = "198.51.100.7"
NEW = replace(PROVIDER, email=None, password_hash=None)
DOCUMENT = a_document()
OTHER_PROVIDER_AS_ADDRESSEE = replace(DOCUMENT.addressee, first_name="Jane", last_name="Okafor", npi="1000000004")


class Desk:
    """A provider with one document, and the service for *Forgot password* with the emails that it queues for the
    provider."""

    def __init__(self, provider: Provider = NEW, document: Document = DOCUMENT) -> None:
        self.store = FakeStore()
        self.clock = FakeClock()
        self.switches = FakeSwitches({PRACTICE.id})
        self.link_requests = LinkRequests(self.store, FakeIds(), self.switches, SetupLinks(self.store, FakeIds()))
        claims = [Claim(key=addressee_claim(EMAIL), owner=document.id)]
        if provider.email:
            claims.append(Claim(key=f"email#{provider.email}", owner=provider.id))
        self.store.commit(
            Change(at=START, practices=(PRACTICE,), providers=(provider,), documents=(document,), claims=tuple(claims))
        )

    def ask(self, email: str = EMAIL, source: str = SOURCE) -> None:
        self.link_requests.ask(email, source, self.clock.now())

    def run_jobs(self) -> None:
        for job in self.store.jobs():
            if job.name == "forgotten":
                self.link_requests.send_requested_link(job.event_id, self.clock.now())

    def emails(self) -> list[tuple[str, str, str | None]]:
        deliveries = self.store.every(Delivery, "deliveries")
        return [(delivery.type, delivery.recipient, delivery.document_id) for delivery in deliveries]


def test_the_page_only_stores_the_request(desk: Desk) -> None:
    desk.ask()
    assert desk.emails() == []
    assert [(job.queue, job.name) for job in desk.store.jobs()] == [("deliveries", "forgotten")]
    assert EMAIL not in str(desk.store.jobs())


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_known_and_an_unknown_address_write_the_same_rows(desk: Desk) -> None:
    shapes = []
    for email in (EMAIL, "nobody@example.com"):
        before = {name: len(table) for name, table in desk.store.tables.items()}
        desk.ask(email, source=f"source of {email}")
        shapes.append({name: len(table) - before.get(name, 0) for name, table in desk.store.tables.items()})
    assert shapes[0] == shapes[1]


def test_an_addressee_without_an_account_gets_a_setup_link(desk: Desk) -> None:
    desk.ask()
    desk.run_jobs()
    assert desk.emails() == [("setup", EMAIL, DOCUMENT.id)]


def test_an_account_gets_a_link_to_reset_its_password() -> None:
    desk = Desk(PROVIDER)
    desk.ask()
    desk.run_jobs()
    assert desk.emails() == [("reset", EMAIL, None)]


def test_an_unknown_address_gets_no_email(desk: Desk) -> None:
    desk.ask("nobody@example.com")
    desk.run_jobs()
    assert desk.emails() == []


def test_running_the_job_twice_sends_one_email(desk: Desk) -> None:
    desk.ask()
    desk.run_jobs()
    desk.run_jobs()
    assert len(desk.emails()) == 1


def test_a_request_after_the_counter_was_deleted_sends_another_email(desk: Desk) -> None:
    desk.ask()
    desk.run_jobs()
    desk.clock.pass_time(days=60)
    for secret in desk.store.every(Secret, "secrets"):
        desk.store.commit(Change(at=desk.clock.now(), dropped=(secret,)))
    desk.ask()
    desk.run_jobs()
    assert len(desk.emails()) == 2


def test_an_address_that_was_corrected_gets_no_email() -> None:
    moved = replace(DOCUMENT, addressee=replace(DOCUMENT.addressee, email="right@example.com"))
    desk = Desk(document=moved)
    desk.ask()
    desk.run_jobs()
    assert desk.emails() == []


def test_a_recalled_document_gives_nobody_a_setup_link() -> None:
    recalled = DOCUMENT.recall(None, START)
    assert recalled is not None
    desk = Desk(document=recalled)
    desk.ask()
    desk.run_jobs()
    desk.link_requests.ask_for_document(DOCUMENT.id, START)
    assert desk.emails() == []


def test_with_electronic_signature_off_nobody_gets_a_setup_link(desk: Desk) -> None:
    desk.switches.on.clear()
    desk.ask()
    desk.run_jobs()
    desk.link_requests.ask_for_document(DOCUMENT.id, START)
    assert desk.emails() == []


def test_with_electronic_signature_off_an_account_still_gets_a_reset_link() -> None:
    desk = Desk(PROVIDER)
    desk.switches.on.clear()
    desk.ask()
    desk.run_jobs()
    assert [email[0] for email in desk.emails()] == ["reset"]


def test_an_address_gets_one_email_a_minute_and_five_an_hour(desk: Desk) -> None:
    for _ in range(10):
        desk.ask()
        desk.ask()
        desk.run_jobs()
        desk.clock.pass_time(minutes=1)
    assert len(desk.emails()) == 5
    desk.clock.pass_time(hours=1)
    desk.ask()
    desk.run_jobs()
    assert len(desk.emails()) == 6


def test_one_source_that_requests_links_for_many_addresses_is_slowed_down(desk: Desk) -> None:
    for number in range(20):
        desk.ask(f"dr.{number}@example.com")
    with pytest.raises(TooManyRequests):
        desk.ask("one.more@example.com")
    desk.ask("one.more@example.com", source="203.0.113.9")


def test_two_requests_at_the_same_moment_send_one_email(desk: Desk) -> None:
    desk.store.before_commit = only_doing(desk.ask)
    desk.ask()
    desk.run_jobs()
    assert len(desk.emails()) == 1


# From the landing page of a document


def test_the_landing_page_sends_a_link_to_the_address_on_file(desk: Desk) -> None:
    desk.link_requests.ask_for_document(DOCUMENT.id, START)
    assert desk.emails() == [("setup", EMAIL, DOCUMENT.id)]
    assert [job.delivery_id for job in desk.store.jobs()] == [
        delivery.id for delivery in desk.store.every(Delivery, "deliveries")
    ]


def test_an_accounts_link_goes_to_its_own_address_not_to_the_one_the_clinic_typed() -> None:
    """The email is stored without a practice and a document, so that no practice learns the account's address."""
    home = "luis@home.example"
    desk = Desk(replace(PROVIDER, email=home, addressed_by={DOCUMENT.practice_id: (home,)}))
    desk.link_requests.ask_for_document(DOCUMENT.id, START)
    assert desk.emails() == [("reset", home, None)]
    (delivery,) = desk.store.every(Delivery, "deliveries")
    assert (delivery.practice_id, delivery.leads_to) == ("portal", DOCUMENT.id)


def test_forgot_password_on_the_page_of_a_document_leads_back_only_to_a_document_of_the_account() -> None:
    other = a_document(id="doc_other", addressee=OTHER_PROVIDER_AS_ADDRESSEE, provider_id="prv_2")
    for document_id, leads_to in ((DOCUMENT.id, DOCUMENT.id), ("doc_other", None), ("doc_unknown", None)):
        desk = Desk(PROVIDER)
        desk.store.commit(Change(at=START, documents=(other,)))
        desk.link_requests.ask(EMAIL, SOURCE, START, document_id)
        desk.run_jobs()
        (delivery,) = desk.store.every(Delivery, "deliveries")
        assert (delivery.type, delivery.document_id, delivery.leads_to) == ("reset", None, leads_to)


def test_the_page_of_a_document_that_does_not_open_to_the_account_sends_no_link() -> None:
    desk = Desk(replace(PROVIDER, email="stranger@example.net"))
    desk.link_requests.ask_for_document(DOCUMENT.id, START)
    assert desk.emails() == []


def test_an_addressee_at_another_persons_username_gets_no_setup_link(desk: Desk) -> None:
    taken = Claim(key=email_claim(EMAIL), owner="prv_9")
    desk.store.commit(Change(at=START, claims=(taken,)))
    desk.link_requests.ask_for_document(DOCUMENT.id, START)
    assert desk.emails() == []


def test_a_second_request_within_a_minute_sends_no_second_email(desk: Desk) -> None:
    desk.link_requests.ask_for_document(DOCUMENT.id, START)
    desk.link_requests.ask_for_document(DOCUMENT.id, START + timedelta(seconds=59))
    assert len(desk.emails()) == 1
    desk.link_requests.ask_for_document(DOCUMENT.id, START + timedelta(seconds=60))
    assert len(desk.emails()) == 2


def test_an_unknown_or_only_faxed_document_sends_no_email(desk: Desk) -> None:
    desk.link_requests.ask_for_document("doc_unknown", START)
    faxed = Desk(document=replace(DOCUMENT, addressee=replace(DOCUMENT.addressee, email=None)))
    faxed.link_requests.ask_for_document(DOCUMENT.id, START)
    assert (desk.emails(), faxed.emails()) == ([], [])


def test_a_request_at_an_additional_address_sends_the_link_to_the_username() -> None:
    desk = Desk(replace(PROVIDER, emails=(EMAIL, SECOND)))
    desk.store.commit(Change(at=START, claims=(Claim(key=email_claim(SECOND), owner=PROVIDER.id),)))
    desk.ask(SECOND)
    desk.run_jobs()
    assert desk.emails() == [("reset", EMAIL, None)]


def test_a_request_at_an_address_that_was_removed_meanwhile_sends_no_link() -> None:
    desk = Desk()
    desk.store.commit(Change(at=START, claims=(Claim(key=email_claim(SECOND), owner=PROVIDER.id),)))
    desk.ask(SECOND)
    desk.run_jobs()
    assert desk.emails() == []
