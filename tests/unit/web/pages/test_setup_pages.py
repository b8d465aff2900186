"""Test the page behind an emailed setup link: who is logged in afterwards, passkeys, dead links, known browsers."""

import json
import re
from dataclasses import replace
from html import unescape

import pytest

from chalicelib import bootstrap
from chalicelib.domain.providers import Provider
from chalicelib.services.transaction import Change
from tests.support.accounts import EMAIL, PASSWORD, PORTAL_URL, give_account, portal_with_account
from tests.support.fakes import START
from tests.support.portal import Browser, Portal, header, text
from tests.support.provider_fixtures import OTHER_PROVIDER, PRACTICE, PROVIDER, a_document, a_store
from tests.support.soft_passkey import SoftPasskey

DOCUMENT = a_document()
REVIEW = f"/documents/{DOCUMENT.id}"
NEW = replace(PROVIDER, version=2, email=None, password_hash=None, practices=(PRACTICE.id,))
OWN = {"credential": "MD", "confirmed": "yes"}


@pytest.fixture(autouse=True)
def portal() -> Portal:
    made = Portal(a_store(DOCUMENT))
    made.store.commit(Change(at=START, providers=(NEW,)))
    bootstrap.install(made)
    return made


def emailed_token(portal: Portal) -> str:
    Browser().post(f"{REVIEW}/setup-link")
    return portal.token(portal.mails()[-1])


def opened(portal: Portal) -> Browser:
    browser = portal.browser()
    browser.get(f"/setup/{emailed_token(portal)}")
    return browser


def enrolment(browser: Browser) -> str:
    (options,) = re.findall(r'data-passkey="create" data-options="([^"]*)"', browser.get("/setup").body.decode())
    return unescape(options)


def provider(portal: Portal, provider_id: str = PROVIDER.id) -> Provider:
    stored = portal.store.provider(provider_id)
    assert stored is not None
    return stored


# Setup


def test_setup_with_a_password_logs_in_and_opens_the_document(portal: Portal) -> None:
    browser = opened(portal)
    page = text(browser.get("/setup"))
    assert page.index("Hill Country Therapy First time here?") < page.index("Luis Rivera")
    done = browser.post("/setup", {**OWN, "password": PASSWORD})
    assert header(done, "location") == REVIEW
    assert "Ada Byron" in text(browser.get(REVIEW))
    assert "__Host-setup" not in browser.cookies


def test_setup_with_a_passkey_needs_no_password(portal: Portal) -> None:
    browser, passkey = opened(portal), SoftPasskey(PORTAL_URL)
    options = enrolment(browser)
    assert json.loads(options)["user"]["name"] == EMAIL
    done = browser.post("/setup", {**OWN, "passkey": passkey.register(options)})
    assert header(done, "location") == REVIEW
    assert "Ada Byron" in text(browser.get(REVIEW))
    later = portal.browser()
    (asked,) = re.findall(r'data-passkey="get"[^>]*data-options="([^"]*)"', later.get("/login").body.decode())
    response = passkey.sign(unescape(asked), owner=PROVIDER.id)
    assert header(later.post("/login/passkey", passkey=response, next=REVIEW), "location") == REVIEW


def test_after_a_setup_with_a_passkey_the_list_offers_recovery_codes_until_there_are_some(portal: Portal) -> None:
    browser = opened(portal)
    browser.post("/setup", {**OWN, "passkey": SoftPasskey(PORTAL_URL).register(enrolment(browser))})
    assert "Save your recovery codes" in text(browser.get("/documents"))
    assert "Log in with your fingerprint or face next time" not in text(browser.get("/documents"))
    assert "You have none." in text(browser.get("/account"))
    codes = text(browser.post("/account/recovery-codes"))
    assert "your password alone won't log you in" in codes
    assert "Save your recovery codes" not in text(browser.get("/documents"))


@pytest.mark.parametrize("path", ["/documents", "/account", "/account/second-factor"])
def test_the_offer_of_a_passkey_does_not_threaten(path: str) -> None:
    browser = portal_with_account().browser()
    browser.log_in(EMAIL, PASSWORD)
    page = text(browser.get(path))
    assert "fingerprint" in page
    assert "alone" not in page


