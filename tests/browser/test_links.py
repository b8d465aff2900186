"""Test the setup and reset links, which expire after 90 minutes and work once."""

from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from chalicelib.domain.expiring_records import LINK_LIFETIME
from tests.support.browser.people import ANOTHER_PASSWORD, PASSWORD, Person, someone
from tests.support.browser.stand_ins import EMAILS_WITH_A_LINK, Clinic
from tests.support.browser.virtual_time import Rows
from tests.support.browser.visitor import Visitor

DEAD = "This link no longer works"


class Invited:
    """A provider who was sent a document: the person, the emailed setup link, and the id of the provider's row."""

    def __init__(self, person: Person, link: str, provider_id: str) -> None:
        self.person = person
        self.link = link
        self.provider_id = provider_id


@pytest.fixture
def invited(cedar: Clinic, phone: Visitor, rows: Rows) -> Invited:
    person = someone()
    document_id = cedar.send(person)
    phone.mailbox.link(person.email, f"/documents/{document_id}")
    link = phone.mailbox.setup_link(person.email)
    return Invited(person, link, rows.document(document_id).provider_id)


def expect_expired(page: Page) -> None:
    expect(page.get_by_role("heading", name=DEAD)).to_be_visible()


def expect_logged_in(page: Page) -> None:
    expect(page.get_by_role("button", name="Log out", exact=True)).to_be_visible()


def ask_for_reset(phone: Visitor, person: Person) -> str:
    """Request a reset link with *Forgot password* on the login page, and return the emailed link."""
    known = [link for mail in phone.mailbox.mails(person.email) for link in mail["links"]]
    phone.open("/login")
    phone.page.get_by_role("link", name="Forgot password?").click()
    phone.page.get_by_label("Email address").fill(person.email)
    phone.page.get_by_role("button", name="Email me a link", exact=True).click()
    expect(phone.page.get_by_text("90 minutes")).to_be_visible()
    return phone.mailbox.link(person.email, "/setup/", besides=known)


def test_a_setup_link_expires_after_90_minutes_even_if_its_row_exists(
    invited: Invited, phone: Visitor, rows: Rows
) -> None:
    rows.end_links_of(invited.provider_id, age=LINK_LIFETIME - timedelta(minutes=1))
    phone.open(invited.link)
    expect(phone.page.locator("#password")).to_be_visible()

    rows.end_links_of(invited.provider_id, age=timedelta(minutes=1))
    phone.choose_password()
    expect_expired(phone.page)
    phone.open(invited.link)
    expect_expired(phone.page)
    assert len(rows.links_of(invited.provider_id)) == EMAILS_WITH_A_LINK
    expect(phone.page.get_by_role("button", name="Email me a new link", exact=True)).to_be_visible()


def test_a_setup_link_works_once(invited: Invited, phone: Visitor, other_phone: Visitor) -> None:
    phone.set_up(invited.link)
    other_phone.open(invited.link)
    expect_expired(other_phone.page)


def test_only_one_of_two_tabs_can_use_a_link(invited: Invited, phone: Visitor, other_phone: Visitor) -> None:
    tabs = {PASSWORD: phone.page, ANOTHER_PASSWORD: phone.context.new_page()}
    for password, tab in tabs.items():
        tab.goto(invited.link)
        tab.get_by_role("checkbox").check()
        tab.locator("#password").fill(password)
    for tab in tabs.values():
        # A script sends both forms, so that the second one leaves before the first response arrives.
        tab.evaluate("setTimeout(() => document.querySelector('form[action^=\"/setup\"]').requestSubmit(), 50)")

    for tab in tabs.values():
        won = tab.get_by_role("button", name="Log out", exact=True)
        expect(won.or_(tab.get_by_text(DEAD))).to_be_visible()
    losers = [password for password, tab in tabs.items() if tab.get_by_text(DEAD).is_visible()]
    assert len(losers) == 1

    other_phone.open("/login")
    other_phone.log_in(invited.person, losers[0])
    expect(other_phone.page.get_by_role("alert")).to_be_visible()
    other_phone.log_in(invited.person, next(password for password in tabs if password not in losers))
    expect_logged_in(other_phone.page)


def test_a_reset_link_changes_the_password_once(invited: Invited, phone: Visitor, other_phone: Visitor) -> None:
    phone.sign_up(invited.person)
    link = ask_for_reset(other_phone, invited.person)
    other_phone.open(link)
    other_phone.choose_password(ANOTHER_PASSWORD)
    expect(other_phone.page.get_by_text("Your password was changed")).to_be_visible()
    other_phone.log_in(invited.person, PASSWORD)
    expect(other_phone.page.get_by_role("alert")).to_be_visible()
    other_phone.log_in(invited.person, ANOTHER_PASSWORD)
    expect_logged_in(other_phone.page)
    other_phone.open(link)
    expect_expired(other_phone.page)

    phone.open("/documents")
    expect(phone.page.get_by_text("Your session has ended")).to_be_visible()


def test_a_reset_link_expires_after_90_minutes_even_if_its_row_exists(
    invited: Invited, phone: Visitor, other_phone: Visitor, rows: Rows
) -> None:
    phone.sign_up(invited.person)
    other_phone.open(ask_for_reset(other_phone, invited.person))
    expect(other_phone.page.locator("#password")).to_be_visible()
    rows.end_links_of(invited.provider_id, age=LINK_LIFETIME)
    other_phone.choose_password(ANOTHER_PASSWORD)
    expect_expired(other_phone.page)
    assert len(rows.links_of(invited.provider_id)) == EMAILS_WITH_A_LINK
