"""What pages say, for those who have it read aloud."""

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


def test_the_text_of_each_page_stands_beside_its_picture(portal: Portal, browser: Browser) -> None:
    say(portal, "Goals: <walk> 50 feet", "Frequency: 2 a week", "")
    body = browser.get(REVIEW).body.decode()
    assert "Goals: &lt;walk&gt; 50 feet" in body
    assert 'alt="Page 2 of 3, text follows"' in body
    assert 'alt="Page 3 of 3, an image without text"' in body
    assert body.index("Goals:") < body.index('id="page-2"') < body.index("Frequency: 2 a week")


def test_a_long_document_has_a_page_for_its_text(portal: Portal, browser: Browser) -> None:
    say(portal, "first words", "x" * MAX_TEXT_ON_PAGE, "last words")
    review, whole = browser.get(REVIEW), browser.get(f"{REVIEW}/text")
    assert "first words" in text(review)
    assert "last words" not in text(review)
    assert f'href="{REVIEW}/text#page-3"' in review.body.decode()
    assert "last words" in text(whole)
    assert 'id="page-3"' in whole.body.decode()


def test_the_first_page_is_fetched_at_once_and_the_others_as_one_scrolls(browser: Browser) -> None:
    """Nothing waits for a script: the browser finds the picture in the page, and keeps its place free."""
    body = browser.get(REVIEW).body.decode()
    first, *others = re.findall(r"<img [^>]*>", body)
    assert 'fetchpriority="high"' in first
    assert "loading=" not in first
    assert all('loading="lazy"' in each for each in others)
    assert all(
        re.search(r' src="[^"]+" srcset="[^"]+" .*width="\d+" height="\d+"', each)
        for each in (first, *others)
    )
    assert all("defer" in each for each in re.findall(r"<script[^>]*>", body))


def test_without_any_text_the_pages_still_show(browser: Browser) -> None:
    page = browser.get(REVIEW)
    assert page.body.count(b"<img") == 3
    assert browser.get(f"{REVIEW}/text").status_code == 404


def test_who_comes_to_the_text_first_is_led_to_the_pictures_where_opening_it_is_recorded(
    portal: Portal, browser: Browser
) -> None:
    say(portal, "a", "b", "c")
    answer = browser.get(f"{REVIEW}/text")
    assert (answer.status_code, header(answer, "location")) == (303, REVIEW)
    assert portal.store.document(DOCUMENT.id) == DOCUMENT


def test_the_text_of_a_recalled_document_is_gone(portal: Portal, browser: Browser) -> None:
    say(portal, "a", "b", "c")
    recalled = DOCUMENT.recall("Sent in error", START)
    assert recalled is not None
    portal.store.commit(Change(at=START, documents=(replace(recalled, version=2),)))
    assert browser.get(f"{REVIEW}/text").status_code == 410