def test_a_refused_passkey_is_named_and_the_page_offers_another(portal: Portal) -> None:
    browser, passkey = opened(portal), SoftPasskey("https://evil.test")
    page = browser.post("/setup", {**OWN, "passkey": passkey.register(enrolment(browser))})
    assert page.status_code == 400
    assert "The passkey could not be added. Try again, or choose a password." in text(page)
    assert not provider(portal).has_account
    again = SoftPasskey(PORTAL_URL).register(enrolment(browser))
    assert header(browser.post("/setup", {**OWN, "passkey": again}), "location") == REVIEW


def test_a_clinic_that_requires_a_second_factor_gets_it_before_the_document(portal: Portal) -> None:
    portal.switches.set_second_factor(PRACTICE.id, on=True)
    browser = opened(portal)
    browser.post("/setup", {**OWN, "password": PASSWORD})
    assert header(browser.get(REVIEW), "location").startswith("/account/second-factor?next=")
    assert "Ada Byron" not in text(browser.get("/documents"))


def test_a_passkey_at_setup_is_the_second_factor(portal: Portal) -> None:
    portal.switches.set_second_factor(PRACTICE.id, on=True)
    browser = opened(portal)
    browser.post("/setup", {**OWN, "passkey": SoftPasskey(PORTAL_URL).register(enrolment(browser))})
    assert "Ada Byron" in text(browser.get(REVIEW))


def test_a_setup_from_another_site_is_refused(portal: Portal) -> None:
    browser = opened(portal)
    response = browser.post_raw("/setup", {**OWN, "password": PASSWORD, "csrf": "stolen"})
    assert response.status_code == 403
    assert not provider(portal).has_account
    assert "__Host-session" not in browser.cookies


def test_a_setup_replaces_the_session_of_another_account(portal: Portal) -> None:
    other = replace(OTHER_PROVIDER, email="jane@office.example")
    give_account(portal, other)
    browser = opened(portal)
    browser.log_in("jane@office.example", PASSWORD)
    theirs = browser.cookies["__Host-session"]
    browser.get(f"/setup/{emailed_token(portal)}")
    browser.post("/setup", {**OWN, "password": PASSWORD})
    assert "Luis Rivera, MD" in text(browser.get("/documents"))
    assert header(Browser({"__Host-session": theirs}).get("/documents"), "location").startswith("/login")


def test_a_reset_logs_nobody_in_and_offers_no_passkey() -> None:
    portal = portal_with_account()
    browser = opened(portal)
    page = browser.get("/setup").body.decode()
    assert "Face ID" not in page
    assert "passkey.js" not in page
    done = browser.post("/setup", password="copper lantern river")
    assert header(done, "location") == f"/login?reason=password-changed&next={REVIEW}"
    assert "__Host-session" not in browser.cookies


# Links that no longer work


def test_the_document_in_the_query_of_a_link_is_where_a_dead_link_leads(portal: Portal) -> None:
    browser = portal.browser()
    moved = browser.get(f"/setup/long-gone?document={DOCUMENT.id}")
    assert header(moved, "location") == f"/setup?document={DOCUMENT.id}"
    left = browser.get(f"/setup?document={DOCUMENT.id}")
    assert header(left, "location") == f"{REVIEW}?expired=1"
    assert "__Host-setup" not in browser.cookies
    page = text(browser.get(f"{REVIEW}?expired=1"))
    assert "no longer works" in page
    assert page.index("First time here?") < page.index("Been here before?")


def test_a_live_link_ignores_the_document_in_its_query(portal: Portal) -> None:
    browser = portal.browser()
    browser.get(f"/setup/{emailed_token(portal)}?document=doc_other")
    assert "Luis Rivera" in text(browser.get("/setup?document=doc_other"))


@pytest.mark.parametrize("query", ["//evil.test", "../account", "doc_1%0d%0aSet-Cookie:a=b", "x" * 400, ""])
def test_another_text_in_the_query_leads_nowhere(portal: Portal, query: str) -> None:
    browser = portal.browser()
    assert header(browser.get(f"/setup/long-gone?document={query}"), "location") == "/setup"
    assert browser.get(f"/setup?document={query}").status_code == 410


