"""Pages as pictures and text, of files that may be made to harm.

A page that hangs or crashes its reader is told as broken, and the others come.
"""

import json
from collections.abc import Iterator, Sequence

from chalicelib.pdf.models import RenderedPage
from chalicelib.pdf.rendering import extract_page_texts, render_pages
from chalicelib.services.pdf_jobs.resource_limits import limit_memory
from chalicelib.services.pdf_jobs.sandbox import SandboxKilled, run_sandboxed

SECONDS = 8.0
"""Of the processor, for one picture, or for all of the text; a page of a scan takes 0.1 of it."""

MEMORY = 512 * 1024 * 1024
"""Bytes beyond what the function has already: it is given 1 GB."""

MOST_LOST = 4
"""After so many pages that were lost, the rest are not tried: the job has an end."""


def render_images(data: bytes, widths: Sequence[int], pages: int) -> Iterator[RenderedPage]:
    """Every page at every width, page by page; without its picture where that cannot be made."""
    first, lost = 1, 0
    while first <= pages and lost < MOST_LOST:
        done = 0
        try:
            for image in _apart(data, widths, first):
                yield image
                done += 1
        except SandboxKilled:
            lost += 1
        else:
            return
        page, missing = first + done // len(widths), len(widths) - done % len(widths)
        yield from (_none(page, width) for width in widths[-missing:])
        first = page + 1
    yield from (_none(page, width) for page in range(first, pages + 1) for width in widths)


def _none(page: int, width: int) -> RenderedPage:
    return RenderedPage(number=page, width=width, height=0, data=None, media_type="image/png")


def _apart(data: bytes, widths: Sequence[int], first: int) -> Iterator[RenderedPage]:
    def work() -> Iterator[bytes]:
        with limit_memory(MEMORY):
            yield from (_packed(image) for image in render_pages(data, widths, first=first))

    return map(_unpacked, run_sandboxed(work, seconds=SECONDS))


def _packed(image: RenderedPage) -> bytes:
    about = [image.number, image.width, image.height, image.media_type, image.data is not None]
    return json.dumps(about).encode() + b"\n" + (image.data or b"")


def _unpacked(piece: bytes) -> RenderedPage:
    about, _, data = piece.partition(b"\n")
    number, width, height, media_type, there = json.loads(about)
    return RenderedPage(number, width, height, data if there else None, media_type)


def extract_texts(data: bytes, pages: int) -> list[str]:
    """The text of each page; none where it cannot be read within the limits."""

    def work() -> Iterator[bytes]:
        with limit_memory(MEMORY):
            yield json.dumps(extract_page_texts(data)).encode()

    try:
        (answer,) = run_sandboxed(work, seconds=SECONDS)
    except SandboxKilled:
        return [""] * pages
    found: list[str] = json.loads(answer)
    return found
