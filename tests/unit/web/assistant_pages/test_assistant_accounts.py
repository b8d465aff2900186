"""Test the pages by which a provider invites an assistant, and the assistant accepts, logs in and is removed."""

import re

import pytest
from chalice.test import HTTPResponse

from chalicelib.domain.claim_keys import email_claim
from chalicelib.domain.providers import Provider
from chalicelib.services.transaction import Change, Claim
from tests.support.accounts import EMAIL, PASSWORD, logged_in, portal_with_account
from tests.support.assistants import ASSISTANT, OTHER_ASSISTANT, assist
from tests.support.portal import Browser, Portal, header, text
from tests.support.provider_fixtures import OTHER_PROVIDER, PROVIDER

SUSAN = "susan@office.example"


@pytest.fixture(autouse=True)
def portal() -> Portal:
    return portal_with_account()


@pytest.fixture
def browser(portal: Portal) -> Browser:
    made = portal.browser()
    made.log_in(EMAIL, PASSWORD)
    return made


def account(portal: Portal, provider_id: str = PROVIDER.id) -> Provider:
    provider = portal.store.provider(provider_id)
    assert provider is not None
    return provider


def invite(browser: Browser, email: str = SUSAN, name: str = "Susan Park") -> HTTPResponse:
    return browser.post("/account/assistants", assistant_name=name, assistant_email=email)


def link(portal: Portal) -> str:
    mail = [mail for mail in portal.mails() if mail.type == "invitation"][-1]
    return f"/invitation/{portal.invitations.create_token(mail, portal.time.now())}"


def open_link(portal: Portal, visitor: Browser) -> HTTPResponse:
    answer = visitor.get(link(portal))
    assert header(answer, "location") == "/invitation"
    return visitor.get("/invitation")


def accept(visitor: Browser, **fields: str) -> HTTPResponse:
    return visitor.post("/invitation", {"confirmed": "yes", "password": PASSWORD, **fields})


# The provider's account page


def test_a_provider_invites_an_assistant(browser: Browser) -> None:
    assert "Assistants" in text(browser.get("/account"))
    answer = invite(browser)
    assert header(answer, "location") == "/account?done=assistant-invited"
    page = text(browser.get(header(answer, "location")))
    assert "Invitation sent. The link expires in 90 minutes." in page
    assert f"Susan Park {SUSAN} Invited Nov 22, 2026, not accepted yet" in page
    assert "Send again to Susan Park" in page


def test_a_refused_invitation_shows_what_was_typed(browser: Browser) -> None:
    answer = invite(browser, "susan@")
    page = answer.body.decode()
    assert answer.status_code == 400
    assert "Error: </span>Enter the assistant&#39;s own email address" in page
    assert 'value="susan@"' in page
    assert 'value="Susan Park"' in page


@pytest.mark.parametrize("path", ["", "/resend", "/remove"])
def test_a_change_of_the_list_needs_a_recent_password(portal: Portal, browser: Browser, path: str) -> None:
    invite(browser)
    entry = account(portal).assistants[0]
    for _ in range(2):
        portal.time.pass_time(minutes=14)
        browser.get("/account")
    fields = {"id": entry.id, "assistant_name": "Omar Diaz", "assistant_email": "omar@office.example"}
    answer = browser.post(f"/account/assistants{path}", fields)
    assert header(answer, "location") == "/account"
    assert account(portal).assistants == (entry,)
    page = text(browser.get("/account"))
    assert "Confirm it's you" in page
    assert "Remove Susan Park" not in page
    assert "Send an invitation" not in page


def test_an_invitation_is_sent_again(portal: Portal, browser: Browser) -> None:
    invite(browser)
    entry = account(portal).assistants[0]
    portal.time.pass_time(minutes=1)
    answer = browser.post("/account/assistants/resend", id=entry.id)
    assert header(answer, "location") == "/account?done=assistant-invited"
    assert account(portal).assistants[0].invitation != entry.invitation


def test_an_unknown_assistant_is_not_found(browser: Browser) -> None:
    assert browser.post("/account/assistants/resend", id="ast_x").status_code == 404
    assert browser.post("/account/assistants/remove", id="ast_x").status_code == 404


