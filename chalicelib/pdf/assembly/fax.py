"""The PDF that is faxed to a provider: a cover page without patient data, then the documents with a mark on each page.

The pages are Letter size and upright, as fax machines feed paper. The mark is a QR code with the page's link, beside
the return fax number and, for a page that lies alone, the code that opens the document. From the mark, the portal
recognizes a page that is faxed back."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pypdfium2
from PIL import Image
from pypdf import PageObject, PdfReader, PdfWriter
from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf.assembly.flatten import (
    PlacedForm,
    append_layered_page,
    collect_layers,
    letter_page,
    to_displayed_space,
    write_pdf,
)
from chalicelib.pdf.assembly.pictures import open_as_shown
from chalicelib.pdf.assembly.reportlab_pages import append_pages, draw_and_open, page_to_form
from chalicelib.pdf.drawing.fax_cover import MARK, draw_cover, draw_joint_cover, format_day
from chalicelib.pdf.drawing.qr import draw_qr
from chalicelib.pdf.fax_pages import page_link
from chalicelib.pdf.geometry import IDENTITY, Box, Matrix, multiply
from chalicelib.pdf.models import FaxCover
from chalicelib.pdf.reader import read_display
from chalicelib.pdf.rendering import open_for_display
from chalicelib.pdf.text.layout import BOLD, PLAIN, draw_text, fit_size

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDTH, _HEIGHT = 612.0, 792.0
# Points. Fax machines cut off anything closer to the edge.
_EDGE = 20.0
_STRIP = _EDGE + MARK + 12
_PAPER = 250
_LOOK = 0.5


def _turn_upright(size: tuple[float, float]) -> tuple[Matrix, tuple[float, float]]:
    """Return the matrix that makes a page upright, and the page's size after that.

    A landscape page is turned a quarter to the left."""
    width, height = size
    if width <= height:
        return IDENTITY, size
    return (0.0, 1.0, -1.0, 0.0, height, 0.0), (height, width)


def _ink_box(page: pypdfium2.PdfPage, size: tuple[float, float]) -> Box:
    """Return the box around all ink on a page, in points of the upright page; an empty box for a blank page."""
    picture = page.render(scale=_LOOK, grayscale=True).to_pil().convert("L")
    if picture.width > picture.height:
        picture = picture.transpose(Image.Transpose.ROTATE_90)
    pixels = picture.point([255 if value < _PAPER else 0 for value in range(256)]).getbbox()
    x, y = size[0] / picture.width, size[1] / picture.height
    if pixels is None:
        return (size[0] / 2, size[1] / 2, size[0] / 2, size[1] / 2)
    left, top, right, bottom = pixels
    return (left * x, size[1] - bottom * y, right * x, size[1] - top * y)


def _move_above_strip(ink: Box, size: tuple[float, float]) -> Matrix:
    """Return the matrix that moves a page so that its ink stays inside the margins and above the strip at the bottom.

    The strip is for the mark, the QR code by which the portal recognizes the page. `ink` is the box around everything
    visible, and `size` is the page's size. The page shrinks only if its ink is too large for this space."""
    space = (_WIDTH - 2 * _EDGE, _HEIGHT - _STRIP - _EDGE)
    width, height = max(ink[2] - ink[0], 1.0), max(ink[3] - ink[1], 1.0)
    scale = min(1.0, space[0] / width, space[1] / height)
    centered = (_WIDTH - size[0] * scale) / 2
    x = min(max(centered, _EDGE - ink[0] * scale), _WIDTH - _EDGE - ink[2] * scale)
    on_top = _HEIGHT - size[1] * scale
    y = min(max(on_top, _STRIP - ink[1] * scale), _HEIGHT - _EDGE - ink[3] * scale)
    return (scale, 0.0, 0.0, scale, x, y)


