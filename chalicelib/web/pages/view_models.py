"""The values that pages show about a document: its dates in the practice's time zone, and its page images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import accumulate, zip_longest

from chalicelib.domain.certification.rules import PLANS, local_day
from chalicelib.domain.documents import Document
from chalicelib.services.labels import KINDS
from chalicelib.services.pdf_jobs.page_images import WIDTHS, page_key
from chalicelib.services.ports import Files

IMAGE_SECONDS = 600
PREPARED_WITHIN = timedelta(minutes=10)
"""Time after sending during which a page waits for page images. Later the page offers the PDF instead."""

MAX_TEXT_ON_PAGE = 24_000
"""Maximum number of characters of text shown with the page images. A longer document has a text page."""

SOON_DAYS = 7
REFRESH_SECONDS = 3

LETTER = (612.0, 792.0)
_POINTS_TO_PIXELS = 2


@dataclass(frozen=True)
class Due:
    """A due date in words, such as `Due in 5 days`. `tone` is a tone of the pill macro in `macros.html`."""

    words: str
    tone: str
    late: bool


@dataclass(frozen=True)
class Row:
    """A document in the pending or past list, with its dates in the practice's time zone."""

    document: Document
    sent_on: date
    due: Due

    @property
    def label(self) -> str:
        """Return the document's kind and title, to distinguish two plans of one patient.

        If the title begins with the kind, return the title alone."""
        kind, title = KINDS[self.document.kind], self.document.title
        return title if title.casefold().startswith(kind.casefold()) else f"{kind}: {title}"


@dataclass(frozen=True)
class PageImage:
    """A page of the original: the URLs of its two images, and the size in pixels to reserve for them.

    `ready` means that the images exist, and `broken` that the page cannot be rendered. `text` is the text
    of the page, empty for a scanned page, or None if the text is not shown with the images."""

    number: int
    width: int
    height: int
    small: str
    large: str
    ready: bool
    broken: bool
    text: str | None = None
    token: str = ""


def make_row(document: Document, now: datetime) -> Row:
    return Row(document, local_day(document.sent_at, document), describe_due_date(document, now))


def group_by_practice(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    """Return each practice's name with its rows. Practices and rows have the order of `rows`."""
    groups: dict[str, tuple[str, list[Row]]] = {}
    for row in rows:
        practice = row.document.practice
        groups.setdefault(row.document.practice_id, (practice.name, []))[1].append(row)
    return list(groups.values())


def describe_due_date(document: Document, now: datetime) -> Due:
    """Return the due date in words, counted from today's date at the practice."""
    days = (document.due_on - local_day(now, document)).days
    if days < 0:
        what = "certification due" if document.kind in PLANS else "due"
        return Due(f"Past due ({what} {document.due_on:%b} {document.due_on.day})", "late", late=True)
    if days <= 1:
        return Due("Due tomorrow" if days else "Due today", "soon", late=False)
    return Due(f"Due in {days} days", "soon" if days <= SOON_DAYS else "neutral", late=False)


def list_page_images(document: Document, files: Files, texts: Sequence[str] | None = None) -> list[PageImage]:
    """Return all pages of the original. Pages have text until all texts exceed `MAX_TEXT_ON_PAGE` characters."""
    images = [_make_page_image(document, number, files) for number in range(1, document.original.pages + 1)]
    lengths = accumulate(len(text) for text in texts or ())
    shown = [text for text, length in zip(texts or (), lengths, strict=False) if length <= MAX_TEXT_ON_PAGE]
    return [replace(image, text=text) for image, text in zip_longest(images, shown) if image]


def are_pages_ready(document: Document) -> bool:
    return (document.pages_ready or 0) >= document.original.pages


def is_preparing(document: Document, now: datetime) -> bool:
    """Return True if page images are missing and the document was sent less than `PREPARED_WITHIN` ago."""
    return not are_pages_ready(document) and now < document.sent_at + PREPARED_WITHIN


def _make_page_image(document: Document, number: int, files: Files) -> PageImage:
    sizes = document.original.page_sizes
    size = sizes[number - 1] if number <= len(sizes) else LETTER
    width, height = (round(side * _POINTS_TO_PIXELS) for side in size)
    broken = number in document.broken_pages
    ready = number <= (document.pages_ready or 0) and not broken
    keys = [page_key(document.id, number, pixels) for pixels in WIDTHS]
    small, large = (files.url(key, seconds=IMAGE_SECONDS) if ready else "" for key in keys)
    return PageImage(number, width, height, small, large, ready=ready, broken=broken)


def refresh_header(*, waiting: bool) -> Mapping[str, str]:
    """Return the `Refresh` header of a page that waits for a background job, or no header if `waiting` is False."""
    return {"Refresh": str(REFRESH_SECONDS)} if waiting else {}
