"""Test the pages on which an owner adds email addresses to an account and removes them."""

from dataclasses import replace

import pytest

from chalicelib.domain.claim_keys import email_claim
from chalicelib.domain.providers import Provider
from chalicelib.services.accounts.address_codes import AddressCodes
from chalicelib.services.transaction import Change, Claim
from tests.support.accounts import EMAIL, PASSWORD, give_account, portal_with_account
from tests.support.fakes import START
from tests.support.portal import Browser, Portal, header, text
from tests.support.provider_fixtures import OTHER_PROVIDER, PROVIDER

SECOND, OTHER = "luis@clinic.example", "jane@example.com"


@pytest.fixture(autouse=True)
def portal() -> Portal:
    return portal_with_account()


def account(portal: Portal) -> Provider:
    provider = portal.store.provider(PROVIDER.id)
    assert provider is not None
    return provider


def code(portal: Portal) -> str:
    """Return the code in the newest email that lets an owner add an address to an account."""
    mail = [mail for mail in portal.mails() if mail.type == "address_code"][-1]
    return AddressCodes(portal.store, portal.ids).create_code(mail, portal.time.now())


def add(portal: Portal, browser: Browser, email: str = SECOND) -> None:
    browser.post("/account/emails", email=email)
    answer = browser.post("/account/emails/code", code=code(portal))
    assert header(answer, "location") == "/account?done=email-added"


def test_the_owner_adds_an_address_and_sees_it_after_the_username(portal: Portal, browser: Browser) -> None:
    answer = browser.post("/account/emails", email=f" {SECOND.upper()} ")
    assert header(answer, "location") == "/account/emails"
    page = text(browser.get("/account/emails"))
    assert f"we've emailed a 6-digit code to {SECOND} . It expires in 10 minutes." in page
    answer = browser.post("/account/emails/code", code=code(portal))
    page = text(browser.get(header(answer, "location")))
    assert "Email address added." in page
    assert page.index(f"{EMAIL} Username") < page.index(SECOND)
    assert f"Email address added: {SECOND}" in text(browser.get("/account/activity"))


def test_the_owner_removes_an_address(portal: Portal, browser: Browser) -> None:
    add(portal, browser)
    answer = browser.post("/account/emails/remove", email=SECOND)
    page = text(browser.get(header(answer, "location")))
    assert "Email address removed." in page
    assert SECOND not in page
    assert f"Email address removed: {SECOND}" in text(browser.get("/account/activity"))
    assert [mail.recipient for mail in portal.mails() if mail.type == "email_removed"] == [EMAIL, SECOND]


def test_the_username_has_no_button_and_stays(portal: Portal, browser: Browser) -> None:
    add(portal, browser)
    page = browser.get("/account").body.decode()
    assert page.count('action="/account/emails/remove"') == 1
    assert browser.post("/account/emails/remove", email=EMAIL).status_code == 404
    assert account(portal).proven_emails == (EMAIL, SECOND)


def test_a_change_of_the_addresses_logs_other_browsers_out(portal: Portal, browser: Browser) -> None:
    other = portal.browser()
    other.log_in(EMAIL, PASSWORD)
    add(portal, browser)
    assert other.get("/documents").status_code == 303
    assert browser.get("/documents").status_code == 200
    assert portal.browser().log_in(SECOND, PASSWORD).status_code == 401
    assert portal.browser().log_in(EMAIL, PASSWORD).status_code == 303


def test_a_wrong_code_is_refused_on_the_page_and_counts_for_the_source(portal: Portal, browser: Browser) -> None:
    browser.post("/account/emails", email=SECOND)
    right = code(portal)
    for _ in range(5):
        answer = browser.post("/account/emails/code", code="wrong")
        assert answer.status_code == 422
        assert "That code didn't work." in text(answer)
        assert "Check your email" not in text(answer)
    assert browser.post("/account/emails/code", code=right).status_code == 422
    for _ in range(30):
        answer = browser.post("/account/emails/code", code="wrong")
    assert answer.status_code == 429
    assert account(portal).proven_emails == (EMAIL,)


