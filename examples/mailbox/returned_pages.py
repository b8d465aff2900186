"""The pages that a provider faxes back to a clinic: printed, signed with a pen, scanned and faxed."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from random import Random

import pypdfium2
from PIL import Image

from examples.mailbox import fax
from examples.mailbox.fax_damage import ACROSS, SHEET, draw_page, fax_back, print_page
from examples.mailbox.handwriting import Lines, beside, find_lines, write
from examples.mailbox.return_form import Order, PagesBack

_NO_LINES = beside((SHEET[0] // 5, SHEET[1] * 4 // 5))
"""The places of the writing on a page without a label *Signature*."""


@dataclass(frozen=True)
class _Page:
    """A page of the fax that came. `lines` is None without a label *Signature*."""

    picture: Image.Image
    lines: Lines | None


def compose_return(pdf: bytes, order: PagesBack, today: date, random: Random) -> bytes:
    """Return a PDF with the pages as the clinic's fax machine receives them. `pdf` is the fax that came.

    The provider writes on the last selected page with a label *Signature*, or else on the last selected page. Raises
    `fax.NoPages` if the pages cannot be drawn."""
    drawn = _draw(pdf, order.pages)
    signed = max((number for number, page in drawn.items() if page.lines), default=order.pages[-1])
    sheets = []
    for number in arrange(order.pages, order.order, random):
        paper = print_page(drawn[number].picture, order.damage.sent)
        if number == signed:
            paper = write(paper, order.writing, drawn[number].lines or _NO_LINES, today, random)
        sheets.append(fax_back(paper, order.damage, random).convert("1"))
    return _as_pdf(sheets, order.damage.returned)


def _draw(pdf: bytes, pages: Sequence[int]) -> Mapping[int, _Page]:
    """Return the pages with these numbers."""
    with fax.PDFIUM:
        try:
            with pypdfium2.PdfDocument(pdf) as document:
                opened = {number: document[number - 1] for number in pages}
                return {number: _Page(draw_page(page), find_lines(page)) for number, page in opened.items()}
        except pypdfium2.PdfiumError as problem:
            raise fax.NoPages("the fax cannot be printed") from problem


def arrange(pages: Sequence[int], order: Order, random: Random) -> Sequence[int]:
    """Return the numbers of the pages in the order in which they go back. Several shuffled pages always change
    places."""
    if order is Order.REVERSED:
        return pages[::-1]
    arranged = list(pages)
    while order is Order.SHUFFLED and len(arranged) > 1 and arranged == list(pages):
        random.shuffle(arranged)
    return arranged


def _as_pdf(sheets: Sequence[Image.Image], down: int) -> bytes:
    target = io.BytesIO()
    sheets[0].save(target, "PDF", save_all=True, append_images=sheets[1:], dpi=(ACROSS, down))
    return target.getvalue()
