"""The search for a blank area for the visible signature, in a file that has no signature line and allows no new page.

Such a file already has digital signatures, which a new page would invalidate."""

from contextlib import suppress

import pypdfium2
from PIL import Image

from chalicelib.pdf.models import SignatureBox
from chalicelib.pdf.rendering import open_for_display

_WIDTH, _HEIGHT = 250.0, 48.0
_MARGIN = 18.0
_STEP = 6
_PAPER = 250


def find_blank_area(data: bytes, units: tuple[float, ...]) -> SignatureBox:
    """Return a box for the signature block: the lowest blank area on the last page that has one.

    Without a blank area, return the lower left corner of the last page. `units` is the UserUnit (size in points of one
    unit of length) of each page, which PDFium does not know. Raise `PdfRefused` if PDFium cannot open the file."""
    with open_for_display(data) as document:
        for index in range(len(document) - 1, -1, -1):
            corner = None
            with suppress(pypdfium2.PdfiumError):
                corner = _find_blank_corner(document[index])
            if corner is not None:
                return _field_at(index, corner, units[index])
        return _field_at(len(units) - 1, (_MARGIN, _MARGIN), units[-1])


def _field_at(index: int, corner: tuple[float, float], unit: float) -> SignatureBox:
    return SignatureBox(index + 1, corner[0] * unit, corner[1] * unit, _WIDTH * unit, _HEIGHT * unit)


def _find_blank_corner(page: pypdfium2.PdfPage) -> tuple[float, float] | None:
    """Return the lower left corner, in PDFium's units, of a page's lowest blank area; None if the page has none."""
    picture: Image.Image = page.render(scale=1).to_pil().convert("L")
    width, height = picture.size
    for bottom in range(int(_MARGIN), int(height - _HEIGHT - _MARGIN), _STEP):
        for left in range(int(_MARGIN) * 2, int(width - _WIDTH - _MARGIN), _STEP * 4):
            area = (left, round(height - bottom - _HEIGHT), round(left + _WIDTH), height - bottom)
            if not any(picture.crop(area).histogram()[:_PAPER]):
                return float(left), float(bottom)
    return None
