import re
from dataclasses import replace
from urllib.parse import quote

import pytest

from chalicelib import bootstrap
from chalicelib.domain.claim_keys import addressee_claim
from chalicelib.services.authentication.passwords import hash_password
from chalicelib.services.transaction import Change, Claim
from chalicelib.web.pages.login_form import local_path
from tests.support.accounts import portal_with_account
from tests.support.fake_store import FakeStore
from tests.support.fakes import START
from tests.support.portal import Browser, Portal, header, set_cookies, text
from tests.support.provider_fixtures import PRACTICE, PROVIDER, a_document

EMAIL = "dr.rivera@example.com"
PASSWORD = "violet tractor onion"
DOCUMENT = a_document()
NEW = replace(PROVIDER, email=None, password_hash=None)
OWNER = replace(PROVIDER, id="prv_9", email="owner@example.com", password_hash=hash_password(PASSWORD))


@pytest.fixture(autouse=True)
def portal() -> Portal:
    store = FakeStore()
    claims = (
        Claim(key=addressee_claim(EMAIL), owner=DOCUMENT.id),
        Claim(key="email#owner@example.com", owner=OWNER.id),
    )
    store.commit(Change(at=START, practices=(PRACTICE,), providers=(NEW, OWNER), documents=(DOCUMENT,), claims=claims))
    made = Portal(store)
    bootstrap.install(made)
    return made


def emailed_token(portal: Portal) -> str:
    """Request a setup or reset link on the document's page, and return the token in the emailed link."""
    Browser().post(f"/documents/{DOCUMENT.id}/setup-link")
    return portal.token(portal.mails()[-1])


def set_up(browser: Browser, token: str, **changes: str) -> str:
    """Choose a password with the token of an emailed link. Return the path of the page that follows.

    `changes` replace fields of the form."""
    browser.get(f"/setup/{token}")
    fields = {"credential": "MD", "confirmed": "yes", "password": PASSWORD, **changes}
    return header(browser.post("/setup", fields), "location")


# From the email to the document


def test_the_way_from_the_email_through_setup_to_the_document(portal: Portal) -> None:
    browser = portal.browser()
    door = browser.get(f"/documents/{DOCUMENT.id}")
    assert "Hill Country Therapy" in text(door)
    sent = browser.post(f"/documents/{DOCUMENT.id}/setup-link")
    assert "Check your email" in text(browser.get(header(sent, "location")))
    opened = browser.get(f"/setup/{portal.token(portal.mails()[-1])}")
    assert header(opened, "location") == "/setup"
    assert "Luis Rivera" in text(browser.get("/setup"))
    done = browser.post("/setup", credential="MD", confirmed="yes", password=PASSWORD)
    assert header(done, "location") == f"/documents/{DOCUMENT.id}"
    assert "Ada Byron" in text(browser.get(f"/documents/{DOCUMENT.id}"))


def test_an_addressee_can_set_up_an_account_from_forgot_password(portal: Portal) -> None:
    portal.time.pass_time(hours=6)
    browser = portal.browser()
    asked = browser.post("/forgot-password", email=" Dr.Rivera@Example.com ")
    assert header(asked, "location") == "/forgot-password?sent=1"
    portal.work()
    assert set_up(browser, portal.token(portal.mails()[-1])) == f"/documents/{DOCUMENT.id}"
    assert header(portal.browser().log_in(EMAIL, PASSWORD), "location") == "/documents"


def test_a_new_password_logs_every_browser_out_and_sends_the_owner_an_email(portal: Portal) -> None:
    other, browser = portal.browser(), portal.browser()
    other.log_in("owner@example.com", PASSWORD)
    assert other.get("/documents").status_code == 200
    browser.post("/forgot-password", email="owner@example.com")
    portal.work()
    assert [delivery.type for delivery in portal.mails()] == ["reset"]
    place = set_up(browser, portal.token(portal.mails()[-1]), password="copper lantern river")
    assert place == "/login?reason=password-changed&next=/documents"
    assert [delivery.type for delivery in portal.mails()] == ["reset", "password_changed"]
    assert header(other.get("/documents"), "location").startswith("/login?")
    assert browser.log_in("owner@example.com", PASSWORD).status_code == 401
    assert browser.log_in("owner@example.com", "copper lantern river").status_code == 303


