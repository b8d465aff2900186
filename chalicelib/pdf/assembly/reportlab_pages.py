"""New drawing, by reportlab, brought into a file that pypdf writes."""

from __future__ import annotations

import io
from collections.abc import Callable

from pypdf import PdfReader, PdfWriter
from pypdf.generic import IndirectObject
from reportlab import rl_config
from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf.assembly.flatten import append_layered_page, import_page_form
from chalicelib.pdf.geometry import IDENTITY
from chalicelib.pdf.reader import read_display

# Text that only mail from the last century needs: it would cost time and a quarter more room.
rl_config.useA85 = 0


def draw_pdf(draw: Callable[[Canvas], object]) -> bytes:
    """A PDF of the pages that `draw` makes, deterministically."""
    target = io.BytesIO()
    canvas = Canvas(target, invariant=1, pageCompression=1)
    draw(canvas)
    canvas.save()
    return target.getvalue()


def draw_and_open(draw: Callable[[Canvas], object]) -> PdfReader:
    """The same, opened."""
    return PdfReader(io.BytesIO(draw_pdf(draw)))


def page_to_form(writer: PdfWriter, sheets: PdfReader, index: int) -> IndirectObject:
    """One of those pages as a form XObject."""
    page = sheets.pages[index]
    return import_page_form(writer, page, read_display(page))


def append_pages(writer: PdfWriter, sheets: PdfReader, start: int = 0, stop: int | None = None) -> None:
    """Appends those pages, in the size they were drawn, from `start` up to and without `stop`."""
    for index in range(start, len(sheets.pages) if stop is None else stop):
        append_layered_page(
            writer, read_display(sheets.pages[index]), [(page_to_form(writer, sheets, index), IDENTITY)]
        )
