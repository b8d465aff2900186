"""Test the `prepare` job: the images and texts of all pages, and what the document's row says about them."""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import replace

import pytest

from chalicelib.domain.errors import Unavailable
from chalicelib.domain.status import Action
from chalicelib.pdf.rendering import render_pages
from chalicelib.services.pdf_function import page_rendering
from chalicelib.services.pdf_jobs.page_images import WIDTHS, page_key, page_texts, text_key
from chalicelib.services.pdf_requests import RenderPages
from tests.support.pdf import sample_pdfs as samples
from tests.unit.services.pdf_jobs.test_seal_job import Portal, decided


@pytest.fixture
def portal() -> Portal:
    return Portal(decided(Action.APPROVE, pages_ready=None))


def test_every_page_gets_its_images_and_its_text(portal: Portal) -> None:
    portal.page_preparation.prepare(portal.job)
    document = portal.document
    assert (document.pages_ready, document.broken_pages) == (3, ())
    for number in (1, 2, 3):
        for width in WIDTHS:
            assert portal.files.objects[page_key(document.id, number, width)][1] == "image/png"
    assert portal.files.keys("pages/") == sorted(
        [text_key(document.id), *(page_key(document.id, number, width) for number in (1, 2, 3) for width in WIDTHS)]
    )
    texts = page_texts(document, portal.files)
    assert texts is not None
    assert json.loads(portal.files.get(text_key(document.id))) == texts
    assert "Page 1" in texts[0]


def test_a_very_long_page_gets_an_image_for_each_slice(portal: Portal) -> None:
    data = samples.blank_pdf(pages=2, size=(612, 4000))
    original = replace(portal.document.original, pages=2, sha256=hashlib.sha256(data).hexdigest())
    portal = Portal(decided(Action.APPROVE, pages_ready=None, original=original))
    portal.files.objects[original.key] = (data, "application/pdf")
    portal.page_preparation.prepare(portal.job)
    document = portal.document
    assert (document.pages_ready, document.sliced_pages) == (2, ((1, 2), (2, 2)))
    places = [(number, width, piece) for number in (1, 2) for width in WIDTHS for piece in (1, 2)]
    assert portal.files.keys("pages/") == sorted(
        [text_key(document.id), *(page_key(document.id, *place) for place in places)]
    )
    assert page_key(document.id, 1, 750).endswith("/1-750")
    assert page_key(document.id, 1, 750, 2).endswith("/1-750-2")


def test_the_first_page_is_ready_before_the_others(portal: Portal) -> None:
    run, ready = portal.pdf.run, []

    def watched(request: object, result: type) -> object:
        ready.append(portal.document.pages_ready)
        return run(request, result)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(portal.pdf, "run", watched)
        portal.page_preparation.prepare(portal.job)
    assert ready == [None, 1]
    assert [(item.first, item.last) for item in portal.pdf.asked if isinstance(item, RenderPages)] == [(1, 1), (2, 3)]


@pytest.mark.parametrize(("pages", "parts"), [(1, [(1, 1, True)]), (2, [(1, 1, False), (2, 2, True)])])
def test_the_texts_are_made_with_the_last_page(pages: int, parts: list[tuple[int, int, bool]]) -> None:
    original = replace(decided(Action.APPROVE).original, pages=pages)
    portal = Portal(decided(Action.APPROVE, pages_ready=None, original=original))
    portal.page_preparation.prepare(portal.job)
    assert portal.document.pages_ready == pages
    asked = [item for item in portal.pdf.asked if isinstance(item, RenderPages)]
    assert [(item.first, item.last, item.texts is not None) for item in asked] == parts


def test_a_repeated_job_changes_no_row_and_a_job_of_no_document_makes_nothing(portal: Portal) -> None:
    portal.page_preparation.prepare(portal.job)
    ready = portal.document
    portal.page_preparation.prepare(portal.job)
    assert portal.document == ready
    asked = len(portal.pdf.asked)
    portal.page_preparation.prepare(replace(portal.job, document_id="doc_missing"))
    assert len(portal.pdf.asked) == asked


def test_a_page_that_crashes_the_renderer_is_broken_and_the_others_are_shown(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crashing(data: bytes, widths: tuple[int, ...], *, first: int, last: int) -> Iterator[object]:
        for image in render_pages(data, widths, first=first, last=last):
            if image.number == 2:
                os._exit(9)
            yield image

    monkeypatch.setattr(page_rendering, "render_pages", crashing)
    portal.page_preparation.prepare(portal.job)
    assert (portal.document.pages_ready, portal.document.broken_pages) == (3, (2,))


def test_a_job_that_failed_halfway_succeeds_at_the_next_try(portal: Portal) -> None:
    original = portal.files.objects.pop("originals/1.pdf")
    with pytest.raises(Unavailable):
        portal.page_preparation.prepare(portal.job)
    assert portal.document.pages_ready is None
    portal.files.objects["originals/1.pdf"] = original
    portal.page_preparation.prepare(portal.job)
    portal.page_preparation.prepare(portal.job)
    assert portal.document.pages_ready == 3
