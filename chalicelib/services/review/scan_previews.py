"""The check of an uploaded scan before its sender confirms the scan, and the pictures that show what was uploaded."""

import re
from contextlib import suppress
from dataclasses import dataclass

from chalicelib.domain.documents import Document
from chalicelib.domain.errors import FieldError, Invalid, Unavailable
from chalicelib.services.linked_files import source_link, upload_link
from chalicelib.services.pdf_requests import RenderedPages, RenderPages, image_name
from chalicelib.services.ports import Files, Inspector, PdfFunction, StoredFileCorrupt

MAX_SHOWN = 5
"""The most pages of a scan that are shown. A person waits for them, and the signature is on one of few pages."""

PICTURE_WIDTH = 1000
PICTURE_SECONDS = 600

_MAX_PICTURE_BYTES = 32 * 1024 * 1024
_NAME_PART = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PDF = "application/pdf"
_PICTURES = "uploads/scan-pages/"
"""The prefix of the pictures, which expire after a day like the uploads."""


@dataclass(frozen=True)
class ScanPicture:
    """A picture of a page of an upload: the page's number from 1, and a presigned URL."""

    page: int
    url: str


@dataclass(frozen=True, kw_only=True)
class ScanPreview:
    """An upload that the portal accepts as a scan: the number of its pages, and pictures in the order of the pages.

    `sha256` (hex) says which file is shown, since the sender could still replace the upload by another file.
    The pictures show at most the first `MAX_SHOWN` pages. A page that cannot be drawn has no picture, and a very long
    page has several, from its top to its bottom."""

    pages: int
    sha256: str
    pictures: tuple[ScanPicture, ...]

    @property
    def shown(self) -> int:
        """The number of pages that have pictures."""
        return len({picture.page for picture in self.pictures})


class ScanPreviews:
    """Service that checks an upload and shows it. Nothing is recorded before the sender has confirmed the upload."""

    def __init__(self, files: Files, inspector: Inspector, quick_pdf: PdfFunction) -> None:
        self._files = files
        self._inspector = inspector
        self._pdf = quick_pdf

    def make(self, document: Document, key: str) -> ScanPreview:
        """Return the preview of the upload with this S3 key.

        Raises `Invalid` with the field `scan` for a key that is no upload for this document, because a form can have
        the key of any file in the bucket, and for a file that is no scan of the signed document. The sender could still
        replace the upload, so the portal inspects the scan again when the sender confirms it."""
        check_upload(self._files, document.id, key)
        facts = self._inspector.inspect(key, "scan", original=document.original.key)
        if "refused" in facts:
            raise refused_scan(str(facts["refused"]["detail"]))
        pages, sha256 = int(facts["pages"]), str(facts["sha256"])
        is_pdf = facts.get("media_type") == _PDF
        pictures = self._draw(key, sha256, min(pages, MAX_SHOWN)) if is_pdf else (self._picture(1, key),)
        return ScanPreview(pages=pages, sha256=sha256, pictures=pictures)

    def _draw(self, key: str, sha256: str, pages: int) -> tuple[ScanPicture, ...]:
        """Write the pictures of the first `pages` of a PDF, and return them.

        The result is empty if the PDF cannot be drawn right now. The sender can still confirm the upload."""
        prefix = f"{_PICTURES}{key.rpartition('/')[2]}/"
        images = upload_link(self._files, prefix, content_type="image/", max_bytes=_MAX_PICTURE_BYTES, many=True)
        request = RenderPages(
            source=source_link(self._files, key, sha256),
            images=images,
            texts=None,
            widths=(PICTURE_WIDTH,),
            first=1,
            last=pages,
        )
        with suppress(Unavailable, StoredFileCorrupt):
            drawn = self._pdf.run(request, RenderedPages)
            slices = dict(drawn.sliced)
            return tuple(
                self._picture(page, prefix + image_name(page, PICTURE_WIDTH, piece))
                for page in range(1, pages + 1)
                if page not in drawn.broken
                for piece in range(1, slices.get(page, 1) + 1)
            )
        return ()

    def _picture(self, page: int, key: str) -> ScanPicture:
        return ScanPicture(page, self._files.url(key, seconds=PICTURE_SECONDS))


def refused_scan(detail: str) -> Invalid:
    """Return the error to raise for an upload that the portal does not accept. `detail` says why."""
    return Invalid("We couldn't accept your scan.", errors=[FieldError("scan", detail)])


def scan_prefix(document_id: str) -> str:
    """Return the S3 prefix of a document's uploaded scans, before inspection."""
    return f"uploads/scans/{document_id}/"


def has_upload(files: Files, document_id: str, key: str) -> bool:
    """Return True if the bucket has an upload for this document under that key."""
    prefix = scan_prefix(document_id)
    is_scan_key = key.startswith(prefix) and _NAME_PART.fullmatch(key.removeprefix(prefix)) is not None
    return is_scan_key and files.exists(key)


def check_upload(files: Files, document_id: str, key: str) -> None:
    """Raise `Invalid` with the field `scan` if the bucket has no upload for this document under that key."""
    if not has_upload(files, document_id, key):
        raise Invalid("We did not receive a file.", errors=[FieldError("scan", "Choose the file again.")])
