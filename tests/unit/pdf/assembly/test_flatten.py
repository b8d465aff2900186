"""Test that a flat copy of a page shows its annotations and form fields in the order in which PDFium draws them."""

import pytest

from chalicelib.pdf.assembly.assemble import assemble_signed
from chalicelib.pdf.rendering import open_for_display, render_page
from tests.support.pdf.raw_pdf import BOX, objects, page, stream, write_pdf
from tests.support.pdf.sample_pdfs import BLOCK, CERTIFICATE

GREEN, RED = (0, 255, 0), (255, 0, 0)


def field_and_mark(order: bytes) -> bytes:
    """Return a PDF with a green form field (7) and a red mark (8) at the same place. `order` is that of the page."""
    fill = b"/Type /XObject /Subtype /Form /BBox [0 0 100 100]"
    annotation = b"<< /Type /Annot /Rect [100 100 200 200] /F 4 /Subtype /%s /AP << /N %d 0 R >> >>"
    parts = objects(
        o1=b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [7 0 R] >> >>",
        o3=page(attributes=BOX + b" /Annots [" + order + b"]"),
        o7=annotation % (b"Widget /FT /Tx /T (name)", 9),
        o8=annotation % (b"Square", 10),
        o9=stream(b"0 1 0 rg 0 0 100 100 re f", fill),
        o10=stream(b"1 0 0 rg 0 0 100 100 re f", fill),
    )
    return write_pdf(parts)


def color_at_the_place(data: bytes) -> object:
    with open_for_display(data) as document:
        return render_page(document[0], 1).getpixel((150, 792 - 150))


@pytest.mark.parametrize("order", [b"7 0 R 8 0 R", b"8 0 R 7 0 R"])
def test_a_form_field_is_above_a_mark(order: bytes) -> None:
    source = field_and_mark(order)
    assert color_at_the_place(source) == GREEN
    signed = assemble_signed(source, block=BLOCK, field=None, certificate=CERTIFICATE, find=lambda *_: None)
    assert color_at_the_place(signed) == GREEN


def test_a_mark_alone_stays() -> None:
    signed = assemble_signed(
        field_and_mark(b"8 0 R"), block=BLOCK, field=None, certificate=CERTIFICATE, find=lambda *_: None
    )
    assert color_at_the_place(signed) == RED
