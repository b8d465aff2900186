"""Images and texts of the pages of untrusted files, made in a forked process.

A page that hangs or crashes the renderer is reported as broken. The other pages are still rendered."""

import json
from collections.abc import Iterator, Sequence
from itertools import cycle

from chalicelib.pdf.models import RenderedPage
from chalicelib.pdf.rendering import extract_page_texts, render_pages
from chalicelib.services.pdf_function.sandbox import SandboxKilled, limit_memory, run_sandboxed, run_sandboxed_json
from chalicelib.services.pdf_requests import RenderedPages, RenderPages, image_name
from chalicelib.services.ports import LinkedFiles

SECONDS = 8.0
"""The CPU time limit for one image, and for all texts. A scanned page takes 0.1 seconds."""

MEMORY = 512 * 1024 * 1024
"""The memory limit in bytes, beyond the memory that the function uses already. The function has 1 GB."""

MAX_BROKEN = 4
"""After this many pages that killed the renderer, the other pages are skipped, so that the job ends."""


def render(request: RenderPages, files: LinkedFiles) -> RenderedPages:
    """Write the images of the requested pages, and the texts of all pages if the request asks for them.

    The request's links say where to write. The result has the numbers of the pages that cannot be rendered."""
    data, broken, sliced = files.read(request.source), set[int](), dict[int, int]()
    images = render_images(data, request.widths, request.last, first=request.first)
    for image, width in zip(images, cycle(request.widths), strict=False):
        if image.data is None:
            broken.add(image.number)
            continue
        files.write(request.images, image.data, image.media_type, name=image_name(image.number, width, image.piece))
        if image.pieces > 1:
            sliced[image.number] = image.pieces
    if request.texts is not None:
        texts = json.dumps(extract_texts(data, request.last)).encode()
        files.write(request.texts, texts, "application/json")
    return RenderedPages(tuple(sorted(broken)), tuple(sorted(sliced.items())))


def render_images(data: bytes, widths: Sequence[int], last: int, *, first: int = 1) -> Iterator[RenderedPage]:
    """Yield the images of the pages up to `last` at every width, page by page, and slice by slice of a long page.

    A page that cannot be rendered has no image data."""
    killed = 0
    while first <= last and killed < MAX_BROKEN:
        done, page = 0, first
        try:
            for image in _render_sandboxed(data, widths, first, last):
                yield image
                done += 1
                is_complete = image.piece == image.pieces and done % len(widths) == 0
                page = image.number + 1 if is_complete else image.number
        except SandboxKilled:
            killed += 1
        else:
            return
        missing = len(widths) - done % len(widths)
        yield from (_broken_page(page, width) for width in widths[-missing:])
        first = page + 1
    yield from (_broken_page(page, width) for page in range(first, last + 1) for width in widths)


def _broken_page(page: int, width: int) -> RenderedPage:
    return RenderedPage(number=page, width=width, height=0, data=None, media_type="image/png")


def _render_sandboxed(data: bytes, widths: Sequence[int], first: int, last: int) -> Iterator[RenderedPage]:
    def work() -> Iterator[bytes]:
        with limit_memory(MEMORY):
            yield from (_pack(image) for image in render_pages(data, widths, first=first, last=last))

    return map(_unpack, run_sandboxed(work, seconds=SECONDS))


def _pack(image: RenderedPage) -> bytes:
    about = [
        image.number,
        image.width,
        image.height,
        image.media_type,
        image.data is not None,
        image.piece,
        image.pieces,
    ]
    return json.dumps(about).encode() + b"\n" + (image.data or b"")


def _unpack(packed: bytes) -> RenderedPage:
    about, _, data = packed.partition(b"\n")
    number, width, height, media_type, there, piece, pieces = json.loads(about)
    return RenderedPage(number, width, height, data if there else None, media_type, piece, pieces)


def extract_texts(data: bytes, pages: int) -> list[str]:
    """Return the text of each page. If the file cannot be read within the limits, the texts are empty."""
    try:
        texts: list[str] = run_sandboxed_json(lambda: extract_page_texts(data), seconds=SECONDS, memory=MEMORY)
    except SandboxKilled:
        return [""] * pages
    return texts
