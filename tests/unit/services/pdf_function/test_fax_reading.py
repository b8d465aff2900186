import hashlib
import os
from collections.abc import Iterator

import pytest

from chalicelib.pdf.fax_pages import FaxPage
from chalicelib.pdf.fax_reading import ScannedPage
from chalicelib.pdf.models import PdfRefused
from chalicelib.services.pdf_function import fax_reading
from chalicelib.services.pdf_jobs.linked_files import source_link, upload_link
from chalicelib.services.pdf_requests import FaxReadings, PageReading, ReadFax
from tests.support.fakes import FakeFiles
from tests.support.pdf.fake_pdf import FakePdf

DATA = b"%PDF-1.7 a fax"
SHA256 = hashlib.sha256(DATA).hexdigest()
PAGES = (
    ScannedPage(number=1, link=FaxPage("doc_1", "9f86d0", 2), is_blank=False, png=b"first"),
    ScannedPage(number=2, link=None, is_blank=True, png=b"second"),
)


@pytest.fixture
def files() -> FakeFiles:
    files = FakeFiles()
    files.put("evidence/faxes/prc_1/x", DATA, "application/pdf")
    return files


def run(files: FakeFiles) -> FaxReadings:
    request = ReadFax(
        source=source_link(files, "evidence/faxes/prc_1/x", SHA256),
        images=upload_link(files, "faxes/prc_1/fax_1/", content_type="image/", max_bytes=1000, many=True),
    )
    return FakePdf(files).run(request, FaxReadings)


def test_the_pages_are_returned_and_their_pictures_stored(files: FakeFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fax_reading, "read_fax", lambda _data: iter(PAGES))
    assert run(files) == FaxReadings(
        (
            PageReading(number=1, is_blank=False, document_id="doc_1", version="9f86d0", page=2),
            PageReading(number=2, is_blank=True),
        ),
        "",
    )
    assert files.objects["faxes/prc_1/fax_1/1"] == (b"first", "image/png")
    assert files.objects["faxes/prc_1/fax_1/2"] == (b"second", "image/png")


def test_a_refused_fax_has_the_reason_and_no_pages(files: FakeFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_data: bytes) -> Iterator[ScannedPage]:
        yield PAGES[0]
        raise PdfRefused("too_many_pages", "The fax is too long.")

    monkeypatch.setattr(fax_reading, "read_fax", refuse)
    assert run(files) == FaxReadings((), "The fax is too long.")


def test_a_page_that_crashes_the_reader_refuses_the_fax(files: FakeFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(_data: bytes) -> Iterator[ScannedPage]:
        yield PAGES[0]
        os._exit(9)

    monkeypatch.setattr(fax_reading, "read_fax", crash)
    assert run(files) == FaxReadings((), "The fax could not be read.")


def test_a_page_that_takes_too_long_refuses_the_fax(files: FakeFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    def spin(_data: bytes) -> Iterator[ScannedPage]:
        sum(iter(int, 1))
        yield PAGES[0]

    monkeypatch.setattr(fax_reading, "SECONDS", 0.1)
    monkeypatch.setattr(fax_reading, "read_fax", spin)
    assert run(files).refused == "The fax could not be read."


def test_a_page_that_takes_too_much_memory_refuses_the_fax(files: FakeFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    def swallow(_data: bytes) -> Iterator[ScannedPage]:
        yield ScannedPage(number=1, link=None, is_blank=False, png=bytes(fax_reading.MEMORY + 1))

    monkeypatch.setattr(fax_reading, "read_fax", swallow)
    assert run(files).refused == "The fax could not be read."
