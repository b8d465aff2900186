"""The pages of a proof of transmission, which shows that a plan of care reached its provider.

They have numbered sections with rows, a table of the attempts to reach the provider, and sentences."""

from __future__ import annotations

from functools import partial

from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf.drawing.page_flow import Flow
from chalicelib.pdf.drawing.sealed_page import INDENT, add_header, draw_flow, start_flow
from chalicelib.pdf.models import ProofSheet, SheetRow, SheetSection
from chalicelib.pdf.text.layout import BOLD, PLAIN, wrap, wrap_paragraphs

_COLUMNS = (0.0, 112.0, 262.0, 376.0)
"""The left edges of the table's columns, in points from the left edge of the text."""

_GAP = 10.0
_SIZE, _LEADING = 9.5, 12.0
_SMALL, _SMALL_LEADING = 9.0, 11.0
_BULLET = 12.0
_SENTENCE_LEADING = 13.2
_BAND = 0.92


def draw_proof(canvas: Canvas, sheet: ProofSheet) -> None:
    """Draw a proof of transmission (that a plan reached its provider) on as many new Letter pages as necessary."""
    flow = start_flow()
    add_header(
        flow,
        practice_name=sheet.practice_name,
        title="Proof of transmission",
        statement=sheet.statement,
        verify_url=sheet.verify_url,
    )
    for section in sheet.sections:
        _add_section(flow, section)
    draw_flow(canvas, flow, document_id=sheet.document_id, name="Proof of transmission")


def _add_section(flow: Flow, section: SheetSection) -> None:
    flow.heading(section.heading, keep_with=60)
    if section.statement:
        _add_statement(flow, section.statement)
    for label, value in section.rows:
        flow.row(label, value, indent=INDENT)
    if section.table:
        flow.y -= 4
        _add_columns(flow, section.columns)
    for row in section.table:
        _add_table_row(flow, section.columns, row)
    for sentence in section.sentences:
        _add_sentence(flow, sentence)


def _add_statement(flow: Flow, statement: str) -> None:
    """Add a statement in bold on a gray band to the pages in `flow`, which are drawn later."""
    lines = wrap(statement, BOLD, 11.5, flow.width - 2 * _GAP)
    height = 15.0 * len(lines) + _GAP
    flow.need(height + 8)
    flow.y -= 4
    flow.add(partial(_fill_band, x=flow.left, y=flow.y - height, width=flow.width, height=height))
    flow.y -= _GAP / 2
    flow.lines(lines, x=flow.left + _GAP, face=BOLD, size=11.5, leading=15)
    flow.y -= _GAP / 2 + 4


def _fill_band(canvas: Canvas, x: float, y: float, width: float, height: float) -> None:
    canvas.setFillGray(_BAND)
    canvas.rect(x, y, width, height, stroke=0, fill=1)
    canvas.setFillGray(0)


def _add_columns(flow: Flow, columns: tuple[str, ...]) -> None:
    """Add the headings of a table's columns, and a line below them, to the pages in `flow`, which are drawn later."""
    flow.y -= 12
    for x, text in zip(_COLUMNS, columns, strict=True):
        flow.text(flow.left + x, flow.y + 1, text, face=BOLD, size=10)
    flow.y -= 4
    flow.rule(weight=0.5)


def _add_table_row(flow: Flow, columns: tuple[str, ...], row: SheetRow) -> None:
    """Add a row of a table to the pages in `flow`, which are drawn later.

    If the page has no room for the row, the next page repeats the headings of the `columns`."""
    edges = (*_COLUMNS[1:], flow.width + _GAP)
    limits = [right - left - _GAP for left, right in zip(_COLUMNS, edges, strict=True)]
    cells = [wrap_paragraphs(text, PLAIN, _SIZE, limit) for text, limit in zip(row.cells, limits, strict=True)]
    below = wrap_paragraphs(row.below, PLAIN, _SMALL, flow.width)
    height = _LEADING * max(len(lines) for lines in cells)
    if flow.need(height + _SMALL_LEADING * min(len(below), 2) + 8):
        _add_columns(flow, columns)
    top = flow.y - 2
    for x, lines in zip(_COLUMNS, cells, strict=True):
        for index, line in enumerate(lines):
            flow.text(flow.left + x, top - _SIZE - index * _LEADING, line, size=_SIZE)
    flow.y = top - height - 1
    flow.lines(below, x=flow.left, size=_SMALL, leading=_SMALL_LEADING)
    flow.y -= 3
    flow.rule(weight=0.25)


def _add_sentence(flow: Flow, sentence: str) -> None:
    """Add a sentence after a bullet to the pages in `flow`, which are drawn later."""
    lines = wrap(sentence, PLAIN, 10.5, flow.width - _BULLET)
    flow.need(_SENTENCE_LEADING)
    flow.text(flow.left, flow.y - 0.76 * _SENTENCE_LEADING, "•", size=10.5)
    flow.lines(lines, x=flow.left + _BULLET, size=10.5, leading=_SENTENCE_LEADING)
    flow.y -= 1
