"""PDFs with one page, on which annotations (marks, notes, form fields) are written byte by byte."""

from __future__ import annotations

import io

from PIL import Image, ImageChops
from pypdf import PdfReader
from pypdf.generic import DictionaryObject

from chalicelib.pdf.assembly.assemble import assemble_declined
from chalicelib.pdf.reader import read_array, read_dictionary
from chalicelib.pdf.rendering import open_for_display, render_page
from tests.support.pdf import raw_pdf
from tests.support.pdf.sample_pdfs import CERTIFICATE, raster

_FIRST = 20
BLACK, EMPTY = 40, 41
"""The numbers of two drawings of 20 x 20 points in every PDF of this module: black, and without content."""


def annotated_pdf(*annotations: bytes, page: bytes = b"", catalog: bytes = b"") -> bytes:
    """Return an empty Letter page with these annotations, given by their entries, as the objects 20, 21 and so on.

    `page` and `catalog` are more entries of the page and of the catalog, the root object of a PDF."""
    numbers = range(_FIRST, _FIRST + len(annotations))
    names = b" ".join(b"%d 0 R" % number for number in numbers)
    form = b"/Type /XObject /Subtype /Form /BBox [0 0 20 20]"
    parts = raw_pdf.objects(
        o1=b"<< /Type /Catalog /Pages 2 0 R %s >>" % catalog,
        o3=raw_pdf.page(attributes=raw_pdf.BOX + b" /Annots [%s] %s" % (names, page)),
        o4=raw_pdf.stream(b""),
        o40=raw_pdf.stream(b"0 g 0 0 20 20 re f", form),
        o41=raw_pdf.stream(b"", form),
    )
    entries = {number: b"<< /Type /Annot %s >>" % entry for number, entry in zip(numbers, annotations, strict=True)}
    return raw_pdf.write_pdf(parts | entries)


def annotation(data: bytes, index: int = 0) -> DictionaryObject:
    """Return the annotation with this index on the first page of the PDF."""
    return read_dictionary(read_array(PdfReader(io.BytesIO(data)).pages[0]["/Annots"])[index])


def shown(data: bytes) -> Image.Image:
    """Return the first page as the provider reviews it, with one pixel a point, in gray."""
    with open_for_display(data) as document:
        return render_page(document[0], 1).convert("L")


def sealed(data: bytes) -> Image.Image:
    """Return the first page as it is sealed without a signature block, with one pixel a point, in gray."""
    return raster(assemble_declined(data, CERTIFICATE))


def ink(picture: Image.Image) -> tuple[int, int, int, int] | None:
    """Return the box (left, top, right, bottom) around everything that is not white, in pixels; None if all is."""
    return ImageChops.invert(picture).getbbox()
