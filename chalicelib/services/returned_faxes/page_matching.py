"""The match of the pages of a received fax with the documents of the practice that owns the fax number."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from chalicelib.domain.carriers.document_copies import CopyPage
from chalicelib.domain.carriers.received_faxes import PageMatch, ReceivedPage
from chalicelib.domain.documents import Document
from chalicelib.domain.status import Status
from chalicelib.pdf.fax_pages import COVER_PAGE, version_of
from chalicelib.services.pdf_requests import PageReading

_NAMELESS = frozenset({PageMatch.COVER, PageMatch.UNREADABLE, PageMatch.BLANK})
"""The pages that are of no document. A cover may have been faxed with other documents too."""

MAX_DOCUMENTS = 10
"""The most documents that one fax is matched with. Further pages wait for staff, because one transaction takes up all
documents."""


def named_documents(readings: Sequence[PageReading]) -> tuple[str, ...]:
    """Return the ids of the documents that the QR codes of a fax's pages name, in the order of the pages."""
    return tuple(dict.fromkeys(reading.document_id for reading in readings if reading.document_id))


def match_pages(
    readings: Sequence[PageReading], documents: Mapping[str, Document], practice_id: str
) -> tuple[ReceivedPage, ...]:
    """Return what each page of a received fax is, such as a page of one of the practice's documents.

    `readings` are the QR codes of the pages. `documents` has the documents that they name, as far as they exist. Only
    the documents of the practice with this id are matched, and at most `MAX_DOCUMENTS` of them."""
    pages: list[ReceivedPage] = []
    for reading in readings:
        page = _match_page(reading, documents.get(reading.document_id or ""), practice_id)
        pages.append(replace(page, match=_match_after(pages, page)))
    return tuple(pages)


def _match_after(earlier: Sequence[ReceivedPage], page: ReceivedPage) -> PageMatch:
    """Return the page's match in view of the earlier pages of the same fax, which may have the same page."""
    matched = [(other.document_id, other.page) for other in earlier if other.match is PageMatch.MATCHED]
    documents = {document_id for document_id, _ in matched}
    if page.match is not PageMatch.MATCHED:
        return page.match
    if page.document_id not in documents and len(documents) >= MAX_DOCUMENTS:
        return PageMatch.LEFT_OVER
    return PageMatch.DUPLICATE if (page.document_id, page.page) in matched else PageMatch.MATCHED


def _match_page(reading: PageReading, document: Document | None, practice_id: str) -> ReceivedPage:
    if reading.document_id is None:
        return ReceivedPage(number=reading.number, match=PageMatch.BLANK if reading.is_blank else PageMatch.UNREADABLE)
    if document is None or document.practice_id != practice_id:
        return ReceivedPage(number=reading.number, match=PageMatch.OTHER_PRACTICE)
    match = PageMatch.COVER if reading.page == COVER_PAGE else PageMatch.MATCHED
    is_current = document.status is not Status.RECALLED and reading.version == version_of(document.original.sha256)
    if not is_current or reading.page > document.original.pages:
        match = PageMatch.OLDER_VERSION
    return ReceivedPage(number=reading.number, match=match, document_id=document.id, page=reading.page)


def copy_pages(pages: Sequence[ReceivedPage], document_id: str) -> tuple[CopyPage, ...]:
    """Return the pages of a received fax that belong to this document, with their numbers in the document.

    A page that came twice is there twice, because the signature may be on either. If all readable pages are of this
    document, pages without a readable QR code belong to it too, without a number: the signature may be on such a page.
    With a page of another practice's document, they may be that practice's. The result is empty if no page is
    matched."""
    if document_id not in {page.document_id for page in pages if page.match is PageMatch.MATCHED}:
        return ()
    is_alone = {page.document_id for page in pages if page.match not in _NAMELESS} == {document_id}
    own = {PageMatch.MATCHED, PageMatch.DUPLICATE} | ({PageMatch.UNREADABLE} if is_alone else set())
    return tuple(
        CopyPage(number=page.number, page=page.page)
        for page in pages
        if page.match in own and page.document_id in (document_id, None)
    )