@pytest.mark.parametrize("asks", ["on the landing page", "with Forgot password"])
def test_a_reset_link_requested_on_the_page_of_a_document_leads_back_to_the_document(asks: str) -> None:
    portal = portal_with_account()
    browser = portal.browser()
    page = browser.get(f"/documents/{DOCUMENT.id}").body.decode()
    if asks == "on the landing page":
        browser.post(f"/documents/{DOCUMENT.id}/setup-link")
    else:
        (forgot,) = re.findall(r'href="(/forgot-password[^"]*)"', page)
        (next_path,) = re.findall(r'name="next" value="([^"]*)"', browser.get(forgot).body.decode())
        browser.post("/forgot-password", email=EMAIL, next=next_path)
        portal.work()
    place = set_up(browser, portal.token(portal.mails()[-1]), password="copper lantern river")
    assert place == f"/login?reason=password-changed&next=/documents/{DOCUMENT.id}"
    assert f'name="next" value="/documents/{DOCUMENT.id}"' in browser.get(place).body.decode()


@pytest.mark.parametrize("place", ["https://evil.test/documents/doc_1", "//evil.test", "/setup/x", "/by-hand/doc_1"])
def test_forgot_password_leads_to_no_other_place(portal: Portal, place: str) -> None:
    browser = portal.browser()
    page = browser.get(f"/forgot-password?next={quote(place)}").body.decode()
    assert place not in page
    sent = browser.post("/forgot-password", email=EMAIL, next=place)
    assert header(sent, "location") == "/forgot-password?sent=1"


def test_a_reset_link_leads_to_the_list_if_the_document_no_longer_opens() -> None:
    portal = portal_with_account()
    Browser().post(f"/documents/{DOCUMENT.id}/setup-link")
    token = portal.token(portal.mails()[-1])
    other = replace(DOCUMENT, version=2, addressee=replace(DOCUMENT.addressee, last_name="Okafor", npi=None))
    portal.store.commit(Change(at=START, documents=(other,)))
    assert set_up(Browser(), token, password="copper lantern river").endswith("&next=/documents")


# The landing page


def test_the_landing_page_shows_neither_patient_nor_address(portal: Portal) -> None:
    page = portal.browser().get(f"/documents/{DOCUMENT.id}").body.decode()
    for secret in ("Ada", "Byron", "PT-77", "Plan of Care", "Rivera", "rivera", "example.com", PROVIDER.npi):
        assert str(secret) not in page.replace("support@example.com", "")


def test_the_landing_page_of_an_unknown_document_differs_only_in_the_practice(portal: Portal) -> None:
    unknown = portal.browser().get("/documents/doc_that_never_was")
    known = portal.browser().get(f"/documents/{DOCUMENT.id}")
    assert unknown.status_code == known.status_code == 200
    same = text(known).replace("Hill Country Therapy", "From a clinic you work with")
    assert text(unknown) == same


def test_with_the_switch_off_the_landing_page_offers_no_setup(portal: Portal) -> None:
    portal.switches.set_electronic_signature(PRACTICE.id, on=False)
    page = text(portal.browser().get(f"/documents/{DOCUMENT.id}"))
    assert "First time here?" not in page
    assert "Sign by hand instead" in page


def test_a_link_request_on_the_landing_page_gets_the_same_response_for_every_document(portal: Portal) -> None:
    for document_id in (DOCUMENT.id, "doc_that_never_was"):
        response = portal.browser().post(f"/documents/{document_id}/setup-link")
        assert (response.status_code, header(response, "location")) == (303, f"/documents/{document_id}?sent=1")
    assert [delivery.recipient for delivery in portal.mails()] == [EMAIL]


# The link


