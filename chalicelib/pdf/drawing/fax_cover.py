"""The cover page of a fax to a provider: which clinic asks for signatures, and how to sign. It has no patient data."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from zoneinfo import ZoneInfo

from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf.drawing.page_flow import HEIGHT, WIDTH
from chalicelib.pdf.drawing.qr import MILLIMETRE, draw_qr
from chalicelib.pdf.fax_pages import COVER_PAGE, cover_link, page_link
from chalicelib.pdf.models import FaxCover, FaxOnline
from chalicelib.pdf.text.layout import BOLD, PLAIN, draw_text, draw_text_right, fit_size, wrap

_MARGIN = 54.0
_TEXT_WIDTH = WIDTH - 2 * _MARGIN
_PADDING = 18.0
_QR = 32 * MILLIMETRE
MARK = 25 * MILLIMETRE
"""The width of the QR code on each page of a fax, in points without the quiet zone."""

_SECURE_PAGE = 200.0
_ROW = 23.0
_OPEN_THERE = (
    "Or use the secure page",
    (
        "Read and print it there, and upload a photo or scan of the signed page. "
        "With an account, log in first to add the document to your list and sign it online."
    ),
)
_SIGN_THERE = (
    "Or sign on your phone",
    (
        "Read it there, then sign or decline it on your phone, without an account. "
        "With an account, log in first to add the document to your list."
    ),
)
_EACH_CODE = (
    "and enter the document's code from the list above. Each code opens its document only. Read and print it there, "
    "and upload a photo or scan of the signed page. With an account, log in first to sign it online."
)
_CONFIDENTIAL = (
    "Confidential. This fax contains protected health information and is intended only for the person named "
    "above. If you received it by mistake, please call the sender right away and destroy every page. You may "
    "not read, copy or distribute it."
)


def _draw_fitted(canvas: Canvas, x: float, y: float, text: str, *, face: str, size: float, limit: float) -> None:
    draw_text(canvas, x, y, text, face=face, size=fit_size(text, face, limit, largest=size, smallest=1))


def _draw_paragraph(canvas: Canvas, x: float, y: float, text: str, *, size: float, limit: float) -> float:
    """Draw a text in lines of at most `limit` points, the first line below `y`; return the y below the last line."""
    for line in wrap(text, PLAIN, size, limit):
        y -= size * 1.35
        draw_text(canvas, x, y + 0.3 * size, line, size=size)
    return y


def format_day(day: date) -> str:
    """Return a day as people write it: `December 20, 2026`."""
    return f"{day:%B} {day.day}, {day.year}"


def _draw_letterhead(canvas: Canvas, cover: FaxCover) -> None:
    top = HEIGHT - 62
    _draw_fitted(canvas, _MARGIN, top, cover.practice_name, face=BOLD, size=21, limit=_TEXT_WIDTH - 110)
    phone = [f"Phone {cover.practice_phone}"] if cover.practice_phone else []
    numbers = "  ·  ".join([*phone, f"Fax {cover.return_fax}"])
    _draw_fitted(canvas, _MARGIN, top - 20, numbers, face=PLAIN, size=12.5, limit=_TEXT_WIDTH - 110)
    draw_text_right(canvas, WIDTH - _MARGIN, top - 14, "FAX", face=BOLD, size=44)
    if cover.is_reminder:
        _draw_reminder(canvas, top - 50)
    canvas.setLineWidth(2.5)
    canvas.line(_MARGIN, top - 36, WIDTH - _MARGIN, top - 36)


def _draw_reminder(canvas: Canvas, top: float) -> None:
    """Draw the word REMINDER in a box at the right margin. `top` is the upper edge of the box."""
    width, height = 151.0, 36.0
    canvas.setLineWidth(2.5)
    canvas.rect(WIDTH - _MARGIN - width, top - height, width, height)
    draw_text_right(canvas, WIDTH - _MARGIN - 14, top - 27, "REMINDER", face=BOLD, size=27)


def _draw_addresses(canvas: Canvas, cover: FaxCover, pages: int) -> float:
    """Draw the rows at the top of a fax's cover, from *To* to *Pages*. Return the y of the line below the rows."""
    due = [("Due", format_day(cover.due_on), BOLD)] if cover.due_on else []
    rows = (
        ("To", cover.provider_name, BOLD),
        ("Fax", cover.provider_fax, PLAIN),
        ("Date", format_day(cover.sent_at.astimezone(ZoneInfo(cover.time_zone))), PLAIN),
        *due,
        ("Pages", f"{pages + 1} including cover", PLAIN),
    )
    y, limit = HEIGHT - 124.0, _TEXT_WIDTH - (240 if cover.is_reminder else 62)
    for label, value, face in rows:
        draw_text(canvas, _MARGIN, y, label, size=12.5)
        _draw_fitted(canvas, _MARGIN + 62, y, value, face=face, size=12.5, limit=limit)
        y -= 19
    canvas.setLineWidth(0.75)
    canvas.line(_MARGIN, y + 6, WIDTH - _MARGIN, y + 6)
    return y + 6


