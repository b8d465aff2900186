"""The assembly of a copy that was signed on paper and came back by fax: scanned pages, and pages of the original.

The scanned pages become pictures, so nothing else in the file of a fax reaches the sealed file."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from itertools import count

from PIL import Image
from pypdf import PdfWriter
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf.assembly.assemble import append_as_shown, center_on_sheet, draw_with_certificate, make_seed
from chalicelib.pdf.assembly.flatten import letter_page, write_pdf
from chalicelib.pdf.assembly.pictures import open_as_shown
from chalicelib.pdf.assembly.reportlab_pages import append_pages, draw_and_open
from chalicelib.pdf.models import CertificateFacts, FaxedSheet

_POINTS_PER_DOT = 72 / 204


def assemble_faxed_copy(
    original: bytes, pictures: Mapping[FaxedSheet, bytes], sheets: Sequence[FaxedSheet], certificate: CertificateFacts
) -> bytes:
    """Return the PDF of a copy that came back by fax: its sheets in the given order, and a certificate page.

    `pictures` has a picture (PNG, gray) of each sheet that comes from a fax. Equal input gives equal bytes. Raise
    `KeyError` for a sheet without its picture, and `PdfRefused` (damaged) for an unreadable original."""
    shown, writer, places = open_as_shown(original), PdfWriter(), count()
    scanned = [pictures[sheet] for sheet in sheets if sheet.fax is not None]
    scans = draw_and_open(lambda canvas: _draw_scans(canvas, scanned))
    for sheet in sheets:
        if sheet.fax is None:
            append_as_shown(writer, shown.pages[sheet.number - 1])
        else:
            place = next(places)
            append_pages(writer, scans, place, place + 1)
    append_pages(writer, draw_with_certificate(None, None, certificate))
    seed = make_seed(original, *scanned, sheets, certificate)
    return write_pdf(writer, title=certificate.title, at=certificate.decided_at, seed=seed)


def _draw_scans(canvas: Canvas, scanned: Sequence[bytes]) -> None:
    for png in scanned:
        with Image.open(io.BytesIO(png), formats=("PNG",)) as picture:
            _draw_on_letter(canvas, picture)


def _draw_on_letter(canvas: Canvas, picture: Image.Image) -> None:
    """Draw a picture on a new Letter page, in its size at 204 dots per inch, or smaller if it is too large."""
    width, height = (side * _POINTS_PER_DOT for side in picture.size)
    sheet = letter_page(landscape=width > height).size
    scale, _, _, _, left, bottom = center_on_sheet((width, height), sheet)
    canvas.setPageSize(sheet)
    canvas.drawImage(ImageReader(picture.convert("L")), left, bottom, width * scale, height * scale)
    canvas.showPage()
