import hashlib
import io
import os
from collections.abc import Callable, Iterator

import pytest
from PIL import Image

from chalicelib.pdf.fax_pages import FaxPage
from chalicelib.pdf.fax_reading import MAX_FAX_PAGES, ScannedPage, draw_notice
from chalicelib.pdf.models import PdfRefused
from chalicelib.services.linked_files import source_link, upload_link
from chalicelib.services.pdf_function import fax_reading
from chalicelib.services.pdf_requests import FaxReadings, PageReading, ReadFax
from tests.support.fakes import FakeFiles
from tests.support.pdf import sample_pdfs as samples
from tests.support.pdf.fake_pdf import FakePdf

DATA = b"%PDF-1.7 a fax"
SHA256 = hashlib.sha256(DATA).hexdigest()
PAGES = (
    ScannedPage(number=1, link=FaxPage("doc_1", "9f86d0", 2), is_blank=False, png=b"first"),
    ScannedPage(number=2, link=None, is_blank=True, png=b"second"),
)


@pytest.fixture
def files() -> FakeFiles:
    files = FakeFiles()
    files.put("evidence/faxes/prc_1/x", DATA, "application/pdf")
    return files


def run(files: FakeFiles, sha256: str = SHA256) -> FaxReadings:
    request = ReadFax(
        source=source_link(files, "evidence/faxes/prc_1/x", sha256),
        images=upload_link(files, "faxes/prc_1/fax_1/", content_type="image/", max_bytes=100_000, many=True),
    )
    return FakePdf(files).run(request, FaxReadings)


def read_as(monkeypatch: pytest.MonkeyPatch, draw: Callable[[int], ScannedPage], *, pages: int) -> None:
    """Let the reader find `pages` pages in every file, each made by `draw` from its number."""

    def read_fax(_data: bytes, first: int) -> Iterator[ScannedPage]:
        return map(draw, range(first, min(pages, MAX_FAX_PAGES) + 1))

    monkeypatch.setattr(fax_reading, "count_fax_pages", lambda _data: pages)
    monkeypatch.setattr(fax_reading, "read_fax", read_fax)


def blank(number: int) -> ScannedPage:
    return ScannedPage(number=number, link=None, is_blank=True, png=b"blank")


