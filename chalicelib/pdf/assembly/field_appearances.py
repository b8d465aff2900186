"""Appearances (drawings inside the PDF) for form fields and annotations that lack an appearance.

The provider signs the pages as PDFium displays them, and PDFium makes its own appearances for such fields.
The signed document must look the same, so PDFium saves these appearances into a copy of the file."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import suppress

import pypdfium2
from pypdf import PdfReader

from chalicelib.pdf.annotations.completion import asks_for_drawings, complete_annotations, has_drawing
from chalicelib.pdf.assembly.flatten import is_visible
from chalicelib.pdf.reader import open_pdf, read_array, read_dictionary


def _lacks_appearances(reader: PdfReader) -> bool:
    annotations = [read_dictionary(item) for page in reader.pages for item in read_array(page.get("/Annots"))]
    bare = any(is_visible(item) and not has_drawing(item) for item in annotations)
    return bare or bool(annotations and asks_for_drawings(reader))


def _save_with_appearances(data: bytes) -> bytes:
    with pypdfium2.PdfDocument(data) as document:
        document.init_forms()
        pages = list(_render_all(document))
        target = io.BytesIO()
        document.save(target)
        # PDFium saves the new appearances only while the page objects exist.
        del pages
        return target.getvalue()


def _render_all(document: pypdfium2.PdfDocument) -> Iterator[pypdfium2.PdfPage]:
    """Render each page once, so that PDFium makes its missing appearances, and yield the pages that can be rendered."""
    for index in range(len(document)):
        with suppress(pypdfium2.PdfiumError):
            page = document[index]
            page.render(scale=0.05)
            yield page


def open_with_appearances(data: bytes) -> PdfReader:
    """Open a PDF so that every field and annotation that a viewer draws has an appearance.

    If an appearance is missing, the reader opens a copy that PDFium made. Raise `PdfRefused` for an unreadable file."""
    completed = complete_annotations(data)
    reader = open_pdf(completed)
    return open_pdf(_save_with_appearances(completed)) if _lacks_appearances(reader) else reader