def _draw_mark(canvas: Canvas, cover: FaxCover, page: int, pages: int) -> None:
    """Draw a page with only the mark at its bottom: the QR code and the lines beside it.

    The drawing is later placed onto a page of the faxed document."""
    canvas.setPageSize((_WIDTH, _HEIGHT))
    canvas.setFillGray(0)
    canvas.setStrokeGray(0)
    left, right = 2 * _EDGE, _WIDTH - 2 * _EDGE
    draw_qr(canvas, right - MARK, _EDGE, MARK, page_link(cover.link_stem, page))
    canvas.setLineWidth(0.75)
    canvas.line(left, _EDGE + MARK, right - MARK - 16, _EDGE + MARK)
    for (face, size, line), y in zip(_mark_lines(cover, page, pages), (53.0, 37.0, 22.0, 7.0), strict=False):
        fitted = fit_size(line, face, right - left - MARK - 16, largest=size, smallest=1)
        draw_text(canvas, left, _EDGE + y, line, face=face, size=fitted)
    canvas.showPage()


def _mark_lines(cover: FaxCover, page: int, pages: int) -> list[tuple[str, float, str]]:
    """Return the lines beside the QR code of a page: the face, the largest size in points, and the text of each."""
    online = cover.online
    reminder = "REMINDER  ·  " if cover.is_reminder else ""
    due = f"  ·  Due {format_day(cover.due_on)}" if cover.due_on else ""
    lines = [
        (BOLD, 13.0, f"{reminder}Signed by hand? Fax it back to {cover.return_fax}"),
        (BOLD, 11.0, f"Page {page} of {pages}  ·  Document {cover.short_code}{due}"),
        (PLAIN, 11.0, cover.practice_name),
    ]
    return [*lines, (PLAIN, 11.0, f"Online: {online.address}, code {online.code}")] if online else lines


def _draw_cover_and_marks(documents: Sequence[tuple[FaxCover, int]]) -> PdfReader:
    """Return a PDF with the cover page, and then, for each page of the documents, a page with only its mark.

    The mark is a QR code with lines beside it. `documents` are the contents of each document's cover and its number of
    pages."""

    def draw_all(canvas: Canvas) -> None:
        if len(documents) == 1:
            draw_cover(canvas, *documents[0])
        else:
            draw_joint_cover(canvas, documents)
        for cover, pages in documents:
            for page in range(1, pages + 1):
                _draw_mark(canvas, cover, page, pages)

    return draw_and_open(draw_all)


def _place_page(writer: PdfWriter, page: PageObject, picture: pypdfium2.PdfPage) -> list[PlacedForm]:
    display = read_display(page)
    turn, size = _turn_upright(display.size)
    onto = multiply(turn, _move_above_strip(_ink_box(picture, size), size))
    return to_displayed_space(collect_layers(writer, page, display), display, onto)


def compose_fax(cover: FaxCover, original: bytes, others: Sequence[tuple[FaxCover, bytes]] = ()) -> bytes:
    """Return the PDF to fax: one cover page, then the pages of the originals with marks. Equal input gives equal bytes.

    `others` are further documents in the same fax, each with the contents of the cover that it would have alone. Raise
    `PdfRefused` (damaged) for an unreadable original."""
    documents = [(cover, original), *others]
    readers = [open_as_shown(pdf) for _, pdf in documents]
    counted = [(part, len(reader.pages)) for (part, _), reader in zip(documents, readers, strict=True)]
    drawing, writer, seed = _draw_cover_and_marks(counted), PdfWriter(), b""
    append_pages(writer, drawing, stop=1)
    for (part, pdf), reader in zip(documents, readers, strict=True):
        _append_document(writer, drawing, pdf, reader)
        seed += hashlib.sha256(pdf).digest() + repr(part).encode()
    return write_pdf(writer, title="Fax", at=cover.sent_at, seed=seed)


def _append_document(writer: PdfWriter, drawing: PdfReader, original: bytes, reader: PdfReader) -> None:
    """Append the pages of a document (`reader`) to the fax in `writer`, each with its mark (QR code) at the bottom.

    `original` are the document's bytes. `drawing` is a PDF with the marks: its page number n is for page n of the
    fax."""
    with open_for_display(original) as pictures:
        for index, page in enumerate(reader.pages):
            mark = (page_to_form(writer, drawing, len(writer.pages)), IDENTITY)
            append_layered_page(writer, letter_page(), [*_place_page(writer, page, pictures[index]), mark])
