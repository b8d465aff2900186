"""The assembly of a copy that was signed on paper and came back by fax: scanned pages, and pages of the original.

The scanned pages become pictures, so nothing else in the file of a fax reaches the sealed file."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image
from pypdf import PdfWriter
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf.assembly.assemble import append_as_shown, center_on_sheet, draw_with_certificate, make_seed
from chalicelib.pdf.assembly.flatten import letter_page, write_pdf
from chalicelib.pdf.assembly.pictures import open_as_shown
from chalicelib.pdf.assembly.reportlab_pages import append_pages, draw_and_open
from chalicelib.pdf.fax_reading import draw_upright
from chalicelib.pdf.models import CertificateFacts, FaxedSheet

_POINTS_PER_DOT = 72 / 204
_TO_GRAY = [(value + 8) // 17 * 17 for value in range(256)]
"""A table from 256 to 16 levels of gray, with which a page of a fax needs half as many bytes."""


def assemble_faxed_copy(
    original: bytes, faxes: Sequence[bytes], sheets: Sequence[FaxedSheet], certificate: CertificateFacts
) -> bytes:
    """Return the PDF of a copy that came back by fax: its sheets in the given order, and a certificate page.

    `faxes` are the files of the received faxes. Equal input gives equal bytes. Raise `PdfRefused` (damaged) for an
    unreadable original or fax."""
    shown, writer = open_as_shown(original), PdfWriter()
    scanned = [FaxedSheet(index, sheet.number) for index in range(len(faxes)) for sheet in sheets if sheet.fax == index]
    scans = draw_and_open(lambda canvas: _draw_scans(canvas, faxes, scanned))
    places = {sheet: index for index, sheet in enumerate(scanned)}
    for sheet in sheets:
        if sheet.fax is None:
            append_as_shown(writer, shown.pages[sheet.number - 1])
        else:
            append_pages(writer, scans, places[sheet], places[sheet] + 1)
    append_pages(writer, draw_with_certificate(None, None, certificate))
    seed = make_seed(original, *faxes, sheets, certificate)
    return write_pdf(writer, title=certificate.title, at=certificate.decided_at, seed=seed)


def _draw_scans(canvas: Canvas, faxes: Sequence[bytes], scanned: Sequence[FaxedSheet]) -> None:
    """Draw the pictures of the scanned sheets on the canvas, fax by fax, because each fax is opened once."""
    for index, data in enumerate(faxes):
        for picture in draw_upright(data, [sheet.number for sheet in scanned if sheet.fax == index]):
            _draw_on_letter(canvas, picture)


def _draw_on_letter(canvas: Canvas, picture: Image.Image) -> None:
    """Draw a picture on a new Letter page, in its size at 204 dots per inch, or smaller if it is too large."""
    width, height = (side * _POINTS_PER_DOT for side in picture.size)
    sheet = letter_page(landscape=width > height).size
    scale, _, _, _, left, bottom = center_on_sheet((width, height), sheet)
    canvas.setPageSize(sheet)
    canvas.drawImage(ImageReader(picture.point(_TO_GRAY)), left, bottom, width * scale, height * scale)
    canvas.showPage()