def _count_pages(pages: int) -> str:
    return "1 page" if pages == 1 else f"{pages} pages"


def _draw_invitation(canvas: Canvas, y: float, pages: int, *, online: bool) -> float:
    draw_text(canvas, _MARGIN, y - 34, "A document is waiting for your signature", face=BOLD, size=20)
    how = "Sign and return it one of two ways:" if online else "Please sign it and fax it back."
    draw_text(canvas, _MARGIN, y - 54, f"The document follows ({_count_pages(pages)}). {how}", size=12.5)
    return y - 72


def _draw_frame(canvas: Canvas, y: float, height: float, heading: str) -> float:
    """Draw a frame across the page with a heading; `y` is its top edge. Return the y below the heading."""
    canvas.setLineWidth(1)
    canvas.roundRect(_MARGIN, y - height, _TEXT_WIDTH, height, 5)
    draw_text(canvas, _MARGIN + _PADDING, y - 28, heading, face=BOLD, size=15)
    return y - 38


def _draw_steps(canvas: Canvas, y: float, steps: tuple[str, ...], limit: float) -> float:
    for number, step in enumerate(steps, start=1):
        draw_text(canvas, _MARGIN + _PADDING, y - 13.1, f"{number}.", size=12.5)
        y = _draw_paragraph(canvas, _MARGIN + _PADDING + 18, y, step, size=12.5, limit=limit - 18) - 3
    return y


def _draw_by_hand(canvas: Canvas, y: float, cover: FaxCover, pages: int) -> float:
    inner = _TEXT_WIDTH - 2 * _PADDING
    below = _draw_frame(canvas, y, 140, "Sign by hand")
    what = "the page" if pages == 1 else f"all {pages} pages"
    steps = (
        "Sign and date the document where it asks for your signature.",
        f"Fax {what} back, with the QR code at the bottom fully visible, to",
    )
    below = _draw_steps(canvas, below, steps, inner)
    _draw_fitted(canvas, _MARGIN + _PADDING + 18, below - 30, cover.return_fax, face=BOLD, size=28, limit=inner - 18)
    return y - 140 - 16


def _draw_online(canvas: Canvas, y: float, cover: FaxCover, online: FaxOnline) -> None:
    limit = _TEXT_WIDTH - 2 * _PADDING - _QR - 24
    x = _MARGIN + _PADDING
    link = cover_link(cover.link_stem, online.code)
    heading, uses = _SIGN_THERE if online.signs_there else _OPEN_THERE
    below = _draw_frame(canvas, y, _SECURE_PAGE, heading)
    below = _draw_paragraph(canvas, x, below, "Scan the QR code with your phone, or go to", size=12.5, limit=limit)
    _draw_fitted(canvas, x, below - 17, online.address, face=BOLD, size=16, limit=limit)
    below = _draw_paragraph(canvas, x, below - 26, "and enter this code:", size=12.5, limit=limit)
    _draw_fitted(canvas, x, below - 36, online.code, face=BOLD, size=36, limit=limit)
    _draw_paragraph(canvas, x, y - 152, uses, size=11, limit=_TEXT_WIDTH - 2 * _PADDING)
    draw_qr(canvas, WIDTH - _MARGIN - _PADDING - _QR, y - 82 - _QR / 2, _QR, link)


def _draw_footer(canvas: Canvas, cover: FaxCover, contents: str, *, mark: bool) -> None:
    """Draw the foot of a cover. `mark` adds a QR code, by which the portal recognizes the cover if it is faxed back."""
    if cover.online is not None:
        report = f"Not your patient? Report it at {cover.online.address}/report with the code above."
        limit = _TEXT_WIDTH - (MARK + 16 if mark else 0)
        _draw_fitted(canvas, _MARGIN, 116, report, face=BOLD, size=12.5, limit=limit)
    canvas.setLineWidth(0.75)
    canvas.line(_MARGIN, 104, WIDTH - _MARGIN, 104)
    _draw_paragraph(canvas, _MARGIN, 98, _CONFIDENTIAL, size=10.5, limit=_TEXT_WIDTH)
    draw_text_right(canvas, WIDTH - _MARGIN, 40, contents, size=10.5)
    if mark:
        draw_qr(canvas, WIDTH - _MARGIN - MARK, 116, MARK, page_link(cover.link_stem, COVER_PAGE))
    canvas.showPage()


