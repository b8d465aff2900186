"""The reading of faxes that came in, page by page, in a forked process, because the file may be hostile."""

import json
from collections.abc import Iterator
from contextlib import suppress

from chalicelib.pdf.fax_reading import MAX_FAX_PAGES, ScannedPage, count_fax_pages, draw_notice, read_fax
from chalicelib.pdf.models import PdfRefused
from chalicelib.services.pdf_function.sandbox import SandboxKilled, limit_memory, run_sandboxed, run_sandboxed_json
from chalicelib.services.pdf_requests import FaxReadings, PageReading, ReadFax
from chalicelib.services.ports import LinkedFiles

SECONDS = 6.0
"""The CPU time limit of one page. A page takes 0.1 seconds."""

MEMORY = 512 * 1024 * 1024
"""The memory limit in bytes, beyond the memory that the function uses already."""

MAX_CRASHES = 2
"""The number of pages that may crash the reader or exceed a limit. After that, no further page is read."""

DAMAGED = "The fax could not be read."


def read(request: ReadFax, files: LinkedFiles) -> FaxReadings:
    """Write a picture of every page of a received fax, and return what the QR code on each page names.

    A page that crashes the reader or exceeds a limit is unreadable, and the others are read. If the whole file cannot
    be read, or if pages at its end are left out, the result says so in words."""
    data, pages = files.read(request.source), list[PageReading]()
    try:
        count = run_sandboxed_json(lambda: _count_pages(data), seconds=SECONDS, memory=MEMORY)
    except SandboxKilled:
        count = DAMAGED
    if not isinstance(count, int):
        return FaxReadings((), str(count))
    for reading, png in _read_pages(data, min(count, MAX_FAX_PAGES)):
        pages.append(reading)
        files.write(request.images, png, "image/png", name=str(reading.number))
    rest = f"Only the first {len(pages)} of {count} pages were read." if len(pages) < count else ""
    return FaxReadings(tuple(pages), rest)


def _count_pages(data: bytes) -> int | str:
    """Return the number of pages of a received fax, or the reason for which its file is refused."""
    try:
        return count_fax_pages(data)
    except PdfRefused as refused:
        return refused.detail


def _read_pages(data: bytes, last: int) -> Iterator[tuple[PageReading, bytes]]:
    """Yield what was read on each page of a received fax up to number `last`, with its picture (PNG).

    The reading goes on after a page that ends the forked process."""
    number = crashes = 0
    while number < last and crashes < MAX_CRASHES:
        for reading, png in _read_until_crash(data, number + 1):
            number = reading.number
            yield reading, png
        if number < last:
            number, crashes = number + 1, crashes + 1
            yield PageReading(number=number, is_blank=False), draw_notice()


def _read_until_crash(data: bytes, first: int) -> Iterator[tuple[PageReading, bytes]]:
    with suppress(SandboxKilled):
        for piece in run_sandboxed(lambda: _pack_pages(data, first), seconds=SECONDS):
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
