"""The parts that two kinds of drawn pages share: certificates, and proofs that a plan reached its provider.

The parts are the header with the QR code, sections of rows, and the footer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf.drawing.page_flow import HEIGHT, WIDTH, Flow
from chalicelib.pdf.drawing.qr import MILLIMETRE, draw_qr
from chalicelib.pdf.text.layout import BOLD, PLAIN, draw_text, draw_text_right, wrap

_MARGIN = 54.0
_CAPTION = 150.0
_QR = 25 * MILLIMETRE
INDENT = 118.0
"""The distance in points from the left edge to the values of `add_rows`."""


def start_flow() -> Flow:
    """Return empty Letter pages with the margins of a certificate, to which the caller adds content."""
    return Flow(left=_MARGIN, right=WIDTH - _MARGIN, top=HEIGHT - 48, bottom=56)


def add_header(flow: Flow, *, practice_name: str, title: str, statement: str, verify_url: str) -> None:
    """Add a header to the pages: practice, title and a statement at the left, and a QR code at the right.

    The QR code has the address `verify_url`, where anyone can check that the file is genuine."""
    limit = flow.width - _CAPTION - 12
    flow.lines(wrap(practice_name, PLAIN, 11, limit), x=flow.left, size=11, leading=15)
    flow.y -= 4
    flow.lines(wrap(title, BOLD, 21, limit), x=flow.left, face=BOLD, size=21, leading=26)
    flow.y -= 6
    flow.lines(wrap(statement, PLAIN, 11.5, limit), x=flow.left, size=11.5, leading=15.5)
    top = flow.top - 2
    flow.add(lambda canvas: draw_qr(canvas, flow.right - _QR, top - _QR, _QR, verify_url))
    link = verify_url.removeprefix("https://").removeprefix("http://")
    caption = ["Is this document genuine?", "Scan, or upload the file at:", *wrap(link, PLAIN, 9, _CAPTION)]
    for index, line in enumerate(caption):
        y = top - _QR - 12 - index * 10.5
        flow.add(partial(draw_text_right, x=flow.right, y=y, text=line, size=9))
    flow.y = min(flow.y, top - _QR - 12 - len(caption) * 10.5)


def add_rows(flow: Flow, heading: str, rows: Sequence[tuple[str, str | None]]) -> None:
    """Add a section with labels and values to the pages. Rows without a value are left out.

    A section without rows is left out too."""
    known = [(label, value) for label, value in rows if value]
    if known:
        flow.heading(heading, keep_with=16 * min(len(known), 3))
    for label, value in known:
        flow.row(label, value, indent=INDENT)


def group_digits(digest: str) -> str:
    """Return a hexadecimal hash with a space after every eight digits, so that people can compare it."""
    return " ".join(digest[start : start + 8] for start in range(0, len(digest), 8))


def draw_flow(canvas: Canvas, flow: Flow, *, document_id: str, name: str) -> None:
    """Draw the recorded pages on the canvas. Each footer has the document's id, `name` and the number of the page.

    `name` is the name of the sheet, such as a certificate."""
    for index, operations in enumerate(flow.pages, start=1):
        canvas.setPageSize((WIDTH, HEIGHT))
        canvas.setFillGray(0)
        canvas.setStrokeGray(0)
        for operation in operations:
            operation(canvas)
        canvas.setLineWidth(0.75)
        canvas.line(_MARGIN, 46, WIDTH - _MARGIN, 46)
        draw_text(canvas, _MARGIN, 33, f"Document ID {document_id}", size=9.5)
        draw_text_right(canvas, WIDTH - _MARGIN, 33, f"{name}, page {index} of {len(flow.pages)}", size=9.5)
        canvas.showPage()
