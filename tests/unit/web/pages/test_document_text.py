"""Test the text of a document's pages, which screen readers read in place of the page images."""

import json
import re
from dataclasses import replace

import pytest

from chalicelib.services.pdf_jobs.page_images import text_key
from chalicelib.services.transaction import Change
from chalicelib.web.pages.view_models import MAX_TEXT_ON_PAGE
from tests.support.accounts import logged_in, portal_with
from tests.support.fakes import START
from tests.support.portal import Browser, Portal, header, text
from tests.support.provider_fixtures import a_document

DOCUMENT = a_document()
REVIEW = f"/documents/{DOCUMENT.id}"


@pytest.fixture
def portal() -> Portal:
    return portal_with(DOCUMENT)


@pytest.fixture
def browser(portal: Portal) -> Browser:
    return logged_in(portal)


def say(portal: Portal, *texts: str) -> None:
    portal.files.put(text_key(DOCUMENT.id), json.dumps(texts).encode(), "application/json")


def test_every_page_image_has_its_text(portal: Portal, browser: Browser) -> None:
    say(portal, "Goals: <walk> 50 feet", "Frequency: 2 a week", "")
    body = browser.get(REVIEW).body.decode()
    assert "Goals: &lt;walk&gt; 50 feet" in body
    assert 'alt="Page 2 of 3, text follows"' in body
    assert 'alt="Page 3 of 3, an image without text"' in body
    assert body.index("Goals:") < body.index('id="page-2"') < body.index("Frequency: 2 a week")


def test_a_long_document_has_a_separate_text_page(portal: Portal, browser: Browser) -> None:
    say(portal, "first words", "x" * MAX_TEXT_ON_PAGE, "last words")
    review, whole = browser.get(REVIEW), browser.get(f"{REVIEW}/text")
    assert "first words" in text(review)
    assert "last words" not in text(review)
    assert f'href="{REVIEW}/text#page-3"' in review.body.decode()
    assert "last words" in text(whole)
    assert 'id="page-3"' in whole.body.decode()


def test_the_first_image_loads_immediately_and_the_others_on_scrolling(browser: Browser) -> None:
    """No page image may need a script to load, and each has its space reserved, so that the page does not move."""
    body = browser.get(REVIEW).body.decode()
    first, *others = re.findall(r"<img [^>]*>", body)
    assert 'fetchpriority="high"' in first
    assert "loading=" not in first
    assert all('loading="lazy"' in image for image in others)
    assert all(
        re.search(r' src="[^"]+" srcset="[^"]+" .*width="\d+" height="\d+"', image) for image in (first, *others)
    )
    assert all("defer" in tag for tag in re.findall(r"<script[^>]*>", body))


def test_page_images_without_text_are_shown(browser: Browser) -> None:
    page = browser.get(REVIEW)
    assert page.body.count(b"<img") == 3
    assert browser.get(f"{REVIEW}/text").status_code == 404


def test_the_text_page_redirects_to_the_review_until_the_first_view(portal: Portal, browser: Browser) -> None:
    say(portal, "a", "b", "c")
    answer = browser.get(f"{REVIEW}/text")
    assert (answer.status_code, header(answer, "location")) == (303, REVIEW)
    assert portal.store.document(DOCUMENT.id) == DOCUMENT


def test_the_text_of_a_recalled_document_cannot_be_opened(portal: Portal, browser: Browser) -> None:
    say(portal, "a", "b", "c")
    recalled = DOCUMENT.recall("Sent in error", START)
    assert recalled is not None
    portal.store.commit(Change(at=START, documents=(replace(recalled, version=2),)))
    assert browser.get(f"{REVIEW}/text").status_code == 410
