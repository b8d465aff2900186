"""The values that templates show about a document: its dates in the practice's time zone, and its page images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import accumulate, zip_longest
from typing import Any

from chalicelib.domain.certification.rules import PLANS, local_day
from chalicelib.domain.documents import Document
from chalicelib.domain.status import is_decidable
from chalicelib.services.labels import KINDS
from chalicelib.services.pdf_jobs.page_images import WIDTHS, page_key
from chalicelib.services.ports import Files

IMAGE_SECONDS = 600
PREPARED_WITHIN = timedelta(minutes=10)
"""How long after the sending of a document its page reloads until the page images are made.

Later, the page offers the PDF instead."""

MAX_TEXT_ON_PAGE = 24_000
"""The most characters of a PDF's text that the review page contains beside the page images, for screen readers.

A longer document also has a separate page with the text."""

SOON_DAYS = 7
REFRESH_SECONDS = 3

LETTER = (612.0, 792.0)
_POINTS_TO_PIXELS = 2


@dataclass(frozen=True)
class Due:
    """A document's due date in words, such as `Due in 5 days`, for a list of documents.

    `tone` (`late`, `soon` or `neutral`) chooses its color in `macros.html`."""

    words: str
    tone: str
    late: bool


@dataclass(frozen=True)
class Row:
    """One document in a provider's list of pending or past documents, with dates in the practice's time zone."""

    document: Document
    sent_on: date
    due: Due

    @property
    def label(self) -> str:
        """Return the text for the document in a list: its kind and title, such as `Plan of care: Knee, spring`.

        If the title begins with the kind, return the title alone."""
        kind, title = KINDS[self.document.kind], self.document.title
        return title if title.casefold().startswith(kind.casefold()) else f"{kind}: {title}"


@dataclass(frozen=True)
class ImagePair:
    """The URLs of a `small` and a `large` image of one page, or of one slice of a very long page."""

    small: str
    large: str


@dataclass(frozen=True)
class PageImage:
    """A page of the document's PDF as the review page shows it: the URLs of its images, and its size.

    The browser reserves `width` by `height` CSS pixels for the page. `slices` has one pair of images, several for a
    very long page (from the top), and none for a page without images. `ready` means that the images exist, and `broken`
    that the page cannot be rendered. `undrawn` means that a font of the page is missing, so that text may be missing.
    `text` is the text of the page, empty for a scanned page, or None if the review page does not contain it. `token` is
    what the form sends back to prove that the provider saw the page."""

    number: int
    width: int
    height: int
    slices: tuple[ImagePair, ...]
    ready: bool
    broken: bool
    undrawn: bool = False
    text: str | None = None
    token: str = ""


def make_row(document: Document, now: datetime) -> Row:
    return Row(document, local_day(document.sent_at, document), describe_due_date(document, now))


def describe_due_date(document: Document, now: datetime) -> Due:
    """Return the document's due date in words, counted from today's date in the practice's time zone."""
    days = (document.due_on - local_day(now, document)).days
    if days < 0:
        what = "certification due" if document.kind in PLANS else "due"
        return Due(f"Past due ({what} {document.due_on:%b} {document.due_on.day})", "late", late=True)
    if days <= 1:
        return Due("Due tomorrow" if days else "Due today", "soon", late=False)
    return Due(f"Due in {days} days", "soon" if days <= SOON_DAYS else "neutral", late=False)


def describe_document(document: Document, now: datetime) -> dict[str, Any]:
    """Return the values and the `headers` that every page with a document's page images needs, besides the images.

    `prepared` means that all images exist. `waiting` means that missing images are still expected, so the page of an
    undecided document reloads."""
    waiting = is_decidable(document.status) and _is_preparing(document, now)
    return {
        "headers": refresh_header(waiting=waiting),
        "document": document,
        "prepared": document.are_pages_ready,
        "waiting": waiting,
        "due": describe_due_date(document, now),
        "sent_on": local_day(document.sent_at, document),
    }


def list_page_images(document: Document, files: Files, texts: Sequence[str] | None = None) -> list[PageImage]:
    """Return all pages of the document's PDF for the review page, with presigned URLs of their images.

    The first pages also get their text from `texts`, up to `MAX_TEXT_ON_PAGE` characters in total."""
    images = [_make_page_image(document, number, files) for number in range(1, document.original.pages + 1)]
    lengths = accumulate(len(text) for text in texts or ())
    shown = [text for text, length in zip(texts or (), lengths, strict=False) if length <= MAX_TEXT_ON_PAGE]
    return [replace(image, text=text) for image, text in zip_longest(images, shown) if image]


def _is_preparing(document: Document, now: datetime) -> bool:
    """Return True if page images are missing and are still expected.

    They are expected for `PREPARED_WITHIN` after the document was sent."""
    return not document.are_pages_ready and now < document.sent_at + PREPARED_WITHIN


def _make_page_image(document: Document, number: int, files: Files) -> PageImage:
    sizes = document.original.page_sizes
    size = sizes[number - 1] if number <= len(sizes) else LETTER
    width, height = (round(side * _POINTS_TO_PIXELS) for side in size)
    broken = number in document.broken_pages
    ready = number <= (document.pages_ready or 0) and not broken
    count = dict(document.sliced_pages).get(number, 1) if ready else 0
    slices = tuple(_make_pair(document, number, piece, files) for piece in range(1, count + 1))
    undrawn = number in document.undrawn_pages
    return PageImage(number, width, height, slices, ready=ready, broken=broken, undrawn=undrawn)


def _make_pair(document: Document, number: int, piece: int, files: Files) -> ImagePair:
    keys = [page_key(document.id, number, pixels, piece) for pixels in WIDTHS]
    return ImagePair(*(files.url(key, seconds=IMAGE_SECONDS) for key in keys))


def refresh_header(*, waiting: bool) -> Mapping[str, str]:
    """Return the `Refresh` header, by which a page reloads after `REFRESH_SECONDS`, or no header if not `waiting`.

    A page waits if a background job is still making its images or file."""
    return {"Refresh": str(REFRESH_SECONDS)} if waiting else {}
