"""Test the check of an uploaded scan before its sender confirms it, and the pictures of its pages."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import pytest

from chalicelib.domain.errors import FieldError, Invalid, Unavailable
from chalicelib.services.pdf_requests import RenderPages
from chalicelib.services.ports import StoredFileCorrupt
from chalicelib.services.review.scan_previews import MAX_SHOWN, ScanPicture, ScanPreview, ScanPreviews
from tests.support.fakes import FakeFiles, FakeInspector
from tests.support.pdf.fake_pdf import FakePdf
from tests.support.pdf.sample_pdfs import blank_pdf
from tests.support.provider_fixtures import a_document

KEY = "uploads/scans/doc_abcdef123456/scn_1"
DOCUMENT = a_document()


def previews(data: bytes, facts: Mapping[str, Any]) -> tuple[ScanPreviews, FakeFiles, FakeInspector]:
    files, inspector = FakeFiles({KEY: (data, "application/octet-stream")}), FakeInspector(facts)
    return ScanPreviews(files, inspector, FakePdf(files)), files, inspector


def of_pdf(pages: int) -> tuple[bytes, dict[str, Any]]:
    data = blank_pdf(pages=pages)
    return data, {"sha256": sha256(data).hexdigest(), "media_type": "application/pdf", "pages": pages}


def test_a_file_that_is_no_scan_is_refused_before_anybody_confirms_it() -> None:
    refusal = {"code": "not_a_scan", "detail": "A signed scan has to be a PDF, JPEG or PNG file."}
    service, files, inspector = previews(b"plain text", {"refused": refusal})
    with pytest.raises(Invalid, match=r"We couldn't accept your scan\.") as refused:
        service.make(DOCUMENT, KEY)
    assert refused.value.errors == (FieldError("scan", refusal["detail"]),)
    assert inspector.asked == [(KEY, "scan")]
    assert inspector.originals == [DOCUMENT.original.key]
    assert list(files.objects) == [KEY]


@pytest.mark.parametrize(
    "key",
    [
        "",
        "originals/doc_other/5ca4",
        "signed/doc_other/signed.pdf",
        "uploads/scans/doc_other/scn_1",
        f"{KEY}/../scn_1",
        "uploads/scans/doc_abcdef123456/scn_2",
    ],
)
def test_only_an_upload_for_the_document_is_inspected_and_drawn(key: str) -> None:
    service, files, inspector = previews(*of_pdf(1))
    if key != "uploads/scans/doc_abcdef123456/scn_2":
        files.put(key, blank_pdf(), "application/pdf")
    stored = list(files.objects)
    with pytest.raises(Invalid, match=r"We did not receive a file\.") as refused:
        service.make(DOCUMENT, key)
    assert refused.value.errors == (FieldError("scan", "Choose the file again."),)
    assert (inspector.asked, list(files.objects)) == ([], stored)


@pytest.mark.parametrize(("pages", "shown"), [(1, 1), (MAX_SHOWN, 5), (MAX_SHOWN + 1, 5)])
def test_the_first_pages_of_a_pdf_are_drawn(*, pages: int, shown: int) -> None:
    service, files, _ = previews(*of_pdf(pages))
    preview = service.make(DOCUMENT, KEY)
    keys = [f"uploads/scan-pages/scn_1/{number}-1000" for number in range(1, shown + 1)]
    pictures = tuple(ScanPicture(page, files.url(key, seconds=600)) for page, key in enumerate(keys, 1))
    assert preview == ScanPreview(pages=pages, sha256=sha256(files.get(KEY)).hexdigest(), pictures=pictures)
    assert preview.shown == shown
    assert list(files.objects) == [KEY, *keys]
    assert all(files.objects[key][1] == "image/png" for key in keys)


def test_a_photo_is_shown_as_it_is() -> None:
    service, files, _ = previews(b"a photo", {"sha256": "ab", "media_type": "image/jpeg", "pages": 1})
    assert service.make(DOCUMENT, KEY) == ScanPreview(
        pages=1, sha256="ab", pictures=(ScanPicture(1, files.url(KEY, seconds=600)),)
    )
    assert list(files.objects) == [KEY]


def test_a_page_that_cannot_be_drawn_has_no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    service, files, _ = previews(*of_pdf(3))
    monkeypatch.setattr(FakePdf, "run", lambda _self, _request, result: result(broken=(2,)))
    preview = service.make(DOCUMENT, KEY)
    assert preview.pictures == tuple(
        ScanPicture(page, files.url(f"uploads/scan-pages/scn_1/{page}-1000", seconds=600)) for page in (1, 3)
    )
    assert preview.shown == 2


def test_a_very_long_page_is_shown_to_its_bottom() -> None:
    data = blank_pdf(size=(612, 7200))
    service, files, _ = previews(
        data, {"sha256": sha256(data).hexdigest(), "media_type": "application/pdf", "pages": 1}
    )
    preview = service.make(DOCUMENT, KEY)
    assert (preview.shown, len(preview.pictures)) == (1, 3)
    names = ("1-1000", "1-1000-2", "1-1000-3")
    urls = [files.url(f"uploads/scan-pages/scn_1/{name}", seconds=600) for name in names]
    assert preview.pictures == tuple(ScanPicture(1, url) for url in urls)
    assert [f"uploads/scan-pages/scn_1/{name}" in files.objects for name in names] == [True] * 3


@pytest.mark.parametrize("error", [Unavailable("The function is busy."), StoredFileCorrupt("It was replaced.")])
def test_a_pdf_that_cannot_be_drawn_right_now_can_still_be_confirmed(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, facts = of_pdf(2)
    service, _, _ = previews(data, facts)

    def fail(_: FakePdf, request: RenderPages, __: type) -> None:
        assert (request.texts, request.images.fields["max_bytes"]) == (None, str(32 * 1024 * 1024))
        raise error

    monkeypatch.setattr(FakePdf, "run", fail)
    assert service.make(DOCUMENT, KEY) == ScanPreview(pages=2, sha256=facts["sha256"], pictures=())
