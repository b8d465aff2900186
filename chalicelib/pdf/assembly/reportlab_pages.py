"""Pages that reportlab draws (certificates, fax covers, marks), and their transfer into a file that pypdf writes."""

from __future__ import annotations

import io
from collections.abc import Callable

from PIL import Image
from pypdf import PdfReader, PdfWriter
from pypdf.generic import IndirectObject
from reportlab import rl_config
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf.assembly.flatten import append_layered_page, import_page_form
from chalicelib.pdf.geometry import IDENTITY, Box
from chalicelib.pdf.reader import read_display

# ASCII-85 would make streams a quarter larger and slower to write.
rl_config.useA85 = 0


def draw_pdf(draw: Callable[[Canvas], object]) -> bytes:
    """Return the bytes of a PDF with the pages that `draw` makes on a canvas. Equal drawings give equal bytes."""
    target = io.BytesIO()
    canvas = Canvas(target, invariant=1, pageCompression=1)
    draw(canvas)
    canvas.save()
    return target.getvalue()


def draw_picture(canvas: Canvas, picture: Image.Image, box: Box) -> None:
    """Draw an RGB picture as a JPEG image into the box (left, bottom, right, top).

    The colors have the full resolution: with less, thin colored letters such as links become darker."""
    left, bottom, right, top = box
    encoded = io.BytesIO()
    picture.save(encoded, "JPEG", quality=85, subsampling=0)
    canvas.drawImage(ImageReader(encoded), left, bottom, right - left, top - bottom)


def draw_and_open(draw: Callable[[Canvas], object]) -> PdfReader:
    """Return a reader of a new PDF with the pages that `draw` makes on a canvas."""
    return PdfReader(io.BytesIO(draw_pdf(draw)))


def page_to_form(writer: PdfWriter, drawing: PdfReader, index: int) -> IndirectObject:
    """Copy the page `index` (from 0) of a drawing into the writer as a form XObject, and return the form's reference.

    A form XObject is a drawing that other pages can show."""
    page = drawing.pages[index]
    return import_page_form(writer, page, read_display(page))


def append_pages(writer: PdfWriter, drawing: PdfReader, start: int = 0, stop: int | None = None) -> None:
    """Append the pages of a drawing to the writer, from index `start` up to, but not including, `stop`."""
    for index in range(start, len(drawing.pages) if stop is None else stop):
        append_layered_page(
            writer, read_display(drawing.pages[index]), [(page_to_form(writer, drawing, index), IDENTITY)]
        )
