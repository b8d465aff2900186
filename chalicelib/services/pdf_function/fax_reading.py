"""The reading and drawing of faxes that came in, in forked processes, because the file may be hostile."""

import io
import json
import time
from collections.abc import Iterator, Mapping, Sequence

from chalicelib.pdf.fax_reading import MAX_FAX_PAGES, ScannedPage, count_fax_pages, draw_notice, draw_upright, read_fax
from chalicelib.pdf.models import PdfRefused
from chalicelib.services.pdf_function.sandbox import SandboxKilled, limit_memory, run_page_by_page, run_sandboxed_json
from chalicelib.services.pdf_requests import FaxReadings, PageReading, ReadFax
from chalicelib.services.ports import LinkedFiles

SECONDS = 6.0
"""The CPU time limit of one page. A page takes 0.1 seconds."""

MEMORY = 512 * 1024 * 1024
"""The memory limit in bytes, beyond the memory that the function uses already."""

ALL_SECONDS = 35.0
"""The time after which no further page of a fax is read. A page of noise takes 3 seconds of CPU time, and the function
that waits for the result ends after a minute: without this limit, the fax would be in nobody's list."""

DAMAGED = "The fax could not be read."


def read(request: ReadFax, files: LinkedFiles) -> FaxReadings:
    """Write a picture of every page of a received fax, and return what the QR code on each page names.

    A page that crashes the reader or exceeds a limit is unreadable, and the others are read. If the whole file cannot
    be read, or if pages at its end are left out, the result says so in words."""
    data, pages = files.read(request.source), list[PageReading]()
    count = _count_sandboxed(data)
    if isinstance(count, str):
        return FaxReadings((), count)
    until = time.monotonic() + ALL_SECONDS
    for reading, png in _read_pages(data, min(count, MAX_FAX_PAGES)):
        pages.append(reading)
        files.write(request.images, png, "image/png", name=str(reading.number))
        if time.monotonic() >= until:
            break
    rest = f"Only the first {len(pages)} of {count} pages were read." if len(pages) < count else ""
    return FaxReadings(tuple(pages), rest)


def draw(data: bytes, numbers: Sequence[int]) -> Mapping[int, bytes]:
    """Return the pictures (PNG, gray, upright) of the pages with these numbers in the file of a received fax.

    A page that crashes the reader or exceeds a limit has the picture of `draw_notice`, as staff saw it. The result is
    empty if the file cannot be opened."""
    if isinstance(_count_sandboxed(data), str):
        return {}
    drawn = dict(run_page_by_page(numbers, lambda left: _pack_pictures(data, left), seconds=SECONDS))
    return {number: drawn.get(number) or draw_notice() for number in numbers}


def _pack_pictures(data: bytes, numbers: Sequence[int]) -> Iterator[bytes]:
    with limit_memory(MEMORY):
        for picture in draw_upright(data, numbers):
            target = io.BytesIO()
            picture.save(target, "PNG", compress_level=1)
            yield target.getvalue()


def _count_sandboxed(data: bytes) -> int | str:
    """Count the pages in a forked process. Return the reason for which the file is refused in place of the number."""
    try:
        count = run_sandboxed_json(lambda: _count_pages(data), seconds=SECONDS, memory=MEMORY)
    except SandboxKilled:
        return DAMAGED
    return count if isinstance(count, int) else str(count)


def _count_pages(data: bytes) -> int | str:
    """Return the number of pages of a received fax, or the reason for which its file is refused."""
    try:
        return count_fax_pages(data)
    except PdfRefused as refused:
        return refused.detail


def _read_pages(data: bytes, last: int) -> Iterator[tuple[PageReading, bytes]]:
    """Yield what was read on each page of a received fax up to number `last`, with its picture (PNG).

    The reading goes on after a page that ends the forked process."""
    for number, piece in run_page_by_page(range(1, last + 1), lambda left: _pack_pages(data, left[0]), seconds=SECONDS):
        if piece is None:
            yield PageReading(number=number, is_blank=False), draw_notice()
        else:
            head, _, png = piece.partition(b"\n")
            yield PageReading(**json.loads(head)), png


def _pack_pages(data: bytes, first: int) -> Iterator[bytes]:
    with limit_memory(MEMORY):
        for page in read_fax(data, first):
            yield json.dumps(_facts(page)).encode() + b"\n" + page.png


def _facts(page: ScannedPage) -> dict[str, object]:
    link = page.link
    named = {"document_id": link.document_id, "version": link.version, "page": link.number} if link else {}
    return {"number": page.number, "is_blank": page.is_blank, **named}
