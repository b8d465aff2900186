"""Test the images of untrusted PDFs: a page that hangs or crashes the renderer loses only its own image."""

import os
from collections.abc import Iterator

import pytest

from chalicelib.pdf.rendering import render_pages
from chalicelib.services.pdf_function import page_rendering as rendering
from chalicelib.services.pdf_function.page_rendering import extract_texts, render_images
from chalicelib.services.pdf_function.sandbox import SandboxKilled
from tests.support.pdf import malformed_pdfs as odd
from tests.support.pdf import sample_pdfs as samples


def test_every_page_is_rendered_at_every_width() -> None:
    images = list(render_images(samples.plan_of_care(3), (100, 200), 3))
    assert [(image.number, image.width) for image in images] == [(n, w) for n in (1, 2, 3) for w in (100, 200)]
    assert all(image.data for image in images)


def test_a_page_that_hangs_the_renderer_is_reported_as_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "SECONDS", 0.5)
    (image,) = render_images(odd.patterns(8), (300,), 1)
    assert (image.number, image.data) == (1, None)


def test_the_pages_after_a_crash_are_rendered(monkeypatch: pytest.MonkeyPatch) -> None:
    def crashing(data: bytes, widths: tuple[int, ...], *, first: int, last: int) -> Iterator[object]:
        for image in whole(data, widths, first=first, last=last):
            if (image.number, image.width) == (2, 200):
                os._exit(9)
            yield image

    whole = render_pages
    monkeypatch.setattr(rendering, "render_pages", crashing)
    images = list(render_images(samples.plan_of_care(3), (100, 200), 3))
    assert [(image.number, image.data is None) for image in images] == [
        (1, False),
        (1, False),
        (2, False),
        (2, True),
        (3, False),
        (3, False),
    ]


def test_a_long_page_that_crashes_in_the_middle_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def crashing(data: bytes, widths: tuple[int, ...], *, first: int, last: int) -> Iterator[object]:
        for image in whole(data, widths, first=first, last=last):
            if (image.number, image.piece) == (1, 2):
                os._exit(9)
            yield image

    whole = render_pages
    monkeypatch.setattr(rendering, "render_pages", crashing)
    images = list(render_images(samples.blank_pdf(pages=2, size=(612, 4000)), (100, 200), 2))
    assert [(image.number, image.piece, image.data is None) for image in images[:4]] == [
        (1, 1, False),
        (1, 1, False),
        (1, 1, True),
        (1, 1, True),
    ]
    assert [(image.number, image.piece) for image in images[4:]] == [(2, 1), (2, 1), (2, 2), (2, 2)]


def test_a_file_that_always_crashes_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "render_pages", lambda *_args, **_kwargs: os._exit(9))
    images = list(render_images(samples.plan_of_care(10), (100,), 10))
    assert [image.number for image in images] == list(range(1, 11))
    assert all(image.data is None for image in images)
    monkeypatch.setattr(rendering, "extract_page_texts", lambda *_args: os._exit(9))
    assert extract_texts(samples.plan_of_care(2), 2) == ["", ""]


@pytest.mark.parametrize(("pages", "tries"), [(3, 3), (4, 4), (9, 4)])
def test_after_four_pages_that_crash_the_others_are_skipped(
    monkeypatch: pytest.MonkeyPatch, pages: int, tries: int
) -> None:
    tried: list[int] = []

    def crashing(_data: bytes, _widths: tuple[int, ...], first: int, _last: int) -> Iterator[object]:
        tried.append(first)
        raise SandboxKilled(by_time=False)

    monkeypatch.setattr(rendering, "_render_sandboxed", crashing)
    images = list(render_images(b"", (100, 200), pages))
    assert tried == list(range(1, tries + 1))
    assert [(image.number, image.width) for image in images] == [
        (n, w) for n in range(1, pages + 1) for w in (100, 200)
    ]