def test_the_token_leaves_the_url_and_opening_does_not_use_the_link_up(portal: Portal) -> None:
    token = emailed_token(portal)
    before = portal.fake_store.commits
    for _ in range(3):
        opened = portal.browser().get(f"/setup/{token}")
        assert (opened.status_code, header(opened, "location"), opened.body) == (303, "/setup", b"")
        assert set_cookies(opened)[0] == (f"__Host-setup={token}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=5400")
    assert portal.fake_store.commits == before


def test_a_scanner_that_submits_an_empty_form_does_not_use_the_link_up(portal: Portal) -> None:
    token, scanner = emailed_token(portal), portal.browser()
    scanner.get(f"/setup/{token}")
    response = scanner.post("/setup")
    assert response.status_code == 400
    assert set_up(portal.browser(), token) == f"/documents/{DOCUMENT.id}"


def test_an_expired_link_offers_a_new_link_for_its_document(portal: Portal) -> None:
    browser, token = portal.browser(), emailed_token(portal)
    portal.time.pass_time(minutes=90)
    browser.get(f"/setup/{token}")
    page = browser.get("/setup")
    assert page.status_code == 410
    assert "expire after 90 minutes" in text(page)
    assert f'action="/documents/{DOCUMENT.id}/setup-link"' in page.body.decode()


def test_a_form_that_was_opened_at_once_works_in_minute_89(portal: Portal) -> None:
    browser, token = portal.browser(), emailed_token(portal)
    browser.get(f"/setup/{token}")
    browser.get("/setup")
    portal.time.pass_time(minutes=89)
    done = browser.post("/setup", credential="MD", confirmed="yes", password=PASSWORD)
    assert header(done, "location") == f"/documents/{DOCUMENT.id}"


def test_another_requested_link_leaves_the_open_page_alone(portal: Portal) -> None:
    browser, token = portal.browser(), emailed_token(portal)
    browser.get(f"/setup/{token}")
    portal.time.pass_time(minutes=1)
    assert emailed_token(portal) != token
    done = browser.post("/setup", credential="MD", confirmed="yes", password=PASSWORD)
    assert header(done, "location") == f"/documents/{DOCUMENT.id}"


def test_a_link_without_a_row_offers_a_form_for_the_email_address(portal: Portal) -> None:
    browser = portal.browser()
    browser.get("/setup/nonsense")
    page = browser.get("/setup")
    assert page.status_code == 410
    assert 'action="/forgot-password"' in page.body.decode()
    assert portal.browser().get("/setup").status_code == 410


def test_wrong_fields_are_highlighted_and_keep_their_text_except_the_password(portal: Portal) -> None:
    browser, token = portal.browser(), emailed_token(portal)
    browser.get(f"/setup/{token}")
    page = browser.post("/setup", credential="PA-C", password="passwordpassword")
    body = page.body.decode()
    assert page.status_code == 400
    assert 'value="PA-C"' in body
    assert "passwordpassword" not in body
    assert "This password is too common" in text(page)
    assert body.count('aria-invalid="true"') == 2


# Login


def test_a_wrong_password_shows_the_form_again_with_the_email_address(portal: Portal) -> None:
    known = portal.browser().log_in("owner@example.com", "wrong", wanted="/documents/past")
    unknown = portal.browser().log_in("nobody@example.com", "wrong", wanted="/documents/past")
    assert known.status_code == unknown.status_code == 401
    assert text(known) == text(unknown)
    assert 'value="owner@example.com"' in known.body.decode()
    assert 'name="next" value="/documents/past"' in known.body.decode()


def test_reloading_the_page_of_a_failed_login_restarts_the_login(portal: Portal) -> None:
    assert header(portal.browser().get("/login/password"), "location") == "/login"


def test_too_many_attempts_get_a_time_to_try_again(portal: Portal) -> None:
    browser = portal.browser()
    answers = [browser.log_in("owner@example.com", "wrong").status_code for _ in range(6)]
    assert answers == [401] * 5 + [429]
    refused = browser.log_in("owner@example.com", PASSWORD)
    assert header(refused, "retry-after") == "1"
    assert "Please wait 1 second." in text(refused)


