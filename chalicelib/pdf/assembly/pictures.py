"""Pictures that replace pages whose look depends on the PDF reader, so that a signed document always looks the same.

The look of a page may depend on layers, alternate images, overprinting, transfer functions, PostScript, or different
areas for print and screen."""

from __future__ import annotations

from pypdf import PdfReader
from pypdf.generic import BooleanObject, DictionaryObject
from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf.assembly.field_appearances import open_with_appearances
from chalicelib.pdf.assembly.reportlab_pages import draw_pdf, draw_picture
from chalicelib.pdf.reader import open_pdf, read_display, resolve, walk_dictionaries
from chalicelib.pdf.rendering import open_for_display, render_page

_DPI, _MAX_SIDE = 200, 3000
_KEYS = frozenset(
    {"/Alternates", "/OC", "/OCGs", "/OCProperties", "/OPI", "/PS", "/PrintArea", "/PrintClip", "/TransferFunction"}
    | {"/Usage", "/ViewArea", "/ViewClip"}
)


def has_conditional_content(reader: PdfReader) -> bool:
    """Return True if the look of any page may depend on the PDF reader, or differ between screen and print."""
    return any(map(_is_conditional, walk_dictionaries([reader.trailer["/Root"]])))


def _is_conditional(item: DictionaryObject) -> bool:
    overprints = any(resolve(item.get(key)) == BooleanObject(value=True) for key in ("/OP", "/op"))
    transfers = any(str(item.get(key, "/Default")) not in ("/Default", "/Identity") for key in ("/TR", "/TR2"))
    return bool(_KEYS & item.keys()) or overprints or transfers or item.get("/Subtype") == "/PS"


def open_as_shown(data: bytes) -> PdfReader:
    """Open a PDF so that its pages look the same in every PDF reader and in print, as the provider saw them.

    Every field gets an appearance (a drawing in the file). If a page may still look different under some condition,
    pictures replace all pages. Raise `PdfRefused` (damaged) for an unreadable file."""
    reader = open_with_appearances(data)
    return open_pdf(draw_as_pictures(data)) if has_conditional_content(reader) else reader


def draw_as_pictures(data: bytes, *, dpi: float = _DPI) -> bytes:
    """Return a PDF with a picture of each page in its displayed size, at up to `dpi` dots per inch."""
    sizes = [read_display(page).size for page in open_pdf(data).pages]

    def draw(canvas: Canvas) -> None:
        with open_for_display(data) as document:
            for index, size in enumerate(sizes):
                page = document[index]
                picture = render_page(page, min(dpi / 72, _MAX_SIDE / max(page.get_size())))
                canvas.setPageSize(size)
                draw_picture(canvas, picture, (0.0, 0.0, *size))
                canvas.showPage()

    return draw_pdf(draw)
