"""Pages go out compressed: no secret stands on two of them alike, and no other website chooses their text."""

import re

import pytest

from chalicelib.web.http.request_parsing import make_form_token
from tests.support.accounts import logged_in, portal_with
from tests.support.portal import Browser, Portal, text

ASKED = "/forgot-password"
MAIL = {"email": "dr.rivera@example.com"}


@pytest.fixture
def portal() -> Portal:
    return portal_with()


def token_on_the_page(browser: Browser) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', browser.get(ASKED).body.decode())
    assert found is not None
    return found[1]


@pytest.mark.usefixtures("portal")
def test_each_page_has_another_token_and_each_is_taken() -> None:
    browser = Browser()
    first, second = token_on_the_page(browser), token_on_the_page(browser)
    assert first != second
    for token in (second, first):
        assert browser.post_raw(ASKED, {"csrf": token, **MAIL}).status_code == 303


@pytest.mark.usefixtures("portal")
def test_the_cookie_itself_never_stands_on_a_page_and_is_no_token() -> None:
    browser = Browser()
    browser.get(ASKED)
    cookie = browser.cookies["__Host-csrf"]
    assert cookie not in browser.get(ASKED).body.decode()
    assert browser.post_raw(ASKED, {"csrf": cookie, **MAIL}).status_code == 403


@pytest.mark.usefixtures("portal")
@pytest.mark.parametrize("change", ["swapped pad", "cut", "another cookie's"])
def test_a_token_that_was_tampered_with_is_refused(change: str) -> None:
    browser = Browser()
    token = token_on_the_page(browser)
    tampered = {
        "swapped pad": "pad." + token.partition(".")[2],
        "cut": token[:-1],
        "another cookie's": make_form_token("another", "pad"),
    }[change]
    assert browser.post_raw(ASKED, {"csrf": tampered, **MAIL}).status_code == 403


@pytest.mark.parametrize(("site", "echoed"), [("cross-site", False), ("same-site", False), ("none", True)])
def test_another_website_cannot_choose_what_a_page_with_patients_repeats(
    portal: Portal, site: str, *, echoed: bool
) -> None:
    browser = logged_in(portal)
    shown = browser.get("/documents?signed=chosen_by_them", **{"sec-fetch-site": site})
    assert "You're all caught up" in text(shown)
    assert ("chosen_by_them" in shown.body.decode()) is echoed


@pytest.mark.usefixtures("portal")
def test_nobody_chooses_the_name_that_a_search_repeats() -> None:
    refused = Browser().post_raw("/documents/past", {"q": "chosen-by-them"})
    assert refused.status_code == 403
    assert b"chosen-by-them" not in refused.body
