"""Test the warning before a session ends because the provider is idle, and the requests that extend the session."""

import json
import re

import pytest

from chalicelib.domain.providers import Provider
from chalicelib.services.transaction import Change
from tests.support.accounts import logged_in, portal_with
from tests.support.fakes import START
from tests.support.portal import Browser, Portal, header
from tests.support.provider_fixtures import OTHER_PROVIDER, PROVIDER, a_document

REVIEW = f"/documents/{a_document().id}"


@pytest.fixture(autouse=True)
def portal() -> Portal:
    return portal_with(a_document())


@pytest.fixture
def browser(portal: Portal) -> Browser:
    return logged_in(portal)


def idle_data(browser: Browser, path: str) -> tuple[int, str]:
    """Return what a page tells its script about the end of the session: the seconds left, and the path for the next
    login."""
    match = re.search(r'data-idle="(\d+)" data-return-path="([^"]*)"', browser.get(path).body.decode())
    assert match
    return int(match[1]), match[2]


def test_a_page_has_the_seconds_left_and_the_return_path(portal: Portal, browser: Browser) -> None:
    assert idle_data(browser, "/documents") == (900, "/documents")
    portal.time.pass_time(seconds=59)
    assert idle_data(browser, "/documents/past") == (841, "/documents/past")
    portal.time.pass_time(seconds=1)
    assert idle_data(browser, REVIEW) == (900, REVIEW)


def test_the_session_ends_when_the_page_says(portal: Portal, browser: Browser) -> None:
    portal.time.pass_time(seconds=59)
    seconds, _ = idle_data(browser, "/documents")
    portal.time.pass_time(seconds=seconds - 1)
    cookies = dict(browser.cookies)
    assert Browser(cookies).get("/documents").status_code == 200
    portal.time.pass_time(seconds=seconds)
    portal.time.pass_time(minutes=15)
    assert Browser(cookies).get("/documents").status_code == 303


def test_a_page_after_a_form_returns_to_the_forms_page(browser: Browser) -> None:
    answer = browser.post(f"{REVIEW}/decline", reason="").body.decode()
    assert f'data-return-path="{REVIEW}"' in answer


@pytest.mark.parametrize("query", ["q=Jo+Doe", "after=x", "signed=doc_1"])
def test_the_return_path_has_no_query(portal: Portal, browser: Browser, query: str) -> None:
    assert idle_data(browser, f"{REVIEW}?{query}")[1] == REVIEW
    portal.time.pass_time(minutes=15)
    asked = browser.get(f"/documents/past?{query}")
    assert header(asked, "location") == "/login?next=/documents/past&reason=ended"


def test_the_tab_owner_mark_differs_between_people(portal: Portal, browser: Browser) -> None:
    def mark(of: Browser) -> str:
        match = re.search(r'<body[^>]* data-tab-owner="([0-9a-f]{16})"', of.get("/documents").body.decode())
        assert match
        return match[1]

    def session_of(provider: Provider) -> Browser:
        row, cookie = portal.sessions.start(provider, START)
        portal.store.commit(Change(at=START, secrets=(row,)))
        return Browser({"__Host-session": cookie})

    assert mark(browser) == mark(session_of(PROVIDER))
    assert mark(browser) != mark(session_of(OTHER_PROVIDER))
    assert PROVIDER.id not in mark(browser)
    assert b"data-tab-owner" not in portal.browser().get("/login").body


def test_an_extension_request_extends_the_session_and_returns_the_seconds_left(
    portal: Portal, browser: Browser
) -> None:
    for _ in range(10):
        portal.time.pass_time(minutes=14)
        answer = browser.post("/account/stay")
        assert json.loads(answer.body) == {"seconds": 900}
    assert browser.get("/documents").status_code == 200


def test_near_the_twelfth_hour_an_extension_returns_only_the_remaining_seconds(
    portal: Portal, browser: Browser
) -> None:
    for _ in range(71):
        portal.time.pass_time(minutes=10)
        browser.get("/documents")
    portal.time.pass_time(minutes=5)
    assert json.loads(browser.post("/account/stay").body) == {"seconds": 300}


def test_an_ended_session_cannot_be_extended(portal: Portal, browser: Browser) -> None:
    browser.get("/documents")
    portal.time.pass_time(minutes=15)
    answer = browser.post("/account/stay")
    assert header(answer, "location").startswith("/login")
    assert browser.get("/documents").status_code == 303


def test_visitors_without_a_session_get_no_idle_warning(portal: Portal) -> None:
    page = portal.browser().get("/login").body.decode()
    assert "alertdialog" not in page
    assert "session" not in "".join(re.findall(r"<script[^>]*>", page))