def _start_page(canvas: Canvas, cover: FaxCover, pages: int) -> float:
    """Draw the top of a fax's cover: the clinic's letterhead and the rows from *To* to *Pages*. Return the y below
    them."""
    canvas.setPageSize((WIDTH, HEIGHT))
    canvas.setFillGray(0)
    canvas.setStrokeGray(0)
    _draw_letterhead(canvas, cover)
    return _draw_addresses(canvas, cover, pages)


def draw_cover(canvas: Canvas, cover: FaxCover, pages: int) -> None:
    y = _start_page(canvas, cover, pages)
    y = _draw_invitation(canvas, y, pages, online=cover.online is not None)
    y = _draw_by_hand(canvas, y, cover, pages)
    if cover.online is not None:
        _draw_online(canvas, y, cover, cover.online)
    # The link for a phone is the only other code of the cover.
    _draw_footer(canvas, cover, f"Document {cover.short_code}", mark=cover.online is None)


def draw_joint_cover(canvas: Canvas, documents: Sequence[tuple[FaxCover, int]]) -> None:
    """Draw the cover page of a fax with several documents of one practice: a list of them, each with its own code.

    `documents` are the contents that each document's own cover would have, and its number of pages. If the cover is
    faxed back, the portal takes it for the cover of the first document."""
    covers, several = [cover for cover, _ in documents], f"{len(documents)} documents"
    names = list(dict.fromkeys(cover.provider_name for cover in covers))
    to = names[0] if len(names) == 1 else f"{names[0]}, and others named below"
    is_reminder = all(cover.is_reminder for cover in covers)
    joint = replace(covers[0], provider_name=to, due_on=None, is_reminder=is_reminder)
    y = _start_page(canvas, joint, sum(pages for _, pages in documents))
    draw_text(canvas, _MARGIN, y - 34, f"{several} are waiting for signature", face=BOLD, size=20)
    y = _draw_list(canvas, y - 48, documents, name_each=len(names) > 1)
    _draw_joint_steps(canvas, y, joint)
    _draw_footer(canvas, joint, several, mark=True)


def _draw_list(canvas: Canvas, y: float, documents: Sequence[tuple[FaxCover, int]], *, name_each: bool) -> float:
    """Draw a row for each document of a fax with several documents, with its code. Return the y below the list.

    With `name_each`, a row also names the provider, because the documents are for several providers."""
    for number, (cover, pages) in enumerate(documents, start=1):
        y -= _ROW
        row = f"{number}. {_describe(cover, pages, name_each=name_each)}"
        code = cover.online.code if cover.online else ""
        _draw_fitted(canvas, _MARGIN, y, row, face=PLAIN, size=12.5, limit=_TEXT_WIDTH - (150 if code else 0))
        draw_text_right(canvas, WIDTH - _MARGIN, y, code, face=BOLD, size=14)
        canvas.setLineWidth(0.4)
        canvas.line(_MARGIN, y - 7, WIDTH - _MARGIN, y - 7)
    return y - 7


def _describe(cover: FaxCover, pages: int, *, name_each: bool) -> str:
    """Return a document's row on the cover of several documents: `Plan of care, 3 pages, due 12/20 (TJ4K-9Q2P)`.

    With `name_each`, the row also names the provider."""
    reminder = "REMINDER: " if cover.is_reminder else ""
    name = f" for {cover.provider_name}" if name_each else ""
    due = f", due {cover.due_on.month}/{cover.due_on.day}" if cover.due_on else ""
    return f"{reminder}{cover.kind}{name}, {_count_pages(pages)}{due} ({cover.short_code})"


def _draw_joint_steps(canvas: Canvas, y: float, cover: FaxCover) -> None:
    """Draw on the cover of several documents how to return them: by fax, or on the portal's page."""
    limit = _TEXT_WIDTH - MARK - 24
    text = "Sign and date each document. Fax all pages back, with the QR codes fully visible, to"
    below = _draw_paragraph(canvas, _MARGIN, y - 6, text, size=12.5, limit=_TEXT_WIDTH)
    _draw_fitted(canvas, _MARGIN, below - 26, cover.return_fax, face=BOLD, size=24, limit=_TEXT_WIDTH)
    if cover.online is None:
        return
    where = "Or scan the QR code on a document's page, or go to"
    below = _draw_paragraph(canvas, _MARGIN, below - 36, where, size=12.5, limit=limit)
    _draw_fitted(canvas, _MARGIN, below - 17, cover.online.address, face=BOLD, size=16, limit=limit)
    _draw_paragraph(canvas, _MARGIN, below - 22, _EACH_CODE, size=11, limit=limit)
