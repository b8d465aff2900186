"""Test the setup of a second factor: offered once, or required before a provider sees patients' data."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.documents import Document
from chalicelib.domain.expiring_records import Secret, SecretKind, secret_key
from chalicelib.domain.providers import Provider
from chalicelib.services.transaction import Change
from chalicelib.web.http.request_parsing import draft_cookie
from chalicelib.web.route import Access
from chalicelib.web.routes import ROUTES
from tests.support.accounts import EMAIL, PASSWORD, app_with, portal_with_account
from tests.support.fakes import START, FakeSwitches
from tests.support.portal import Browser, Portal, header, text
from tests.support.provider_fixtures import PRACTICE, PROVIDER, a_document
from tests.unit.web.api.test_emr import Emr

DOCUMENT = a_document()
REVIEW = f"/documents/{DOCUMENT.id}"
SETUP_PATH = "/account/second-factor"
PATIENT = re.compile(r"Ada|Byron|1950|Plan of Care", re.IGNORECASE)
GATED = [
    (method, route.path)
    for route in ROUTES
    for method in route.methods
    if route.access in (Access.PROVIDER, Access.DOCUMENT)
]


@pytest.fixture
def portal() -> Portal:
    return portal_with_account(practices=(PRACTICE.id,))


def owner(portal: Portal) -> Provider:
    provider = portal.store.provider(PROVIDER.id)
    assert provider is not None
    return provider


def require(portal: Portal, practice_id: str = PRACTICE.id) -> None:
    portal.switches.set_second_factor(practice_id, on=True)


def set_up_app(portal: Portal, browser: Browser, wanted: str) -> str:
    """Set up an authenticator app on the page, and return the next page, which shows the recovery codes.

    `wanted` is the path that the provider wanted to open."""
    page = browser.get(f"/account/authenticator?next={wanted}").body.decode()
    code = app_with(page).at(portal.time.now())
    return browser.post("/account/authenticator", code=code, next=wanted).body.decode()


# The offer


def test_after_login_a_second_factor_is_offered_without_blocking_anything(browser: Browser) -> None:
    page = browser.get("/documents")
    assert "Set it up" in text(page)
    assert "Ada Byron" in text(page)


def test_a_declined_offer_does_not_come_back(portal: Portal, browser: Browser) -> None:
    assert header(browser.post(f"{SETUP_PATH}/later"), "location") == "/documents"
    assert owner(portal).factor_declined_at == START
    again = portal.browser()
    again.log_in(EMAIL, PASSWORD)
    for visitor in (browser, again):
        assert "Set it up" not in text(visitor.get("/documents"))


def test_an_account_with_a_second_factor_gets_no_offer(portal: Portal, browser: Browser) -> None:
    set_up_app(portal, browser, "")
    assert "Set it up" not in text(browser.get("/documents"))
    assert header(browser.get(f"{SETUP_PATH}?next={REVIEW}"), "location") == REVIEW


# The requirement


def in_state(document: Document, state: str) -> Document:
    """Return the next version of the document, in the state `seen` (by the provider) or `recalled`, or else
    unchanged."""
    changed: Document | None = document
    if state == "seen":
        changed = replace(document, viewed_at=START)
    elif state == "recalled":
        changed = document.recall("Sent in error", START)
    assert changed is not None
    return replace(changed, version=document.version + 1)


@pytest.mark.parametrize("state", ["new", "seen", "recalled"])
@pytest.mark.parametrize(("method", "path"), GATED)
def test_no_patient_is_shown_and_nothing_is_signed_before_the_setup(
    portal: Portal, browser: Browser, method: str, path: str, state: str
) -> None:
    """A provider who must first set up a second factor must not even learn the document's state."""
    require(portal)
    document = in_state(DOCUMENT, state)
    portal.store.commit(Change(at=START, documents=(document,)))
    before = dict(portal.fake_store.tables.get("events", {}))
    here = path.format(document_id=DOCUMENT.id)
    fields = {"typed_name": "Luis Rivera", "pages_shown": "1,2,3", "reason": "not_my_patient"}
    answer = browser.get(here) if method == "GET" else browser.post(here, fields)
    assert answer.status_code == 303
    assert header(answer, "location").startswith(f"{SETUP_PATH}?next=")
    assert not PATIENT.search(text(answer))
    assert portal.store.document(DOCUMENT.id) == document
    assert portal.fake_store.tables.get("events", {}) == before


def test_a_saved_draft_stays_until_a_second_factor_is_set_up(portal: Portal, browser: Browser) -> None:
    """A draft is a note sent after the session had ended. The page of a decided document deletes it.

    It must not be deleted for a reader who may not see the page yet."""
    require(portal)
    recalled = in_state(DOCUMENT, "recalled")
    secret = Secret(
        key=secret_key(SecretKind.DRAFT, "draft"),
        version=1,
        kind=SecretKind.DRAFT,
        created_at=START,
        expires_at=START + timedelta(hours=1),
        provider_id=PROVIDER.id,
        document_id=DOCUMENT.id,
        draft='{"note": "Twice a week"}',
    )
    portal.store.commit(Change(at=START, documents=(recalled,), secrets=(secret,)))
    browser.cookies[draft_cookie(DOCUMENT.id)] = "draft"
    assert header(browser.get(REVIEW), "location").startswith(SETUP_PATH)
    assert portal.store.secret(secret.key) is not None


