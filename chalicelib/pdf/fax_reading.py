"""The reading of a fax that came back from a provider: the QR code on each page, and a picture of the page to show.

The QR code has a link that names the page's document. A page may be small, skewed, upside down, faded or noisy
(docs/decisions/052)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import pypdfium2
import zxingcpp
from PIL import Image, ImageFilter

from chalicelib.pdf.fax_pages import FaxPage, read_page_link
from chalicelib.pdf.inspection import is_pdf
from chalicelib.pdf.models import PdfRefused
from chalicelib.pdf.rendering import open_for_display

MAX_FAX_PAGES = 100
"""The most pages of a fax that are read. A longer fax is refused."""

_DOTS_PER_POINT = 204 / 72
_MAX_WIDTH, _MAX_HEIGHT = 2500, 4200
_INK = 128
_EDGE = 0.04
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


def read_fax(data: bytes) -> Iterator[ScannedPage]:
    """Yield the pages of a fax that came in, read from its file, which must be a PDF.

    Raise `PdfRefused` (not_a_pdf, too_many_pages, damaged) before the first page, or damaged for a page that cannot be
    shown."""
    if not is_pdf(data):
        raise PdfRefused("not_a_pdf", "The fax is not a PDF.")
    with open_for_display(data) as document:
        if len(document) > MAX_FAX_PAGES:
            raise PdfRefused("too_many_pages", f"The fax has more than {MAX_FAX_PAGES} pages.")
        for index in range(len(document)):
            yield _read_page(index + 1, _draw(document, index))


def _draw(document: pypdfium2.PdfDocument, index: int) -> Image.Image:
    try:
        width, height = document[index].get_size()
        scale = min(_DOTS_PER_POINT, _MAX_WIDTH / width, _MAX_HEIGHT / height)
        picture: Image.Image = document[index].render(scale=scale, grayscale=True).to_pil()
    except (pypdfium2.PdfiumError, ArithmeticError, ValueError, OSError, MemoryError):
        raise PdfRefused("damaged", "A page of the fax cannot be shown.") from None
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
    for prepare in (_as_is, _coarse, _fine, _smooth):
        codes = zxingcpp.read_barcodes(prepare(picture), formats=zxingcpp.BarcodeFormat.QRCode, try_downscale=False)
        pages = {page for code in codes if (page := read_page_link(code.text)) is not None}
        if pages:
            return pages.pop() if len(pages) == 1 else None
    return None


def _as_is(picture: Image.Image) -> Image.Image:
    return picture


def _coarse(picture: Image.Image) -> Image.Image:
    return picture.resize((picture.width * 2 // 3, picture.height * 2 // 3), Image.Resampling.BOX)


def _fine(picture: Image.Image) -> Image.Image:
    return picture.resize((picture.width * 3 // 2, picture.height * 3 // 2), Image.Resampling.BICUBIC)


def _smooth(picture: Image.Image) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(1))
