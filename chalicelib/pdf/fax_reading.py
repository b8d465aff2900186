"""The reading of a fax that came back from a provider: the QR code on each page, and a picture of the page to show.

The QR code has a link that names the page's document. A page may be small, skewed, upside down, faded or noisy
(docs/decisions/052)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import pypdfium2
import zxingcpp
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from chalicelib.pdf.fax_pages import FaxPage, read_page_link
from chalicelib.pdf.inspection import is_pdf
from chalicelib.pdf.models import PdfRefused
from chalicelib.pdf.rendering import count_pages, open_for_display

MAX_FAX_PAGES = 40
"""The most pages of a fax that are read. On a loaded machine, a page takes 0.4 seconds, and the reader has a minute."""

_DOTS_PER_POINT = 204 / 72
_MAX_WIDTH, _MAX_HEIGHT = 2500, 4200
_INK = 128
_EDGE = 0.04
_NOTICE = "This page could not be read. Open the file of the fax to see it."
_BLANK = 0.0004
"""The part of a page, without its edges, that may be ink on a blank page. Less ink is dust on the glass."""


@dataclass(frozen=True, kw_only=True)
class ScannedPage:
    """A page of a fax that came in: its number from 1, what its QR code names (or None), and a PNG.

    `is_blank` is true for a page without ink."""

    number: int
    link: FaxPage | None
    is_blank: bool
    png: bytes


def count_fax_pages(data: bytes) -> int:
    """Return the number of pages of a fax that came in, from its file. Raise `PdfRefused` if the file is no PDF
    (not_a_pdf) or cannot be opened (damaged)."""
    if not is_pdf(data):
        raise PdfRefused("not_a_pdf", "The fax is not a PDF.")
    return count_pages(data)


def read_fax(data: bytes, first: int = 1) -> Iterator[ScannedPage]:
    """Yield the pages of a fax that came in, from number `first` to `MAX_FAX_PAGES`, read from its file, a PDF.

    A page that cannot be shown has the picture of `draw_notice`. Raise `PdfRefused` (damaged) if the file cannot be
    opened."""
    with open_for_display(data) as document:
        for number in range(first, min(len(document), MAX_FAX_PAGES) + 1):
            picture = _draw(document, number - 1)
            yield unread_page(number) if picture is None else _read_page(number, picture)


def unread_page(number: int) -> ScannedPage:
    """Return the page with this number as a page that cannot be read. Its picture says so in words."""
    return ScannedPage(number=number, link=None, is_blank=False, png=draw_notice())


def draw_notice() -> bytes:
    """Return a picture (PNG) which says that a page could not be read. Staff see it in place of the page."""
    picture, target = Image.new("L", (1734, 2244), 255), io.BytesIO()
    ImageDraw.Draw(picture).text((150, 300), _NOTICE, fill=0, font=ImageFont.load_default(48))
    picture.quantize(16).save(target, "PNG")
    return target.getvalue()


def _draw(document: pypdfium2.PdfDocument, index: int) -> Image.Image | None:
    """Return the picture of the page with this index, or None if the page cannot be shown."""
    try:
        width, height = document[index].get_size()
        scale = min(_DOTS_PER_POINT, _MAX_WIDTH / width, _MAX_HEIGHT / height)
        picture: Image.Image = document[index].render(scale=scale, grayscale=True).to_pil()
    except (pypdfium2.PdfiumError, ArithmeticError, ValueError, OSError, MemoryError):
        return None
    return picture.convert("L")


def _read_page(number: int, picture: Image.Image) -> ScannedPage:
    link, target = find_page_link(picture), io.BytesIO()
    picture.quantize(16).save(target, "PNG")
    is_blank = link is None and _is_blank(picture)
    return ScannedPage(number=number, link=link, is_blank=is_blank, png=target.getvalue())


def _is_blank(picture: Image.Image) -> bool:
    edge = round(_EDGE * min(picture.size))
    inner = picture.crop((edge, edge, picture.width - edge, picture.height - edge))
    return sum(inner.histogram()[:_INK]) < _BLANK * inner.width * inner.height


def find_page_link(picture: Image.Image) -> FaxPage | None:
    """Return the document and page that the QR code in a picture names, or None if no code can be read.

    The picture is in grays, at 204 dots per inch. Several versions of the picture are tried, because each version makes
    another kind of damage readable. A picture with the codes of two pages names no page."""
    for prepare in (_as_is, _coarse, _despeckle, _fine, _smooth, _despeckle_more):
        codes = zxingcpp.read_barcodes(prepare(picture), formats=zxingcpp.BarcodeFormat.QRCode, try_downscale=False)
        pages = {page for code in codes if (page := read_page_link(code.text)) is not None}
        if pages:
            return pages.pop() if len(pages) == 1 else None
    return None


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
