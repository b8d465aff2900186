"""Appearances for fields and annotations that came without one.

The provider signs what PDFium displays, and PDFium draws such fields by appearances of its own making;
having it save them is what lets the signed document show the same.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import suppress

import pypdfium2
from pypdf import PdfReader

from chalicelib.pdf.assembly.flatten import is_visible
from chalicelib.pdf.reader import open_pdf, read_array, read_dictionary


def _lacks_appearances(reader: PdfReader) -> bool:
    form = read_dictionary(read_dictionary(reader.trailer["/Root"]).get("/AcroForm"))
    annotations = [read_dictionary(item) for page in reader.pages for item in read_array(page.get("/Annots"))]
    bare = any(is_visible(item) and "/AP" not in item for item in annotations)
    return bare or bool(annotations and form.get("/NeedAppearances") == True)  # noqa: E712 - pypdf's own boolean


def _completed(data: bytes) -> bytes:
    with pypdfium2.PdfDocument(data) as document:
        document.init_forms()
        pages = list(_drawn(document))
        target = io.BytesIO()
        document.save(target)
        # Their changes are saved only while they live.
        del pages
        return target.getvalue()


def _drawn(document: pypdfium2.PdfDocument) -> Iterator[pypdfium2.PdfPage]:
    """The pages, each drawn once; without those that cannot be, which get no appearances."""
    for index in range(len(document)):
        with suppress(pypdfium2.PdfiumError):
            page = document[index]
            page.render(scale=0.05)
            yield page


def open_with_appearances(data: bytes) -> PdfReader:
    """The PDF, opened, with an appearance for whatever a viewer would draw."""
    reader = open_pdf(data)
    return open_pdf(_completed(data)) if _lacks_appearances(reader) else reader
