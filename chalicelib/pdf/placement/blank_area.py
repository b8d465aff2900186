"""Free room on a page, for a signature that no text asks for and no page may be added for."""

from __future__ import annotations

from contextlib import suppress

import pypdfium2
from PIL import Image

from chalicelib.pdf.models import SignatureField
from chalicelib.pdf.rendering import open_for_display

_WIDE, _TALL = 250.0, 48.0
_MARGIN = 18.0
_STEP = 6
_PAPER = 250


def find_blank_area(data: bytes, units: tuple[float, ...]) -> SignatureField:
    """The lowest blank room of the last page that has any; else the foot of the last page.

    `units` is each page's UserUnit, which PDFium does not know.
    """
    with open_for_display(data) as document:
        for index in range(len(document) - 1, -1, -1):
            found = None
            with suppress(pypdfium2.PdfiumError):
                found = _on_page(document[index])
            if found is not None:
                return _read_field(index, found, units[index])
        return _read_field(len(units) - 1, (_MARGIN, _MARGIN), units[-1])


def _read_field(index: int, corner: tuple[float, float], unit: float) -> SignatureField:
    return SignatureField(index + 1, corner[0] * unit, corner[1] * unit, _WIDE * unit, _TALL * unit)


def _on_page(page: pypdfium2.PdfPage) -> tuple[float, float] | None:
    """The corner of the room, in points, of the page as displayed; the page is looked at a point a pixel."""
    picture: Image.Image = page.render(scale=1).to_pil().convert("L")
    across, up = picture.size
    for bottom in range(int(_MARGIN), int(up - _TALL - _MARGIN), _STEP):
        for left in range(int(_MARGIN) * 2, int(across - _WIDE - _MARGIN), _STEP * 4):
            room = (left, round(up - bottom - _TALL), round(left + _WIDE), up - bottom)
            if not any(picture.crop(room).histogram()[:_PAPER]):
                return float(left), float(bottom)
    return None