def test_a_second_tap_on_the_button_opens_the_document(portal: Portal) -> None:
    browser = opened(portal)
    held, before = dict(browser.cookies), browser.get("/setup").body.decode()
    browser.post("/setup", {**OWN, "password": PASSWORD})
    again = Browser({**browser.cookies, "__Host-setup": held["__Host-setup"]})
    action = f"/setup?document={DOCUMENT.id}"
    assert f'action="{action}"' in before
    assert header(again.post(action, {**OWN, "password": PASSWORD}), "location") == REVIEW
    assert header(again.get(action), "location") == REVIEW


def test_a_form_that_was_open_too_long_offers_a_new_link(portal: Portal) -> None:
    browser = opened(portal)
    portal.time.pass_time(minutes=90)
    page = browser.post(f"/setup?document={DOCUMENT.id}", {**OWN, "password": PASSWORD})
    assert page.status_code == 410
    assert "Email me a new link" in text(page)


def test_a_used_link_without_a_document_offers_a_new_one_to_everybody(portal: Portal) -> None:
    browser = opened(portal)
    browser.post("/setup", {**OWN, "password": PASSWORD})
    browser.get("/setup/long-gone")
    assert browser.get("/setup").status_code == 410


# Known browsers


def test_a_known_browser_fills_in_the_username_on_both_pages_with_a_login(portal: Portal) -> None:
    browser = opened(portal)
    browser.post("/setup", {**OWN, "password": PASSWORD})
    browser.post("/logout")
    for path in ("/login", REVIEW):
        assert f'value="{EMAIL}"' in browser.get(path).body.decode()
        assert EMAIL not in portal.browser().get(path).body.decode()


def test_an_unknown_browser_sees_the_setup_first_and_a_known_one_the_login(portal: Portal) -> None:
    first = text(portal.browser().get(REVIEW))
    assert first.index("First time here?") < first.index("Been here before?")
    browser = opened(portal)
    browser.post("/setup", {**OWN, "password": PASSWORD})
    browser.post("/logout")
    known = text(browser.get(REVIEW))
    assert known.index("Log in to read and sign it.") < known.index("First time here?")


def test_the_passkey_comes_first_only_where_the_account_has_one(portal: Portal) -> None:
    browser = opened(portal)
    browser.post("/setup", {**OWN, "passkey": SoftPasskey(PORTAL_URL).register(enrolment(browser))})
    browser.post("/logout")
    page = browser.get("/login").body.decode()
    assert 'data-offer="always"' in page
    assert page.index("Use a passkey") < page.index('id="password"')
    unknown = portal.browser().get("/login").body.decode()
    assert 'data-offer="if-possible"' in unknown
    assert unknown.index("Use a passkey") > unknown.index('id="password"')


def test_without_a_passkey_a_known_browser_has_only_autofill() -> None:
    portal = portal_with_account()
    browser = portal.browser()
    browser.log_in(EMAIL, PASSWORD)
    browser.post("/logout")
    assert 'data-offer="in-autofill"' in browser.get("/login").body.decode()
    assert 'autocomplete="username webauthn"' in browser.get("/login").body.decode()


def test_a_passkey_that_is_added_later_comes_first_at_the_next_login() -> None:
    portal = portal_with_account()
    browser = portal.browser()
    browser.log_in(EMAIL, PASSWORD)
    (options,) = re.findall(r'data-passkey="create" data-options="([^"]*)"', browser.get("/account").body.decode())
    browser.post("/account/passkeys", passkey=SoftPasskey(PORTAL_URL).register(unescape(options)))
    browser.post("/logout")
    assert 'data-offer="always"' in browser.get("/login").body.decode()


@pytest.mark.parametrize("value", ["", "passkey:", "%3Cscript%3E", "passkey:%22%3E", "nonsense:a"])
def test_a_strange_cookie_fills_in_text_only(value: str) -> None:
    page = Browser({"__Host-username": value}).get("/login")
    assert page.status_code == 200
    assert "<script>" not in page.body.decode().replace('<script src="', "")