def test_only_a_read_only_post_is_rendered_while_the_switch_is_read() -> None:
    posts = {route.path for route in ROUTES if route.read_only}
    assert posts == {"/documents/past", "/documents/{document_id}/signature"}


def test_after_the_setup_the_document_opens(portal: Portal, browser: Browser) -> None:
    require(portal)
    answer = browser.get(REVIEW)
    assert header(answer, "location") == f"{SETUP_PATH}?next=%2Fdocuments%2F{DOCUMENT.id}"
    page = text(browser.get(header(answer, "location")))
    assert "requires two-step login" in page
    codes = set_up_app(portal, browser, REVIEW)
    assert f'href="{REVIEW}"' in codes
    assert "Ada Byron" in text(browser.get(REVIEW))


def test_a_document_of_a_practice_without_the_switch_needs_no_second_factor(portal: Portal, browser: Browser) -> None:
    require(portal, "prc_other")
    assert "Ada Byron" in text(browser.get(REVIEW))


def test_one_practice_with_the_switch_on_is_enough(portal: Portal, browser: Browser) -> None:
    several = replace(owner(portal), version=3, practices=("prc_1", "prc_2", "prc_3"))
    portal.store.commit(Change(at=START, providers=(several,)))
    require(portal, "prc_3")
    assert browser.get("/documents").status_code == 303
    assert browser.get(REVIEW).status_code == 303


def test_a_document_of_such_a_practice_is_closed_even_if_the_account_has_not_recorded_the_practice(
    portal: Portal, browser: Browser
) -> None:
    unaware = replace(owner(portal), version=3, practices=())
    portal.store.commit(Change(at=START, providers=(unaware,)))
    require(portal)
    place = header(browser.get(REVIEW), "location")
    assert place.startswith(SETUP_PATH)
    assert "requires two-step login" in text(browser.get(place))


def test_a_voluntary_setup_does_not_say_that_it_is_required(browser: Browser) -> None:
    assert "requires two-step login" not in text(browser.get(SETUP_PATH))


def test_the_portal_wide_switch_applies_to_every_account(portal: Portal, browser: Browser) -> None:
    assert isinstance(portal.switches, FakeSwitches)
    portal.switches.portal_requires = True
    assert header(browser.get("/documents"), "location").startswith(SETUP_PATH)


def test_an_already_open_session_needs_the_second_factor_too(portal: Portal, browser: Browser) -> None:
    assert browser.get("/documents").status_code == 200
    require(portal)
    assert browser.get("/documents").status_code == 303


def test_long_after_the_login_the_setup_asks_for_the_password_first(portal: Portal, browser: Browser) -> None:
    require(portal)
    for _ in range(15):
        portal.time.pass_time(minutes=1)
        browser.get("/account")
    place = header(browser.get(REVIEW), "location")
    page = browser.get(place)
    assert "Enter your password again" in text(page)
    assert "data-passkey" not in page.body.decode()
    wrong = browser.post("/account/confirm", password="wrong", next=place)
    assert wrong.status_code == 400
    assert "Incorrect password." in text(wrong)
    assert f'value="{place}"' in wrong.body.decode()
    right = browser.post("/account/confirm", password=PASSWORD, next=place)
    assert header(right, "location") == place
    assert "Add a passkey" in text(browser.get(place))


def test_removing_the_last_second_factor_leads_back_to_the_setup(portal: Portal, browser: Browser) -> None:
    require(portal)
    set_up_app(portal, browser, REVIEW)
    assert browser.get("/documents").status_code == 200
    assert browser.post("/account/authenticator/remove").status_code == 303
    assert header(browser.get("/documents"), "location").startswith(SETUP_PATH)


@pytest.mark.parametrize("wanted", ["https://evil.test/", "//evil.test", "/\\evil.test", "javascript:alert(1)"])
def test_the_setup_never_leads_to_another_site(portal: Portal, browser: Browser, wanted: str) -> None:
    codes = set_up_app(portal, browser, "/documents")
    assert 'href="/documents"' in codes
    for path in (f"{SETUP_PATH}?next={wanted}", f"/account/authenticator?next={wanted}"):
        assert header(browser.get(path), "location") in ("", "/documents")
    browser.post("/account/authenticator/remove")
    portal.time.at += timedelta(minutes=1)
    made = set_up_app(portal, browser, wanted)
    assert f'href="{wanted}' not in made


# The practices of a provider


def test_a_practices_switch_applies_from_its_first_document(portal: Portal, browser: Browser) -> None:
    emr = Emr(portal)
    require(portal, emr.practice.id)
    assert browser.get("/documents").status_code == 200
    emr.send(external_id="POC-2002")
    assert emr.practice.id in owner(portal).practices
    assert header(browser.get("/documents"), "location").startswith(SETUP_PATH)


def test_with_the_switch_off_the_password_alone_is_enough(portal: Portal) -> None:
    answer = portal.browser().log_in(EMAIL, PASSWORD, REVIEW)
    assert header(answer, "location") == REVIEW


def test_a_visitor_from_webmail_reaches_the_document_after_the_setup(portal: Portal, browser: Browser) -> None:
    require(portal)
    webmail = {"sec-fetch-site": "cross-site"}  # browsers say so of every redirect that follows
    to = header(browser.get(REVIEW, **webmail), "Location")
    assert f'name="next" value="{REVIEW}"' in browser.get(to, **webmail).body.decode()