def test_an_earlier_session_cookie_does_not_survive_a_login(portal: Portal) -> None:
    browser = portal.browser()
    browser.log_in("owner@example.com", PASSWORD)
    first = browser.cookies["__Host-session"]
    browser.log_in("owner@example.com", PASSWORD)
    assert browser.cookies["__Host-session"] != first


def test_a_logged_in_visitor_skips_the_login_page(portal: Portal) -> None:
    browser = portal.browser()
    assert header(browser.get("/"), "location") == "/login"
    browser.log_in("owner@example.com", PASSWORD)
    assert header(browser.get("/"), "location") == "/documents"
    assert header(browser.get("/login?next=/documents/past"), "location") == "/documents/past"


def test_a_logged_out_session_cookie_stays_invalid(portal: Portal) -> None:
    browser = portal.browser()
    browser.log_in("owner@example.com", PASSWORD)
    session = browser.cookies["__Host-session"]
    assert header(browser.post("/logout"), "location") == "/login?reason=logged-out"
    assert "__Host-session" not in browser.cookies
    copy = Browser({"__Host-session": session})
    assert header(copy.get("/documents"), "location").startswith("/login")


@pytest.mark.parametrize(
    "path",
    [
        "/documents",
        "/documents/past",
        "/documents/past?after=2026-11-22%7Cdoc_1",
        "/documents/doc_1",
        "/account/second-factor",
        "/fax?x=1",
    ],
)
def test_login_leads_to_paths_of_this_site(path: str) -> None:
    assert local_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        None,
        "",
        "/",
        "//evil.test",
        "///evil.test",
        "/\\evil.test",
        "\\\\evil.test",
        "https://evil.test",
        "javascript:alert(1)",
        "/\t/evil.test",
        "/\n//evil.test",
        "/documents\r\nSet-Cookie: a=b",
        "documents",
        "/é",
        "/documents?x=<b>",
        " /documents",
        "/documents/" + "x" * 400,
        "/d@evil.test",
        "/setup/a-token",
        "/setup?x=1",
        "/documents/../setup/a-token",
        "/documents/./../setup/a-token",
        "/documents//evil.test",
        "/./setup/a-token",
        "/documentsx/../setup/a-token",
        "/by-hand/doc_1",
        "/v1/documents",
        "/login/second",
    ],
)
def test_login_leads_to_no_other_site_and_to_no_setup_link(path: str | None) -> None:
    assert local_path(path) == "/documents"


def test_an_invisible_character_in_an_email_address_is_named(portal: Portal) -> None:
    page = portal.browser().post("/forgot-password", email="dr.\u200brivera@example.com")
    assert page.status_code == 400
    assert "it has the invisible character ZERO WIDTH SPACE (U+200B) at position 4" in text(page)


@pytest.mark.parametrize("copied", [f"\u200b{EMAIL}\u00a0", f"\ufeff{EMAIL}", f" {EMAIL}\t"])
def test_a_copied_email_address_logs_in_and_gets_a_link(portal: Portal, copied: str) -> None:
    set_up(portal.browser(), emailed_token(portal))
    assert header(portal.browser().log_in(copied, PASSWORD), "location") == "/documents"
    before = len(portal.mails())
    assert portal.browser().post("/forgot-password", email=copied).status_code == 303
    portal.work()
    assert len(portal.mails()) == before + 1


def test_an_invalid_email_address_gets_an_error_message(portal: Portal) -> None:
    page = portal.browser().post("/forgot-password", email="dr rivera")
    assert page.status_code == 400
    assert "Enter a full email address" in text(page)
    assert 'value="dr rivera"' in page.body.decode()


def test_typed_text_is_escaped(portal: Portal) -> None:
    page = portal.browser().log_in('"><script>alert(1)</script>', "wrong")
    assert "<script>alert" not in page.body.decode()
