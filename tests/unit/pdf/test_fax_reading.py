import io
from collections.abc import Sequence

import pypdf
import pytest
from PIL import Image
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf.assembly.fax import compose_fax
from chalicelib.pdf.fax_files import FaxFile
from chalicelib.pdf.fax_pages import FaxPage, read_page_link
from chalicelib.pdf.fax_reading import (
    MAX_FAX_PAGES,
    PageCode,
    ScannedPage,
    count_fax_pages,
    draw_notice,
    draw_upright,
    find_page_code,
    read_fax,
)
from chalicelib.pdf.models import PdfRefused
from examples.mailbox.fax_damage import draw_pages, fax
from tests.support.pdf import sample_pdfs as samples

SHEET = (1734, 2244)
LINK = samples.COVER.link_stem


def as_fax(pictures: Sequence[Image.Image]) -> bytes:
    """Return the file of a received fax: a PDF with one black-and-white picture per page."""
    data = io.BytesIO()
    canvas = Canvas(data, pagesize=(612, 792))
    for picture in pictures:
        canvas.drawImage(ImageReader(picture.convert("1")), 0, 0, 612, 792)
        canvas.showPage()
    canvas.save()
    return data.getvalue()


def paper(dots: int = 0) -> Image.Image:
    """Return the picture of a white page with this number of black dots, to test which pages count as blank."""
    picture = Image.new("L", SHEET, 255)
    picture.paste(0, (800, 800, 800 + dots, 801))
    return picture


@pytest.fixture(scope="module")
def pages() -> list[Image.Image]:
    return draw_pages(compose_fax(samples.COVER, samples.plan_of_care(2)))


def test_every_page_is_read_with_its_picture(pages: list[Image.Image]) -> None:
    read = list(read_fax(as_fax([fax(pages[2], 98), fax(pages[1], 196).rotate(180)])))
    assert [(page.number, page.link) for page in read] == [
        (1, read_page_link(f"{LINK}2")),
        (2, read_page_link(f"{LINK}1")),
    ]
    assert not any(page.is_blank for page in read)
    for page in read:
        with Image.open(io.BytesIO(page.png)) as picture:
            assert (picture.format, picture.size) == ("PNG", SHEET)


def only_page(picture: Image.Image) -> ScannedPage:
    (page,) = read_fax(as_fax([picture]))
    return page


def test_a_page_with_words_and_no_code_is_neither_matched_nor_blank(pages: list[Image.Image]) -> None:
    words = fax(pages[1], 196).resize(SHEET)
    words.paste(255, (0, 1900, *SHEET))
    page = only_page(words)
    assert (page.link, page.is_blank) == (None, False)


@pytest.mark.parametrize("dots", [0, 500])
def test_a_page_with_some_dust_is_blank(dots: int) -> None:
    assert only_page(paper(dots)).is_blank


def test_a_page_with_a_word_is_not_blank() -> None:
    picture = paper()
    picture.paste(0, (800, 800, 860, 830))
    assert not only_page(picture).is_blank


def test_the_black_edge_of_a_copy_does_not_count_as_ink() -> None:
    picture = paper()
    picture.paste(0, (0, 0, 60, SHEET[1]))
    assert only_page(picture).is_blank


def test_a_picture_with_the_codes_of_two_pages_names_no_page(pages: list[Image.Image]) -> None:
    first, second = (fax(page, 196).resize(SHEET) for page in pages[1:3])
    both = first.copy()
    both.paste(second.crop((1200, 1900, *SHEET)), (1200, 900))
    assert find_page_code(both) is None
    twice = first.copy()
    twice.paste(first.crop((1200, 1900, *SHEET)), (1200, 900))
    assert find_page_code(twice) == PageCode(first_page(), 0)


def first_page() -> FaxPage:
    page = read_page_link(f"{LINK}1")
    assert page is not None
    return page


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
@pytest.mark.parametrize("skew", [-5, 0, 5])
def test_a_page_that_lies_turned_is_made_upright(pages: list[Image.Image], turned: int, skew: int) -> None:
    lying = fax(pages[1], 196).resize(SHEET).rotate(turned + skew, expand=True, fillcolor=255)
    assert find_page_code(lying) == PageCode(first_page(), (360 - turned) % 360)


def test_an_upside_down_fax_is_shown_and_drawn_upright(pages: list[Image.Image]) -> None:
    upright = fax(pages[1], 196).resize(SHEET)
    file = as_fax([upright.rotate(180), paper()])
    (drawn,) = draw_upright(file, [1])
    with Image.open(io.BytesIO(next(read_fax(file)).png)) as shown:
        for picture in (drawn, shown.convert("L")):
            assert find_page_code(picture) == PageCode(first_page(), 0)


def test_pages_are_drawn_by_their_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = FaxFile.draw
    monkeypatch.setattr(FaxFile, "draw", lambda file, index: None if index == 0 else draw(file, index))
    second, first = draw_upright(samples.blank_pdf(pages=3, size=(100, 100)), [2, 1])
    assert second.size == (284, 284)
    assert first.size == SHEET, "a picture that says that the page cannot be shown"


def test_a_page_of_an_odd_size_is_bounded() -> None:
    data = io.BytesIO()
    canvas = Canvas(data, pagesize=(14_000, 100))
    canvas.showPage()
    canvas.setPageSize((100, 14_000))
    canvas.showPage()
    canvas.save()
    sizes = []
    for page in read_fax(data.getvalue()):
        with Image.open(io.BytesIO(page.png)) as picture:
            sizes.append(picture.size)
    assert sizes[0][0] == 2500
    assert sizes[1][1] == 4200


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"GIF89a", "not_a_pdf"), (b"", "not_a_pdf"), (b"%PDF-1.7 and nothing else", "damaged")],
    ids=["picture", "empty", "damaged"],
)
def test_a_file_that_is_no_readable_fax_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(PdfRefused) as refused:
        count_fax_pages(data)
    assert refused.value.code == code


@pytest.mark.parametrize("pages", [MAX_FAX_PAGES, MAX_FAX_PAGES + 1])
def test_at_most_forty_pages_are_read(pages: int) -> None:
    data = samples.blank_pdf(pages=pages)
    assert count_fax_pages(data) == pages
    assert [page.number for page in read_fax(data, first=MAX_FAX_PAGES - 1)] == [MAX_FAX_PAGES - 1, MAX_FAX_PAGES]


def test_a_page_that_cannot_be_shown_has_a_picture_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = FaxFile.draw
    monkeypatch.setattr(FaxFile, "draw", lambda file, index: None if index == 0 else draw(file, index))
    first, second = read_fax(samples.blank_pdf(pages=2))
    assert first == ScannedPage(number=1, link=None, is_blank=False, png=draw_notice())
    assert (second.number, second.is_blank) == (2, True)
    with Image.open(io.BytesIO(first.png)) as picture:
        assert picture.convert("L").getextrema() == (0, 255)


def test_a_page_without_an_area_is_no_reason_to_lose_the_others() -> None:
    writer = pypdf.PdfWriter()
    writer.add_blank_page(width=0, height=0)
    writer.add_blank_page(width=612, height=792)
    data = io.BytesIO()
    writer.write(data)
    assert [page.number for page in read_fax(data.getvalue())] == [1, 2]
