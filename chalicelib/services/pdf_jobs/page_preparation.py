"""The `prepare` job, which makes the page images and the page texts that a browser shows."""

import json
from collections.abc import Iterable
from dataclasses import replace
from itertools import cycle

from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.pdf_jobs.page_images import WIDTHS, page_key, text_key
from chalicelib.services.pdf_jobs.sandboxed_rendering import extract_texts, render_images
from chalicelib.services.ports import Clock, Files, Store
from chalicelib.services.transaction import Change, Job


class PagePreparation:
    """Service behind the `prepare` jobs. A job that runs twice writes the same objects again."""

    def __init__(self, *, store: Store, files: Files, clock: Clock) -> None:
        self._store = store
        self._files = files
        self._clock = clock

    def prepare(self, job: Job) -> None:
        """Store the image of every page at every width, and the text of every page.

        As soon as the first page is ready, the document is marked, so that a provider can begin to read."""
        document = self._store.document(job.document_id or "")
        if document is None:
            return
        data, pages = self._files.get(document.original.key), document.original.pages
        broken: list[int] = []
        for image, width in zip(render_images(data, WIDTHS, pages), cycle(WIDTHS), strict=False):
            if image.data is None:
                broken.append(image.number)
            else:
                self._files.put(page_key(document.id, image.number, width), image.data, image.media_type)
            if (image.number, width) == (1, WIDTHS[-1]):
                self._mark_ready(document.id, 1, broken)
        texts = json.dumps(extract_texts(data, pages)).encode()
        self._files.put(text_key(document.id), texts, "application/json")
        self._mark_ready(document.id, pages, broken)

    def _mark_ready(self, document_id: str, pages: int, broken: Iterable[int]) -> None:
        """Record on the document how many pages are ready, and the numbers of pages without an image."""

        def step() -> None:
            document = self._store.document(document_id)
            if document is None or (document.pages_ready or 0) >= pages:
                return
            ready = replace(
                document, version=document.version + 1, pages_ready=pages, broken_pages=tuple(sorted(set(broken)))
            )
            self._store.commit(Change(at=self._clock.now(), documents=(ready,)))

        retry_on_conflict(step, retry_on=frozenset({"document"}))
