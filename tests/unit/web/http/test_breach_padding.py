"""Test the defenses against BREACH, an attack that guesses secrets from the length of compressed pages.

No two pages contain the same secret, and no other website chooses the text of a page."""

import re

import pytest

from chalicelib.web.http.request_parsing import make_form_token
from tests.support.accounts import logged_in, portal_with
from tests.support.portal import Browser, Portal, text

FORM_PAGE = "/forgot-password"
FIELDS = {"email": "dr.rivera@example.com"}


@pytest.fixture
def portal() -> Portal:
    return portal_with()


def read_token(browser: Browser) -> str:
    match = re.search(r'name="csrf" value="([^"]+)"', browser.get(FORM_PAGE).body.decode())
    assert match is not None
    return match[1]


@pytest.mark.usefixtures("portal")
def test_each_page_has_another_token_and_each_is_accepted() -> None:
    browser = Browser()
    first, second = read_token(browser), read_token(browser)
    assert first != second
    for token in (second, first):
        assert browser.post_raw(FORM_PAGE, {"csrf": token, **FIELDS}).status_code == 303


@pytest.mark.usefixtures("portal")
def test_the_cookie_is_on_no_page_and_is_no_token() -> None:
    browser = Browser()
    browser.get(FORM_PAGE)
    cookie = browser.cookies["__Host-csrf"]
    assert cookie not in browser.get(FORM_PAGE).body.decode()
    assert browser.post_raw(FORM_PAGE, {"csrf": cookie, **FIELDS}).status_code == 403


@pytest.mark.usefixtures("portal")
@pytest.mark.parametrize("change", ["swapped pad", "cut", "another cookie's"])
def test_a_token_that_was_tampered_with_is_refused(change: str) -> None:
    browser = Browser()
    token = read_token(browser)
    tampered = {
        "swapped pad": "pad." + token.partition(".")[2],
        "cut": token[:-1],
        "another cookie's": make_form_token("another", "pad"),
    }[change]
    assert browser.post_raw(FORM_PAGE, {"csrf": tampered, **FIELDS}).status_code == 403


@pytest.mark.parametrize(("site", "echoed"), [("cross-site", False), ("same-site", False), ("none", True)])
def test_another_website_cannot_choose_text_of_a_page_with_patients(portal: Portal, site: str, *, echoed: bool) -> None:
    browser = logged_in(portal)
    page = browser.get("/documents?signed=chosen_by_attacker", **{"sec-fetch-site": site})
    assert "You're all caught up" in text(page)
    assert ("chosen_by_attacker" in page.body.decode()) is echoed


@pytest.mark.usefixtures("portal")
def test_another_website_cannot_choose_the_text_of_a_search() -> None:
    refused = Browser().post_raw("/documents/past", {"q": "chosen-by-attacker"})
    assert refused.status_code == 403
    assert b"chosen-by-attacker" not in refused.body
