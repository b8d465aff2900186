"""Test the PDF to fax: its size is always reported, and a PDF that is too large is not written."""

import hashlib
import os

import pytest

from chalicelib.services.linked_files import source_link, upload_link
from chalicelib.services.pdf_function import fax_composition
from chalicelib.services.pdf_requests import ComposedFax, ComposeFax
from tests.support.fakes import FakeFiles
from tests.support.pdf.fake_pdf import FakeLinks
from tests.support.pdf.sample_pdfs import COVER

ORIGINAL, FAX = b"%PDF-1.7 original", b"%PDF-1.7 cover and original"


def composed(max_bytes: int) -> tuple[ComposedFax, FakeFiles]:
    files = FakeFiles()
    files.put("originals/1.pdf", ORIGINAL, "application/pdf")
    source = source_link(files, "originals/1.pdf", hashlib.sha256(ORIGINAL).hexdigest())
    target = upload_link(files, "work/fax.pdf", content_type="application/pdf", max_bytes=max_bytes)
    return fax_composition.compose(ComposeFax(source, target, COVER, max_bytes), FakeLinks(files)), files


@pytest.mark.parametrize(("max_bytes", "written"), [(len(FAX), [FAX]), (len(FAX) - 1, [])])
def test_a_fax_is_written_if_it_has_at_most_the_allowed_size(
    monkeypatch: pytest.MonkeyPatch, max_bytes: int, written: list[bytes]
) -> None:
    monkeypatch.setattr(
        fax_composition, "compose_fax", lambda _cover, original, _others: FAX if original == ORIGINAL else b""
    )
    result, files = composed(max_bytes)
    assert result == ComposedFax(len(FAX))
    assert [files.get(key) for key in files.keys("work/")] == written


def test_a_document_that_crashes_the_composition_has_no_fax(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fax_composition, "compose_fax", lambda *_: os._exit(9))
    result, files = composed(1000)
    assert (result, files.keys("work/")) == (ComposedFax(0), [])
