"""The `prepare` job: pictures and text of a document's pages, for reading on a screen."""

import json
from collections.abc import Iterable
from dataclasses import replace
from itertools import cycle
from typing import Protocol

from chalicelib.domain.documents import Document
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.pdf_jobs.page_images import WIDTHS, page_key, text_key
from chalicelib.services.pdf_jobs.sandboxed_rendering import extract_texts, render_images
from chalicelib.services.ports import Clock, Files, Store
from chalicelib.services.transaction import Change, Job


class Parts(Protocol):
    @property
    def store(self) -> Store: ...
    @property
    def files(self) -> Files: ...
    @property
    def clock(self) -> Clock: ...


def prepare(job: Job, parts: Parts) -> None:
    """Renders every page; run twice, it writes the same objects again.

    The first page is announced as soon as it is there, so that reading can begin.
    """
    document = parts.store.document(job.document_id or "")
    if document is None:
        return
    data, pages = parts.files.get(document.original.key), document.original.pages
    broken: list[int] = []
    for image, width in zip(render_images(data, WIDTHS, pages), cycle(WIDTHS), strict=False):
        if image.data is None:
            broken.append(image.number)
        else:
            parts.files.put(page_key(document.id, image.number, width), image.data, image.media_type)
        if (image.number, width) == (1, WIDTHS[-1]):
            _announce(document.id, 1, broken, parts)
    _keep_text(document.id, extract_texts(data, pages), parts.files)
    _announce(document.id, pages, broken, parts)


def _keep_text(document_id: str, found: list[str], files: Files) -> None:
    files.put(text_key(document_id), json.dumps(found).encode(), "application/json")


def _announce(document_id: str, pages: int, broken: Iterable[int], parts: Parts) -> None:
    def step() -> None:
        document = parts.store.document(document_id)
        if document is None or (document.pages_ready or 0) >= pages:
            return
        parts.store.commit(Change(at=parts.clock.now(), documents=(_ready(document, pages, broken),)))

    retry_on_conflict(step, retry_on=frozenset({"document"}))


def _ready(document: Document, pages: int, broken: Iterable[int]) -> Document:
    return replace(
        document, version=document.version + 1, pages_ready=pages, broken_pages=tuple(sorted(set(broken)))
    )
