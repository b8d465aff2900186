"""The reading of faxes that came in, page by page, in a forked process, because the file may be hostile."""

import json
from collections.abc import Iterator

from chalicelib.pdf.fax_reading import ScannedPage, read_fax
from chalicelib.pdf.models import PdfRefused
from chalicelib.services.pdf_function.sandbox import SandboxKilled, limit_memory, run_sandboxed
from chalicelib.services.pdf_requests import FaxReadings, PageReading, ReadFax
from chalicelib.services.ports import LinkedFiles

SECONDS = 6.0
"""The CPU time limit of one page. A page takes 0.1 seconds."""

MEMORY = 512 * 1024 * 1024
"""The memory limit in bytes, beyond the memory that the function uses already."""

DAMAGED = "The fax could not be read."


def read(request: ReadFax, files: LinkedFiles) -> FaxReadings:
    """Write a picture of every page of a received fax, and return what the QR code on each page names.

    If the file is refused, or if a page crashes the reader or exceeds a limit, the result has the reason and no
    pages."""
    data, pages = files.read(request.source), []
    try:
        for piece in run_sandboxed(lambda: _pack_pages(data), seconds=SECONDS):
            head, _, png = piece.partition(b"\n")
            facts = json.loads(head)
            if "refused" in facts:
                return FaxReadings((), facts["refused"])
            pages.append(PageReading(**facts))
            files.write(request.images, png, "image/png", name=str(pages[-1].number))
    except SandboxKilled:
        return FaxReadings((), DAMAGED)
    return FaxReadings(tuple(pages), "")


def _pack_pages(data: bytes) -> Iterator[bytes]:
    with limit_memory(MEMORY):
        try:
            for page in read_fax(data):
                yield json.dumps(_facts(page)).encode() + b"\n" + page.png
        except PdfRefused as refused:
            yield json.dumps({"refused": refused.detail}).encode()


def _facts(page: ScannedPage) -> dict[str, object]:
    link = page.link
    named = {"document_id": link.document_id, "version": link.version, "page": link.number} if link else {}
    return {"number": page.number, "is_blank": page.is_blank, **named}
