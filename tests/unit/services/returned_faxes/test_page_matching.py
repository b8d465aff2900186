from dataclasses import replace

import pytest

from chalicelib.domain.carriers.document_copies import CopyPage
from chalicelib.domain.carriers.received_faxes import UNMATCHED, PageMatch, ReceivedPage
from chalicelib.domain.documents import Document
from chalicelib.domain.status import Status
from chalicelib.services.pdf_requests import PageReading
from chalicelib.services.returned_faxes.page_matching import MAX_DOCUMENTS, copy_pages, match_pages, named_documents
from tests.support.provider_fixtures import a_document

DOCUMENT = a_document()
DOCUMENT = replace(DOCUMENT, original=replace(DOCUMENT.original, sha256="9f86d0" * 10, pages=3))
OTHER = replace(DOCUMENT, id="doc_other")
FOREIGN = replace(DOCUMENT, id="doc_foreign", practice_id="prc_other")
STRAY = PageReading(number=1, is_blank=False)


def reading(number: int, page: int, document: Document = DOCUMENT, version: str = "9f86d0") -> PageReading:
    return PageReading(number=number, is_blank=False, document_id=document.id, version=version, page=page)


def match(*readings: PageReading, documents: tuple[Document, ...] = (DOCUMENT, OTHER, FOREIGN)) -> list[ReceivedPage]:
    found = {document.id: document for document in documents}
    return list(match_pages(readings, found, DOCUMENT.practice_id))


def test_pages_in_any_order_are_matched() -> None:
    assert match(reading(1, 3), reading(2, 1)) == [
        ReceivedPage(number=1, match=PageMatch.MATCHED, document_id=DOCUMENT.id, page=3),
        ReceivedPage(number=2, match=PageMatch.MATCHED, document_id=DOCUMENT.id, page=1),
    ]


def test_the_second_of_two_equal_pages_is_a_duplicate() -> None:
    pages = match(reading(1, 2), reading(2, 2), reading(3, 2, OTHER), reading(4, 2))
    expected = [PageMatch.MATCHED, PageMatch.DUPLICATE, PageMatch.MATCHED, PageMatch.DUPLICATE]
    assert [page.match for page in pages] == expected


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (reading(1, 0), PageMatch.COVER),
        (reading(1, 3), PageMatch.MATCHED),
        (reading(1, 4), PageMatch.OLDER_VERSION),
        (reading(1, 1, version="9f86d1"), PageMatch.OLDER_VERSION),
        (reading(1, 0, version="9f86d1"), PageMatch.OLDER_VERSION),
    ],
)
def test_the_page_and_the_version_decide(changed: PageReading, expected: PageMatch) -> None:
    assert [page.match for page in match(changed)] == [expected]


def test_a_page_of_a_recalled_document_is_an_older_version() -> None:
    recalled = replace(DOCUMENT, status=Status.RECALLED)
    (page,) = match(reading(1, 1), documents=(recalled,))
    assert (page.match, page.document_id) == (PageMatch.OLDER_VERSION, DOCUMENT.id)


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.RECALLED])
def test_a_page_of_any_other_document_is_matched(status: Status) -> None:
    (page,) = match(reading(1, 1), documents=(replace(DOCUMENT, status=status),))
    assert page.match is PageMatch.MATCHED


def test_another_practices_document_is_reported_without_its_id() -> None:
    assert match(reading(1, 1, FOREIGN), reading(2, 1, replace(DOCUMENT, id="doc_none"))) == [
        ReceivedPage(number=1, match=PageMatch.OTHER_PRACTICE),
        ReceivedPage(number=2, match=PageMatch.OTHER_PRACTICE),
    ]


def test_a_page_without_a_code_is_unreadable_or_blank() -> None:
    assert match(PageReading(number=1, is_blank=False), PageReading(number=2, is_blank=True)) == [
        ReceivedPage(number=1, match=PageMatch.UNREADABLE),
        ReceivedPage(number=2, match=PageMatch.BLANK),
    ]


def test_two_unreadable_pages_are_no_duplicates() -> None:
    assert [page.match for page in match(STRAY, replace_number(STRAY, 2))] == [PageMatch.UNREADABLE] * 2


def replace_number(page: PageReading, number: int) -> PageReading:
    return replace(page, number=number)


def test_each_named_document_is_looked_up_once() -> None:
    assert named_documents([reading(1, 1), STRAY, reading(2, 2), reading(3, 1, OTHER)]) == (DOCUMENT.id, OTHER.id)


def test_the_pages_of_an_eleventh_document_wait_for_staff() -> None:
    many = tuple(replace(DOCUMENT, id=f"doc_{number}") for number in range(1, MAX_DOCUMENTS + 2))
    readings = [reading(number, 1, document) for number, document in enumerate(many, start=1)]
    pages = match(*readings, reading(12, 2, many[0]), reading(13, 1, FOREIGN), documents=(*many, FOREIGN))
    assert [page.match for page in pages] == [
        *[PageMatch.MATCHED] * MAX_DOCUMENTS,
        PageMatch.LEFT_OVER,
        PageMatch.MATCHED,
        PageMatch.OTHER_PRACTICE,
    ]
    assert (pages[10].document_id, PageMatch.LEFT_OVER in UNMATCHED) == ("doc_11", True)
    assert copy_pages(pages, "doc_11") == ()


# The copy of one document


def test_a_copy_has_the_documents_pages_only() -> None:
    pages = match(reading(1, 2), reading(2, 1, OTHER), reading(3, 0), replace_number(STRAY, 4))
    assert copy_pages(pages, DOCUMENT.id) == (CopyPage(number=1, page=2),)
    assert copy_pages(pages, OTHER.id) == (CopyPage(number=2, page=1),)


def test_a_page_that_came_unsigned_and_then_signed_is_on_the_copy_twice() -> None:
    pages = match(reading(1, 3), reading(2, 1, OTHER), reading(3, 3))
    assert copy_pages(pages, DOCUMENT.id) == (CopyPage(number=1, page=3), CopyPage(number=3, page=3))
    assert copy_pages(pages, OTHER.id) == (CopyPage(number=2, page=1),)


def test_a_page_without_a_code_belongs_to_the_only_document() -> None:
    pages = match(reading(1, 2), replace_number(STRAY, 2), PageReading(number=3, is_blank=True))
    assert copy_pages(pages, DOCUMENT.id) == (CopyPage(number=1, page=2), CopyPage(number=2, page=None))


@pytest.mark.parametrize(
    "other", [reading(3, 1, FOREIGN), reading(3, 1, OTHER), reading(3, 1, OTHER, version="9f86d1")]
)
def test_a_page_without_a_code_may_be_of_any_document_of_the_fax(other: PageReading) -> None:
    pages = match(reading(1, 2), replace_number(STRAY, 2), other)
    assert copy_pages(pages, DOCUMENT.id) == (CopyPage(number=1, page=2),)


@pytest.mark.parametrize("other", [reading(3, 0, OTHER), reading(3, 1, version="9f86d1")])
def test_a_cover_and_an_older_version_are_of_no_other_document(other: PageReading) -> None:
    pages = match(reading(1, 2), replace_number(STRAY, 2), other)
    assert copy_pages(pages, DOCUMENT.id) == (CopyPage(number=1, page=2), CopyPage(number=2, page=None))


@pytest.mark.parametrize("readings", [(STRAY,), (reading(1, 0),), (reading(1, 9),), (reading(1, 1, FOREIGN),)])
def test_without_a_matched_page_there_is_no_copy(readings: tuple[PageReading, ...]) -> None:
    assert copy_pages(match(*readings), DOCUMENT.id) == ()
