"""What pages show of a document: its dates in the practice's zone, and its page images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import accumulate, zip_longest
from zoneinfo import ZoneInfo

from chalicelib.domain.documents import Document, Kind
from chalicelib.services.labels import KINDS
from chalicelib.services.pdf_jobs.page_images import WIDTHS, page_key
from chalicelib.services.ports import Files

IMAGE_SECONDS = 600
FILE_SECONDS = 300
PREPARED_WITHIN = timedelta(minutes=10)
"""How long page images may take before the page offers the file instead of waiting."""

TEXT_BESIDE = 24_000
"""Characters of text that stand beside the pictures; a longer document has a page for its text."""

SOON = 7
"""Days before the due date from which a document is marked."""

REFRESH_SECONDS = 3
"""How often a page that waits for a job asks again. By a header, so that it needs no script."""

CERTIFIED_KINDS = frozenset({Kind.PLAN_OF_CARE, Kind.RECERTIFICATION})
"""The kinds of documents whose signature is a certification."""

LETTER = (612.0, 792.0)
_POINTS_TO_PIXELS = 2


@dataclass(frozen=True)
class Due:
    """`words` such as `Due in 5 days`; `tone` is a tone of the pill macro, `late` past its day."""

    words: str
    tone: str
    late: bool


@dataclass(frozen=True)
class Row:
    """A document in a list."""

    document: Document
    sent_on: date
    due: Due

    @property
    def named(self) -> str:
        """The kind, with the title where that says more: two plans of one patient are told apart by it."""
        kind, title = KINDS[self.document.kind], self.document.title
        return title if title.casefold().startswith(kind.casefold()) else f"{kind}: {title}"


@dataclass(frozen=True)
class PageImage:
    """A page: its images by width, and the size to keep free for them. No images: it cannot be shown.

    `text` is what it says, empty for a scan, None where that is not (or no longer) told on the same page.
    """

    number: int
    width: int
    height: int
    small: str
    large: str
    ready: bool
    broken: bool
    text: str | None = None


def row(document: Document, now: datetime) -> Row:
    return Row(document, local_day(document.sent_at, document), due(document, now))


def by_practice(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    """Name and rows of each practice, the one with what is due first on top."""
    groups: dict[str, tuple[str, list[Row]]] = {}
    for each in rows:
        card = each.document.practice
        groups.setdefault(each.document.practice_id, (card.name, []))[1].append(each)
    return list(groups.values())


def local_day(moment: datetime, document: Document) -> date:
    """The day it was at the practice."""
    return moment.astimezone(ZoneInfo(document.practice.time_zone)).date()


def due(document: Document, now: datetime) -> Due:
    """When it is due, said the way a person would."""
    days = (document.due_on - local_day(now, document)).days
    if days < 0:
        certification = "certification " if document.kind in CERTIFIED_KINDS else ""
        return Due(
            f"Past due ({certification}due {document.due_on:%b} {document.due_on.day})", "late", late=True
        )
    if days <= 1:
        return Due("Due tomorrow" if days else "Due today", "soon", late=False)
    return Due(f"Due in {days} days", "soon" if days <= SOON else "neutral", late=False)


def page_images(document: Document, files: Files, texts: Sequence[str] | None = None) -> list[PageImage]:
    """Every page of the original, with URLs good for `IMAGE_SECONDS` for those that are rendered."""
    images = [_page_image(document, number, files) for number in range(1, document.original.pages + 1)]
    told = accumulate(len(text) for text in texts or ())
    within = [text for text, so_far in zip(texts or (), told, strict=False) if so_far <= TEXT_BESIDE]
    return [replace(image, text=text) for image, text in zip_longest(images, within) if image]


def pages_prepared(document: Document) -> bool:
    return (document.pages_ready or 0) >= document.original.pages


def still_preparing(document: Document, now: datetime) -> bool:
    """Whether it is worth waiting for the page images."""
    return not pages_prepared(document) and now < document.sent_at + PREPARED_WITHIN


def _page_image(document: Document, number: int, files: Files) -> PageImage:
    sizes = document.original.page_sizes
    width, height = sizes[number - 1] if number <= len(sizes) else LETTER
    broken = number in document.broken_pages
    ready = number <= (document.pages_ready or 0) and not broken
    urls = [files.url(page_key(document.id, number, each), seconds=IMAGE_SECONDS) for each in WIDTHS if ready]
    small, large = urls if ready else ("", "")
    return PageImage(
        number=number,
        width=round(width * _POINTS_TO_PIXELS),
        height=round(height * _POINTS_TO_PIXELS),
        small=small,
        large=large,
        ready=ready,
        broken=broken,
    )


def refreshing(*, waiting: bool) -> Mapping[str, str]:
    """The header by which a page that waits shows by itself what it waits for."""
    return {"Refresh": str(REFRESH_SECONDS)} if waiting else {}
