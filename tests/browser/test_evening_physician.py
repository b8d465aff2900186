"""Test the portal for a physician who reads the emails in the evening, after the setup link has expired."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from tests.support.browser.people import Person, someone
from tests.support.browser.stand_ins import EMAILS_WITH_A_LINK, Clinic
from tests.support.browser.virtual_time import Rows
from tests.support.browser.visitor import Visitor

EVENING = timedelta(hours=6)
DEAD = "This link no longer works"


class Evening:
    """A provider who was sent plans of care by two clinics, the first one six hours ago, and who has opened no email
    yet."""

    def __init__(self, person: Person, first: str, second: str, dead_link: str) -> None:
        self.person = person
        self.documents = {"first": first, "second": second}
        self.dead_link = dead_link


@pytest.fixture
def evening(cedar: Clinic, own_clinic: Clinic, phone: Visitor, rows: Rows) -> Evening:
    person = someone()
    first = cedar.send(person)
    phone.mailbox.link(person.email, f"/documents/{first}")
    dead_link = phone.mailbox.setup_link(person.email)
    provider_id = rows.document(first).provider_id
    rows.pass_time(provider_id, EVENING)
    assert rows.delete_links_of(provider_id) == EMAILS_WITH_A_LINK
    second = own_clinic.send(person)
    phone.mailbox.link(person.email, f"/documents/{second}")
    assert rows.document(second).provider_id == provider_id
    return Evening(person, first, second, dead_link)


@pytest.mark.parametrize("which", ["first", "second"])
def test_each_email_alone_leads_to_a_signature(evening: Evening, phone: Visitor, which: str) -> None:
    person, document_id = evening.person, evening.documents[which]
    known = [link for mail in phone.mailbox.mails(person.email) for link in mail["links"]]

    phone.open(phone.mailbox.link(person.email, f"/documents/{document_id}"))
    phone.page.get_by_role("button", name="Email me a link", exact=True).click()
    expect(phone.page.get_by_text("Check your email")).to_be_visible()
    phone.set_up(phone.mailbox.link(person.email, "/setup/", besides=known))

    expect(phone.page).to_have_url(f"{phone.portal_url}/documents/{document_id}")
    phone.read_and_sign(person)
    other = evening.documents["second" if which == "first" else "first"]
    expect(phone.page.get_by_role("link", name="Review next")).to_have_attribute("href", f"/documents/{other}")


def test_the_expired_setup_link_offers_a_new_link(evening: Evening, phone: Visitor) -> None:
    person = evening.person
    known = [link for mail in phone.mailbox.mails(person.email) for link in mail["links"]]

    phone.open(evening.dead_link)
    expect(phone.page.get_by_role("heading", name=DEAD)).to_be_visible()
    phone.page.get_by_label("Email address").fill(person.email)
    phone.page.get_by_role("button", name="Email me a new link", exact=True).click()
    expect(phone.page.get_by_text("90 minutes")).to_be_visible()
    phone.set_up(phone.mailbox.link(person.email, "/setup/", besides=known))
    expect(phone.page.get_by_role("button", name="Log out", exact=True)).to_be_visible()
