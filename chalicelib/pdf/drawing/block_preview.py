import io

import pypdfium2
from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf.drawing.signature_block import draw_block
from chalicelib.pdf.models import SignatureBlock

PIXELS_PER_POINT = 3


def render_block(block: SignatureBlock, size: tuple[float, float]) -> bytes:
    """Return a PNG in grays of the signature block in a box of (width, height) points, as a preview before signing."""
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=size)
    draw_block(canvas, block, *size)
    canvas.save()
    with pypdfium2.PdfDocument(target.getvalue()) as document:
        picture = document[0].render(scale=PIXELS_PER_POINT, grayscale=True).to_pil()
    png = io.BytesIO()
    picture.save(png, "PNG")
    return png.getvalue()