def test_an_address_of_another_account_gets_the_same_pages(portal: Portal, browser: Browser) -> None:
    give_account(portal, replace(OTHER_PROVIDER, email=OTHER))
    pages = []
    for email in (SECOND, OTHER):
        answers = [
            browser.post("/account/emails", email=email),
            browser.get("/account/emails"),
            browser.post("/account/emails/code", code="000000"),
        ]
        pages.append([(answer.status_code, text(answer).replace(email, "X")) for answer in answers])
        portal.time.pass_time(minutes=2)
    assert pages[0] == pages[1]
    assert [status for status, _ in pages[0]] == [303, 200, 422]


def test_an_address_that_is_taken_meanwhile_is_refused_like_a_wrong_code(portal: Portal, browser: Browser) -> None:
    browser.post("/account/emails", email=SECOND)
    right = code(portal)
    portal.store.commit(Change(at=START, claims=(Claim(key=email_claim(SECOND), owner="prv_9"),)))
    answer = browser.post("/account/emails/code", code=right)
    assert answer.status_code == 422
    assert "That code didn't work." in text(answer)


@pytest.mark.parametrize(("typed", "message"), [("luis", "Enter a full email address"), (EMAIL, "already in your")])
def test_an_address_that_cannot_be_added_is_refused_on_the_account_page(
    portal: Portal, browser: Browser, typed: str, message: str
) -> None:
    answer = browser.post("/account/emails", email=typed)
    assert answer.status_code == 400
    assert message in text(answer)
    assert f'value="{typed}"' in answer.body.decode()
    assert portal.mails() == []


def test_a_second_code_within_a_minute_is_refused_on_the_page_of_the_code(portal: Portal, browser: Browser) -> None:
    browser.post("/account/emails", email=SECOND)
    answer = browser.post("/account/emails", email=SECOND)
    assert answer.status_code == 422
    assert "one code a minute" in text(answer)
    assert "Add this address" in text(answer)
    other = browser.post("/account/emails", email="luis@home.example")
    assert other.status_code == 400
    assert "one code a minute" in text(other)
    portal.time.pass_time(minutes=1)
    assert browser.post("/account/emails", email=SECOND).status_code == 303


def test_a_reload_after_a_refused_form_shows_the_same_page(browser: Browser) -> None:
    refused = browser.post("/account/emails", email="luis")
    assert 'data-history-url="/account"' in refused.body.decode()
    browser.post("/account/emails", email=SECOND)
    for path in ("/account/emails", "/account/emails/code"):
        wrong = browser.post(path, email=SECOND, code="000000")
        assert 'data-history-url="/account/emails"' in wrong.body.decode()


def test_an_expired_code_leads_back_to_the_account(portal: Portal, browser: Browser) -> None:
    browser.post("/account/emails", email=SECOND)
    right = code(portal)
    portal.time.pass_time(minutes=10)
    assert header(browser.get("/account/emails"), "location") == "/account"
    answer = browser.post("/account/emails/code", code=right)
    assert answer.status_code == 400
    assert "The code has expired." in text(answer)


def test_at_five_addresses_the_form_is_gone(portal: Portal, browser: Browser) -> None:
    owner = account(portal)
    five = (EMAIL, *(f"luis{number}@example.com" for number in range(4)))
    portal.store.commit(Change(at=START, providers=(replace(owner, version=owner.version + 1, emails=five),)))
    page = browser.get("/account")
    assert "Email me a code" not in text(page)
    assert all(email in text(page) for email in five)
    assert "5 email addresses" in text(browser.post("/account/emails", email=SECOND))


def test_long_after_the_login_the_list_has_no_buttons(portal: Portal, browser: Browser) -> None:
    add(portal, browser)
    for _ in range(2):
        portal.time.pass_time(minutes=10)
        page = browser.get("/account")
    assert SECOND in text(page)
    assert "/account/emails" not in page.body.decode()
    assert header(browser.get("/account/emails"), "location") == "/account"
