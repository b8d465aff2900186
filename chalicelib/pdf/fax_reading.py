"""The reading of a fax that came back from a provider: the QR code on each page, and a picture of the page to show.

The QR code has a link that names the page's document. A page may be small, skewed, upside down, faded or noisy
(docs/decisions/052)."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import zxingcpp
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from chalicelib.pdf.fax_files import open_fax
from chalicelib.pdf.fax_pages import FaxPage, read_page_link

MAX_FAX_PAGES = 40
"""The most pages of a fax that are read. On a loaded machine, a page takes 0.4 seconds, and the reader has a minute."""

_INK = 128
_EDGE = 0.04
_NOTICE = "This page could not be read. Open the file of the fax to see it."
_TO_GRAY = [(value + 8) // 17 * 17 for value in range(256)]
"""A table from 256 to 16 levels of gray, with which a page of a fax needs half as many bytes."""

_BLANK = 0.0004
"""The part of a page, without its edges, that may be ink on a blank page. Less ink is dust on the glass."""


@dataclass(frozen=True)
class PageCode:
    """The QR code on the picture of a faxed page: what it names, and how the page lies.

    `turn` is 0, 90, 180 or 270: by so many degrees counterclockwise the picture must be turned to be upright."""

    page: FaxPage
    turn: int


@dataclass(frozen=True, kw_only=True)
class ScannedPage:
    """A page of a fax that came in: its number from 1, what its QR code names (or None), and a PNG.

    The PNG is upright if the QR code can be read. `is_blank` is true for a page without ink."""

    number: int
    link: FaxPage | None
    is_blank: bool
    png: bytes


def count_fax_pages(data: bytes) -> int:
    """Return the number of pages of a fax that came in, from its file. Raise `PdfRefused` if the file is neither a PDF
    nor a TIFF (not_a_pdf), or cannot be opened (damaged)."""
    with open_fax(data) as file:
        return file.pages


def read_fax(data: bytes, first: int = 1) -> Iterator[ScannedPage]:
    """Yield the pages of a fax that came in, from number `first` to `MAX_FAX_PAGES`, read from its file.

    A page that cannot be shown has the picture of `draw_notice`. Raise `PdfRefused` (damaged) if the file cannot be
    opened."""
    with open_fax(data) as file:
        for number in range(first, min(file.pages, MAX_FAX_PAGES) + 1):
            picture = file.draw(number - 1)
            yield unread_page(number) if picture is None else _read_page(number, picture)


def draw_upright(data: bytes, numbers: Sequence[int]) -> Iterator[Image.Image]:
    """Yield a picture of each page with one of these numbers (from 1) in the file of a fax that came in.

    The picture has 16 levels of gray. The page is upright if its QR code can be read. A page that cannot be shown has
    the picture of `draw_notice`. Raise `PdfRefused` (damaged) if the file cannot be opened."""
    with open_fax(data) as file:
        for number in numbers:
            picture = file.draw(number - 1)
            upright = _notice_picture() if picture is None else _turn_upright(picture, find_page_code(picture))
            yield upright.point(_TO_GRAY)


def unread_page(number: int) -> ScannedPage:
    """Return the page with this number as a page that cannot be read. Its picture says so in words."""
    return ScannedPage(number=number, link=None, is_blank=False, png=draw_notice())


def draw_notice() -> bytes:
    """Return a picture (PNG) which says that a page could not be read. Staff see it in place of the page."""
    return _encode(_notice_picture())


def _notice_picture() -> Image.Image:
    picture = Image.new("L", (1734, 2244), 255)
    ImageDraw.Draw(picture).text((150, 300), _NOTICE, fill=0, font=ImageFont.load_default(48))
    return picture


def _encode(picture: Image.Image) -> bytes:
    target = io.BytesIO()
    picture.quantize(16).save(target, "PNG")
    return target.getvalue()


def _read_page(number: int, picture: Image.Image) -> ScannedPage:
    code = find_page_code(picture)
    is_blank, png = code is None and _is_blank(picture), _encode(_turn_upright(picture, code))
    return ScannedPage(number=number, link=code.page if code else None, is_blank=is_blank, png=png)


def _turn_upright(picture: Image.Image, code: PageCode | None) -> Image.Image:
    return picture.rotate(code.turn, expand=True) if code is not None and code.turn else picture


def _is_blank(picture: Image.Image) -> bool:
    edge = round(_EDGE * min(picture.size))
    inner = picture.crop((edge, edge, picture.width - edge, picture.height - edge))
    return sum(inner.histogram()[:_INK]) < _BLANK * inner.width * inner.height


def find_page_code(picture: Image.Image) -> PageCode | None:
    """Return the QR code in a picture, which names a document and a page, or None if no code can be read.

    The picture is in grays, at 204 dots per inch. Several versions of the picture are tried, because each version makes
    another kind of damage readable. A picture with the codes of two pages names no page."""
    for prepare in (_as_is, _coarse, _despeckle, _fine, _smooth, _despeckle_more):
        codes = zxingcpp.read_barcodes(prepare(picture), formats=zxingcpp.BarcodeFormat.QRCode, try_downscale=False)
        found = {page: _turn(code) for code in codes if (page := read_page_link(code.text)) is not None}
        if found:
            (page, turn), *others = found.items()
            return None if others else PageCode(page, turn)
    return None


def _turn(code: zxingcpp.Result) -> int:
    """Return the turn that makes the page of this QR code upright. The code may lie askew by some degrees."""
    degrees: int = code.orientation
    return round(degrees / 90) % 4 * 90


def _as_is(picture: Image.Image) -> Image.Image:
    return picture


def _coarse(picture: Image.Image) -> Image.Image:
    return picture.resize((picture.width * 2 // 3, picture.height * 2 // 3), Image.Resampling.BOX)


def _despeckle(picture: Image.Image) -> Image.Image:
    return picture.filter(ImageFilter.MedianFilter(3))


def _despeckle_more(picture: Image.Image) -> Image.Image:
    return _coarse(picture.filter(ImageFilter.MedianFilter(5)))


def _fine(picture: Image.Image) -> Image.Image:
    return picture.resize((picture.width * 3 // 2, picture.height * 3 // 2), Image.Resampling.BICUBIC)


def _smooth(picture: Image.Image) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(1))
