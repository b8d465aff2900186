"""Test what the forms of the review page offer and refuse: the next document, and the note to the clinic."""

import pytest
from chalice.test import HTTPResponse

from chalicelib.services.review.decisions import CONSENT_VERSION
from chalicelib.services.transaction import Change
from tests.support.accounts import logged_in, portal_with
from tests.support.fakes import START
from tests.support.portal import Browser, Portal, text
from tests.support.provider_fixtures import a_document

REVIEW = f"/documents/{a_document().id}"


@pytest.fixture
def portal() -> Portal:
    return portal_with()


def put(portal: Portal, **changes: str) -> None:
    portal.store.commit(Change(at=START, documents=(a_document(**changes),)))


def approve(browser: Browser, note: str) -> HTTPResponse:
    fields = {"typed_name": "Luis Rivera", "read_statement": "yes", "consent": CONSENT_VERSION, "note": note}
    return browser.post(f"{REVIEW}/approve", fields)


def test_then_next_is_offered_only_if_another_document_waits(portal: Portal) -> None:
    put(portal)
    browser = logged_in(portal)
    assert "then next" not in text(browser.get(REVIEW))
    put(portal, id="doc_next")
    assert "Approve and sign, then next" in text(browser.get(REVIEW))
    assert "Mark as read, then next" in text(browser.get(REVIEW))


def test_the_page_says_what_a_note_may_have_and_keeps_a_refused_one_whole(portal: Portal) -> None:
    put(portal)
    browser = logged_in(portal)
    page = browser.get(REVIEW)
    assert text(page).count("Up to 2,000 characters, no emoji.") == 2
    assert "maxlength" not in page.body.decode().split('id="note"')[1].split(">")[0]
    answer = approve(browser, "x" * 2001)
    assert answer.status_code == 422
    assert "Please shorten the note to 2,000 characters. It has 2,001." in text(answer)
    assert f"{'x' * 2001}</textarea>" in answer.body.decode()
    assert "The signed PDF can't show \U0001f44d. Please remove it." in text(approve(browser, "\U0001f44d"))