def test_a_full_list_has_no_form(portal: Portal, browser: Browser) -> None:
    for number in range(10):
        portal.time.pass_time(minutes=13)
        browser.post("/account/confirm", password=PASSWORD)
        assert invite(browser, f"a{number}@office.example").status_code == 303
    assert "Send an invitation" not in text(browser.get("/account"))


def test_the_responses_for_an_unknown_address_and_for_one_with_an_account_are_equal(
    portal: Portal, browser: Browser
) -> None:
    assist(portal, ASSISTANT, OTHER_PROVIDER)
    pages = []
    for email in (SUSAN, "nobody@office.example", OTHER_PROVIDER.email or ""):
        answer = invite(browser, email)
        pages.append((answer.status_code, header(answer, "location"), text(browser.get("/account")).count("accepted")))
        browser.post("/account/assistants/remove", id=account(portal).assistants[-1].id)
        portal.time.pass_time(seconds=31)
    assert len(set(pages)) == 1


# The link


def test_a_person_without_an_account_accepts_and_logs_in(portal: Portal, browser: Browser) -> None:
    invite(browser)
    visitor = Browser()
    page = text(open_link(portal, visitor))
    assert "Assist Luis Rivera, MD" in page
    assert f"Name Susan Park Email address (your username) {SUSAN}" in page
    assert "I am Susan Park, and no one else will use this account." in page
    answer = accept(visitor)
    assert header(answer, "location") == "/login?reason=password-set&next=/assistant/documents"
    assert "Susan Park" not in text(visitor.get("/assistant/documents"))
    assert header(visitor.log_in(SUSAN, PASSWORD), "location") == "/documents"
    assert header(visitor.get("/documents"), "location") == "/assistant/documents"
    page = text(visitor.get("/assistant/documents"))
    assert "Susan Park" in page
    assert "For Luis Rivera, MD" in page
    assert "not accepted yet" not in text(browser.get("/account"))


def test_a_refused_form_leaves_the_link(portal: Portal, browser: Browser) -> None:
    invite(browser)
    visitor = Browser()
    open_link(portal, visitor)
    answer = accept(visitor, password="short")
    assert answer.status_code == 422
    assert "Your link still works." in text(answer)
    assert "checked" in answer.body.decode()
    answer = accept(visitor, confirmed="")
    assert "Confirm that you are Susan Park." in text(answer)
    assert accept(visitor).status_code == 303


def test_a_used_or_withdrawn_link_says_so(portal: Portal, browser: Browser) -> None:
    invite(browser)
    visitor, path = Browser(), link(portal)
    visitor.get(path)
    browser.post("/account/assistants/remove", id=account(portal).assistants[0].id)
    for answer in (visitor.get("/invitation"), accept(visitor)):
        assert answer.status_code == 410
        assert "Ask the provider who invited you to send it again." in text(answer)
        visitor.get(path)
    assert "__Host-invitation" in visitor.cookies
    visitor.get("/invitation")
    assert "__Host-invitation" not in visitor.cookies


def test_an_assistant_with_an_account_logs_in_and_accepts(portal: Portal, browser: Browser) -> None:
    assist(portal, ASSISTANT, OTHER_PROVIDER)
    invite(browser)
    visitor = Browser()
    page = open_link(portal, visitor)
    assert f"Log in as {SUSAN} to accept." in text(page)
    assert 'href="/login?next=/invitation"' in page.body.decode()
    assert header(visitor.post("/invitation/accept"), "location") == "/login"
    assert header(visitor.log_in(SUSAN, PASSWORD, "/invitation"), "location") == "/invitation"
    assert "Accept the invitation" in text(visitor.get("/invitation"))
    assert header(visitor.post("/invitation/accept"), "location") == "/assistant/documents"
    assert account(portal).assistants[0].account_id == ASSISTANT.id
    page = visitor.get("/assistant/documents")
    assert "Jane Okafor, MD Luis Rivera, MD" in text(page)
    assert visitor.post("/invitation/accept").status_code == 410


