"""The cover page of a fax to a provider: which clinic asks for a signature, and how to sign. It has no patient data."""

from datetime import date
from zoneinfo import ZoneInfo

from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf.drawing.page_flow import HEIGHT, WIDTH
from chalicelib.pdf.drawing.qr import MILLIMETRE, draw_qr
from chalicelib.pdf.fax_pages import COVER_PAGE, page_link
from chalicelib.pdf.models import FaxCover, FaxOnline
from chalicelib.pdf.text.layout import BOLD, PLAIN, draw_text, draw_text_right, fit_size, wrap

_MARGIN = 54.0
_TEXT_WIDTH = WIDTH - 2 * _MARGIN
_PADDING = 18.0
_QR = 32 * MILLIMETRE
MARK = 25 * MILLIMETRE
"""The width of the QR code on each page of a fax, in points without the quiet zone."""

_SECURE_PAGE = 200.0
_WHAT_FOR = (
    "Read and print it there, and upload a photo or scan of the signed page. With an account, log in first "
    "to add the document to your list and sign it online."
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


def _draw_invitation(canvas: Canvas, y: float, pages: int, *, online: bool) -> float:
    draw_text(canvas, _MARGIN, y - 34, "A document is waiting for your signature", face=BOLD, size=20)
    length = "1 page" if pages == 1 else f"{pages} pages"
    how = "Sign and return it one of two ways:" if online else "Please sign it and fax it back."
    draw_text(canvas, _MARGIN, y - 54, f"The document follows ({length}). {how}", size=12.5)
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
    link = page_link(cover.link_stem, COVER_PAGE)
    below = _draw_frame(canvas, y, _SECURE_PAGE, "Or use the secure page")
    below = _draw_paragraph(canvas, x, below, "Scan the QR code with your phone, or go to", size=12.5, limit=limit)
    _draw_fitted(canvas, x, below - 17, online.address, face=BOLD, size=16, limit=limit)
    below = _draw_paragraph(canvas, x, below - 26, "and enter this code:", size=12.5, limit=limit)
    _draw_fitted(canvas, x, below - 36, online.code, face=BOLD, size=36, limit=limit)
    _draw_paragraph(canvas, x, y - 152, _WHAT_FOR, size=11, limit=_TEXT_WIDTH - 2 * _PADDING)
    draw_qr(canvas, WIDTH - _MARGIN - _PADDING - _QR, y - 82 - _QR / 2, _QR, link)


def _draw_footer(canvas: Canvas, cover: FaxCover) -> None:
    canvas.setLineWidth(0.75)
    canvas.line(_MARGIN, 104, WIDTH - _MARGIN, 104)
    _draw_paragraph(canvas, _MARGIN, 98, _CONFIDENTIAL, size=10.5, limit=_TEXT_WIDTH)
    draw_text_right(canvas, WIDTH - _MARGIN, 40, f"Document {cover.short_code}", size=10.5)
    if cover.online is None:
        # The only code of this cover. From it, the portal recognizes the cover when it is faxed back.
        draw_qr(canvas, WIDTH - _MARGIN - MARK, 116, MARK, page_link(cover.link_stem, COVER_PAGE))


def draw_cover(canvas: Canvas, cover: FaxCover, pages: int) -> None:
    canvas.setPageSize((WIDTH, HEIGHT))
    canvas.setFillGray(0)
    canvas.setStrokeGray(0)
    _draw_letterhead(canvas, cover)
    y = _draw_addresses(canvas, cover, pages)
    y = _draw_invitation(canvas, y, pages, online=cover.online is not None)
    y = _draw_by_hand(canvas, y, cover, pages)
    if cover.online is not None:
        _draw_online(canvas, y, cover, cover.online)
        report = f"Not your patient? Report it at {cover.online.address}/report with the code above."
        _draw_fitted(canvas, _MARGIN, 116, report, face=BOLD, size=12.5, limit=_TEXT_WIDTH)
    _draw_footer(canvas, cover)
    canvas.showPage()
