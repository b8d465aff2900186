"""The completion of annotations and form fields that leave to the PDF reader how they look.

PDF readers draw such annotations differently, or not at all. The page that a provider reviews and the page that is
sealed must show the same, so both are made from a copy of the file in which these annotations have a drawing."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import suppress

from pypdf import PageObject, PdfReader, PdfWriter
from pypdf.generic import BooleanObject, DictionaryObject, NameObject, StreamObject

from chalicelib.pdf.annotations.text_marks import TEXT_MARKS, draw_text_mark
from chalicelib.pdf.annotations.ticks import choose_state
from chalicelib.pdf.models import PdfRefused
from chalicelib.pdf.reader import open_pdf, read_array, read_dictionary, read_display, refuse_malformed, resolve

_BY_PDFIUM = "/PDFIUM_HasGeneratedAP"
_Changes = list[tuple[int, int, DictionaryObject]]
"""For each change: the indices (from 0) of a page and of one of its annotations, and the new entries."""


def complete_annotations(data: bytes) -> bytes:
    """Return the PDF, or a copy in which every text mark has a drawing and every ticked box says that it is ticked.

    A file that pypdf cannot copy is returned as it is."""
    with suppress(PdfRefused), refuse_malformed():
        if b"/Annots" in data or b"/ObjStm" in data:
            reader = open_pdf(data)
            changes = list(_find_changes(reader))
            return _apply(reader, changes) if changes else data
    return data


def has_drawing(annotation: DictionaryObject) -> bool:
    return isinstance(resolve(read_dictionary(annotation.get("/AP")).get("/N")), DictionaryObject)


def asks_for_drawings(reader: PdfReader) -> bool:
    """Return True if the file asks its readers to draw all fields from their values (`/NeedAppearances`)."""
    form = read_dictionary(read_dictionary(reader.trailer["/Root"]).get("/AcroForm"))
    return resolve(form.get("/NeedAppearances")) == BooleanObject(value=True)


def _find_changes(reader: PdfReader) -> Iterator[tuple[int, int, DictionaryObject]]:
    redrawn = asks_for_drawings(reader)
    for number, page in enumerate(reader.pages):
        for index, item in enumerate(read_array(page.get("/Annots"))):
            entries = _missing_entries(read_dictionary(item), page, redrawn=redrawn)
            if entries is not None:
                yield number, index, entries


def _missing_entries(annotation: DictionaryObject, page: PageObject, *, redrawn: bool) -> DictionaryObject | None:
    # PDFium marks its drawings of text marks, and places only these by the quads. Other readers do not know the mark.
    by_pdfium = annotation.get("/Subtype") in TEXT_MARKS and _BY_PDFIUM in annotation
    if by_pdfium or not has_drawing(annotation):
        drawn = draw_text_mark(annotation, read_display(page).rotation)
        if drawn is not None:
            return drawn
    return choose_state(annotation, redrawn=redrawn)


def _apply(reader: PdfReader, changes: _Changes) -> bytes:
    writer = PdfWriter(clone_from=reader)
    for number, index, entries in changes:
        annotation = read_dictionary(read_array(writer.pages[number]["/Annots"])[index])
        drawing = read_dictionary(entries.get("/AP")).get("/N")
        if isinstance(drawing, StreamObject):
            read_dictionary(entries["/AP"])[NameObject("/N")] = writer._add_object(drawing)  # noqa: SLF001 - pypdf's way
        annotation.update(entries)
        annotation.pop(_BY_PDFIUM, None)
    writer.pdf_header = "%PDF-1.7"
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()