def test_the_pages_are_returned_and_their_pictures_stored(files: FakeFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    read_as(monkeypatch, lambda number: PAGES[number - 1], pages=2)
    assert run(files) == FaxReadings(
        (
            PageReading(number=1, is_blank=False, document_id="doc_1", version="9f86d0", page=2),
            PageReading(number=2, is_blank=True),
        ),
        "",
    )
    assert files.objects["faxes/prc_1/fax_1/1"] == (b"first", "image/png")
    assert files.objects["faxes/prc_1/fax_1/2"] == (b"second", "image/png")


def test_a_refused_fax_has_the_reason_and_no_pages(files: FakeFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_data: bytes) -> int:
        raise PdfRefused("damaged", "The fax is damaged.")

    monkeypatch.setattr(fax_reading, "count_fax_pages", refuse)
    assert run(files) == FaxReadings((), "The fax is damaged.")


def test_a_file_that_crashes_the_reader_has_no_pages(files: FakeFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fax_reading, "count_fax_pages", lambda _data: os._exit(9))
    assert run(files) == FaxReadings((), "The fax could not be read.")


@pytest.mark.parametrize(("pages", "rest"), [(40, ""), (41, "Only the first 40 of 41 pages were read.")])
def test_a_long_fax_says_how_much_was_read(
    files: FakeFiles, monkeypatch: pytest.MonkeyPatch, pages: int, rest: str
) -> None:
    read_as(monkeypatch, blank, pages=pages)
    readings = run(files)
    assert (len(readings.pages), readings.refused) == (40, rest)


def test_a_fax_that_takes_too_long_is_read_in_part(files: FakeFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    read_as(monkeypatch, blank, pages=3)
    monkeypatch.setattr(fax_reading, "ALL_SECONDS", 0.0)
    readings = run(files)
    assert ([page.number for page in readings.pages], readings.refused) == (
        [1],
        "Only the first 1 of 3 pages were read.",
    )
    assert files.keys("faxes/prc_1/fax_1/") == ["faxes/prc_1/fax_1/1"]


@pytest.mark.parametrize("kind", ["pdf", "tiff"])
def test_a_fax_of_500_pages_is_read_up_to_its_fortieth_page(kind: str) -> None:
    data = samples.blank_pdf(pages=500, size=(20, 20)) if kind == "pdf" else blank_tiff(pages=500)
    files = FakeFiles()
    files.put("evidence/faxes/prc_1/x", data, "application/pdf")
    readings = run(files, hashlib.sha256(data).hexdigest())
    assert readings.refused == "Only the first 40 of 500 pages were read."
    assert [page.number for page in readings.pages] == list(range(1, MAX_FAX_PAGES + 1))
    assert len(files.keys("faxes/prc_1/fax_1/")) == MAX_FAX_PAGES


def blank_tiff(*, pages: int) -> bytes:
    target, page = io.BytesIO(), Image.new("1", (40, 40), 1)
    page.save(target, "TIFF", save_all=True, append_images=[page] * (pages - 1), compression="group4")
    return target.getvalue()


def crash() -> None:
    os._exit(9)


def spin() -> None:
    sum(iter(int, 1))


def swallow() -> None:
    assert bytes(2 * fax_reading.MEMORY)


@pytest.mark.parametrize(("fault", "bad"), [(crash, 1), (crash, 2), (crash, 3), (spin, 2), (swallow, 2)])
def test_a_bad_page_is_unreadable_and_the_others_are_read(
    files: FakeFiles, monkeypatch: pytest.MonkeyPatch, fault: Callable[[], None], bad: int
) -> None:
    def draw(number: int) -> ScannedPage:
        if number == bad:
            fault()
        return blank(number)

    monkeypatch.setattr(fax_reading, "SECONDS", 0.1)
    read_as(monkeypatch, draw, pages=3)
    expected = tuple(PageReading(number=number, is_blank=number != bad) for number in (1, 2, 3))
    assert run(files) == FaxReadings(expected, "")
    assert files.objects[f"faxes/prc_1/fax_1/{bad}"] == (draw_notice(), "image/png")


def drawn_as(monkeypatch: pytest.MonkeyPatch, draw: Callable[[int], Image.Image], *, pages: int) -> None:
    """Let the reader find `pages` pages in every file, and draw each with `draw` from its number."""
    monkeypatch.setattr(fax_reading, "count_fax_pages", lambda _data: pages)
    monkeypatch.setattr(fax_reading, "draw_upright", lambda _data, numbers: map(draw, numbers))


def size_of(png: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
        return picture.size


def test_pages_are_drawn_by_their_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn_as(monkeypatch, lambda number: Image.new("L", (number, 9)), pages=3)
    assert {number: size_of(png) for number, png in fax_reading.draw(DATA, [3, 1]).items()} == {3: (3, 9), 1: (1, 9)}


@pytest.mark.parametrize("fault", [crash, spin, swallow])
def test_a_bad_page_has_the_picture_that_staff_saw(monkeypatch: pytest.MonkeyPatch, fault: Callable[[], None]) -> None:
    def draw(number: int) -> Image.Image:
        if number == 2:
            fault()
        return Image.new("L", (number, 9))

    monkeypatch.setattr(fax_reading, "SECONDS", 0.1)
    drawn_as(monkeypatch, draw, pages=3)
    first, bad, last = (fax_reading.draw(DATA, [1, 2, 3])[number] for number in (1, 2, 3))
    assert (size_of(first), bad, size_of(last)) == ((1, 9), draw_notice(), (3, 9))


def test_after_two_crashes_no_further_page_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    def draw(number: int) -> Image.Image:
        if number < 3:
            crash()
        return Image.new("L", (number, 9))

    drawn_as(monkeypatch, draw, pages=3)
    assert fax_reading.draw(DATA, [1, 2, 3]) == dict.fromkeys((1, 2, 3), draw_notice())


def test_a_file_that_cannot_be_opened_has_no_pictures() -> None:
    assert fax_reading.draw(b"%PDF-1.7 and nothing else", [1]) == {}


def test_after_two_crashes_no_further_page_is_read(files: FakeFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    def draw(number: int) -> ScannedPage:
        if number > 1:
            crash()
        return blank(number)

    read_as(monkeypatch, draw, pages=4)
    readings = run(files)
    assert [page.is_blank for page in readings.pages] == [True, False, False]
    assert readings.refused == "Only the first 3 of 4 pages were read."
