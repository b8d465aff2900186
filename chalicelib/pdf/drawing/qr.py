from functools import lru_cache
from itertools import groupby

import segno
from reportlab.pdfgen.canvas import Canvas
from reportlab.pdfgen.pathobject import PDFPathObject

MILLIMETRE = 72 / 25.4


def draw_qr(canvas: Canvas, x: float, y: float, size: float, payload: str) -> None:
    """Draw a QR code of the text `payload` with its lower left corner at (x, y).

    The code is `size` points wide without the quiet zone, the blank margin that the caller leaves around it."""
    canvas.setFillGray(0)
    canvas.drawPath(_path(x, y, size, payload), stroke=0, fill=1)


@lru_cache(maxsize=64)
def _path(x: float, y: float, size: float, payload: str) -> PDFPathObject:
    """Return the path of a QR code's dark squares, cached because all certificates link to the same page, `/verify`."""
    rows = segno.make(payload, error="m", micro=False).matrix
    module = size / len(rows)
    path = PDFPathObject()
    for index, row in enumerate(rows):
        left = 0
        for dark, group in groupby(row):
            length = len(list(group))
            if dark:
                path.rect(x + left * module, y + size - (index + 1) * module, length * module, module)
            left += length
    return path
