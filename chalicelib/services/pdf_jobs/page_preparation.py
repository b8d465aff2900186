"""The `prepare` job, which makes the page images and the page texts that a browser shows.

The PDF function, which has no AWS rights, makes the images (`services/pdf_function/page_rendering.py`)."""

from dataclasses import replace

from chalicelib.domain.documents import Document
from chalicelib.services.linked_files import source_link, upload_link
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.pdf_jobs.page_images import WIDTHS, pages_prefix, text_key
from chalicelib.services.pdf_requests import RenderedPages, RenderPages, UploadLink
from chalicelib.services.ports import Clock, Files, PdfFunction, Store
from chalicelib.services.transaction import Change, Job

_MAX_IMAGE_BYTES = 32 * 1024 * 1024
_MAX_TEXT_BYTES = 32 * 1024 * 1024


class PagePreparation:
    """Service that does the `prepare` jobs: it makes the images and the texts of a new document's pages.

    A job that runs twice writes the same objects again."""

    def __init__(self, *, store: Store, files: Files, pdf: PdfFunction, clock: Clock) -> None:
        self._store = store
        self._files = files
        self._pdf = pdf
        self._clock = clock

    def prepare(self, job: Job) -> None:
        """Store the image of every page at every width, and the text of every page.

        As soon as the first page is ready, the document's row says so, and a provider can begin to read."""
        document = self._store.document(job.document_id or "")
        if document is None:
            return
        pages, rendered = document.original.pages, RenderedPages(())
        if pages > 1:
            rendered = self._render(document, 1, 1)
            self._mark_ready(document.id, 1, rendered)
        others = self._render(document, min(2, pages), pages)
        rendered = RenderedPages(rendered.broken + others.broken, rendered.sliced + others.sliced)
        self._mark_ready(document.id, pages, rendered)

    def _render(self, document: Document, first: int, last: int) -> RenderedPages:
        """Store the images of these pages, and all texts with the last page."""
        images = upload_link(
            self._files, pages_prefix(document.id), content_type="image/", max_bytes=_MAX_IMAGE_BYTES, many=True
        )
        request = RenderPages(
            source=source_link(self._files, document.original.key, document.original.sha256),
            images=images,
            texts=self._text_upload(document.id) if last == document.original.pages else None,
            widths=WIDTHS,
            first=first,
            last=last,
        )
        return self._pdf.run(request, RenderedPages)

    def _text_upload(self, document_id: str) -> UploadLink:
        return upload_link(
            self._files, text_key(document_id), content_type="application/json", max_bytes=_MAX_TEXT_BYTES
        )

    def _mark_ready(self, document_id: str, pages: int, rendered: RenderedPages) -> None:
        """Store in the document's row how many pages are ready, which have no image, and which have several."""

        def step() -> None:
            document = self._store.document(document_id)
            if document is None or (document.pages_ready or 0) >= pages:
                return
            ready = replace(
                document,
                version=document.version + 1,
                pages_ready=pages,
                broken_pages=rendered.broken,
                sliced_pages=rendered.sliced,
            )
            self._store.commit(Change(at=self._clock.now(), documents=(ready,)))

        retry_on_conflict(step, retry_on=frozenset({"document"}))