def test_another_person_in_the_browser_is_asked_to_log_out(portal: Portal, browser: Browser) -> None:
    assist(portal, ASSISTANT, OTHER_PROVIDER)
    assist(portal, OTHER_ASSISTANT, OTHER_PROVIDER)
    invite(browser)
    assert "Log out Luis Rivera" in text(open_link(portal, browser))
    answer = browser.post("/invitation/accept")
    assert answer.status_code == 422
    assert "Log in with the email address to which the invitation was sent." in text(answer)
    omar = logged_in(portal, OTHER_ASSISTANT)
    assert "Log out Omar Diaz" in text(open_link(portal, omar))
    assert omar.post("/invitation/accept").status_code == 422
    assert account(portal).assistants[0].account_id is None


def test_a_providers_address_is_told_so_on_the_page_of_its_own_link(portal: Portal, browser: Browser) -> None:
    claim = Claim(key=email_claim(OTHER_PROVIDER.email or ""), owner=OTHER_PROVIDER.id)
    portal.store.commit(Change(at=portal.time.now(), claims=(claim,)))
    invite(browser, OTHER_PROVIDER.email or "")
    visitor = Browser()
    page = open_link(portal, visitor)
    assert "is already the login of a provider" in text(page)
    assert "<button" not in re.sub(r"<form[^>]*top__account.*?</form>", "", page.body.decode(), flags=re.DOTALL)
    assert accept(visitor).status_code == 422
    assert account(portal).assistants[0].account_id is None


# The assistant's account page


def test_the_assistants_account_page_names_the_providers(portal: Portal) -> None:
    assist(portal, ASSISTANT, account(portal))
    page = text(logged_in(portal, ASSISTANT).get("/account"))
    assert "Providers you assist Luis Rivera, MD" in page
    assert "Log in with your fingerprint" in page
    for absent in ("Email addresses", "Add an email address", "Assistants", "Send an invitation", "NPI"):
        assert absent not in page


def test_an_assistant_of_nobody_gets_a_hint(portal: Portal) -> None:
    assist(portal, ASSISTANT)
    browser = logged_in(portal, ASSISTANT)
    assert "None right now. Ask the provider in your office to invite you." in text(browser.get("/account"))
    page = text(browser.get("/assistant/documents"))
    assert "You assist no one right now" in page


def test_a_removal_ends_the_access_of_an_open_session(portal: Portal, browser: Browser) -> None:
    assist(portal, ASSISTANT, account(portal))
    susan, document = logged_in(portal, ASSISTANT), "/assistant/documents/doc_abcdef123456"
    assert susan.get(document).status_code == 200
    answer = browser.post("/account/assistants/remove", id=account(portal).assistants[0].id)
    assert header(answer, "location") == "/account?done=assistant-removed"
    assert "This person can no longer open your documents." in text(browser.get(header(answer, "location")))
    for path in ("", "/original.pdf", "/signed.pdf"):
        assert susan.get(document + path).status_code == 404
    assert "Ada Byron" not in text(susan.get("/assistant/documents"))
    assert "Ada Byron" not in text(susan.get(f"/assistant/documents?for={PROVIDER.id}"))


# Login


def test_an_assistant_resets_a_forgotten_password(portal: Portal) -> None:
    assist(portal, ASSISTANT, account(portal))
    visitor = Browser()
    visitor.post("/forgot-password", email=SUSAN)
    portal.work()
    (mail,) = [mail for mail in portal.mails() if mail.type == "reset"]
    assert mail.recipient == SUSAN
    visitor.get(f"/setup/{portal.token(mail)}")
    answer = visitor.post("/setup", password="another violet tractor")
    assert header(answer, "location").startswith("/login?reason=password-changed")
    visitor.log_in(SUSAN, "another violet tractor")
    assert "Ada Byron" in text(visitor.get("/assistant/documents"))


def test_a_link_of_the_portal_cannot_replace_an_invitation(portal: Portal) -> None:
    visitor = Browser()
    assist(portal, ASSISTANT, account(portal))
    assert header(visitor.log_in(SUSAN, PASSWORD, "/invitation/token"), "location") == "/documents"
