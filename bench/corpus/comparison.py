"""The comparison of each page of a document before and after it was sealed, as PDFium and as Poppler draw it.

PDFium, which draws the pages that a signer sees, must draw both pages alike. Poppler must draw the sealed page as it
draws the original, or as the signer saw it: where the two disagree about the original, such as on a form field without
an appearance, the sealed file shows what was signed."""

import shutil
import tempfile
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

from PIL import Image, ImageChops, ImageFilter

from bench.corpus.programs import PAGES_PER_CALL, render_with_poppler
from chalicelib.pdf.models import SignatureBox
from chalicelib.pdf.rendering import open_for_display, render_page
from chalicelib.pdf.signing.picture_check import blank, look_alike, relative_box

Picture = Image.Image | None
"""A drawn page, or None for a page that the renderer cannot draw."""

_SIDE, _SCALE = 1000, 1.5
_FINE_SIDE, _FINE_SCALE = 3000, 200 / 72
_ROUGH = 4
"""The factor by which pictures of two renderers are reduced before they are compared. Each draws edges in its way."""

_ROUGH_TOLERANCE = 96
"""The largest difference of gray (0 to 255) between two renderers' drawings of the same page, after the reduction."""


def find_changed_page(source: bytes, sealed: bytes, place: SignatureBox | None, pages: int) -> tuple[int, str] | None:
    """Return the first page that looks different outside the signature block `place`, and the renderer's name.

    `source` is the file that the signer saw, and `pages` is the number of its pages. Return None if all pages look the
    same. A page that a renderer cannot draw in `source` is not compared."""
    hole = relative_box(source, place) if place is not None else None
    drawn = zip(*_render_both(source, sealed, pages), strict=True)
    for number, (shown, after, poppler_before, poppler_after) in enumerate(drawn, 1):
        area = hole if place is not None and place.page == number else None
        if _has_changed(shown, after, area) and _has_changed(*_render_finely(source, sealed, number), area):
            return number, "PDFium"
        if _has_changed(poppler_before, poppler_after, area) and not _is_as_shown(shown, poppler_after, area):
            return number, "Poppler"
    return None


def _render_both(source: bytes, sealed: bytes, pages: int) -> list[Iterator[Picture]]:
    """Return the pages of the source and of the sealed file, drawn by PDFium and then by Poppler, if it is there."""
    drawn = [render_pdfium(source, pages), render_pdfium(sealed, pages)]
    if shutil.which("pdftoppm") is None:
        return [*drawn, repeat(None, pages), repeat(None, pages)]
    return [*drawn, render_poppler(source, pages), render_poppler(sealed, pages)]


def _render_finely(source: bytes, sealed: bytes, number: int) -> tuple[Picture, Picture]:
    """Return a page of the source and of the sealed file, drawn by PDFium at 200 dots per inch.

    A page that was replaced by its picture has other edges in a coarse image."""
    before, after = (next(render_pdfium(data, number, first=number, fine=True)) for data in (source, sealed))
    return before, after


def _has_changed(before: Picture, after: Picture, hole: tuple[float, float, float, float] | None) -> bool:
    return before is not None and (after is None or not look_alike(before, after, hole))


def _is_as_shown(shown: Picture, after: Picture, hole: tuple[float, float, float, float] | None) -> bool:
    """Return True if Poppler draws the sealed page (`after`) roughly as PDFium drew the page for the signer."""
    if shown is None or after is None:
        return False
    size = (max(1, shown.width // _ROUGH), max(1, shown.height // _ROUGH))
    one, other = (_reduce(picture, size, hole) for picture in (shown, after))
    return not (_has_darker(one, other) or _has_darker(other, one))


def _reduce(picture: Image.Image, size: tuple[int, int], hole: tuple[float, float, float, float] | None) -> Image.Image:
    reduced = picture.resize(size, Image.Resampling.BOX)
    return (blank(reduced, hole) if hole is not None else reduced).convert("L")


def _has_darker(one: Image.Image, other: Image.Image) -> bool:
    """Return True if any pixel of `one` is clearly darker than all nearby pixels of `other`."""
    _, most = ImageChops.subtract(other.filter(ImageFilter.MinFilter(3)), one).getextrema()
    return float(most) > _ROUGH_TOLERANCE  # type: ignore[arg-type]  # a gray image has one pair of extremes


def render_pdfium(data: bytes, pages: int, *, first: int = 1, fine: bool = False) -> Iterator[Picture]:
    """Yield the pages of a PDF from `first` to `pages` as PDFium draws them: at most 1,000 pixels wide and high.

    A small page has 108 dots per inch. `fine` pictures have 200 dots per inch, or 3,000 pixels."""
    side, scale = (_FINE_SIDE, _FINE_SCALE) if fine else (_SIDE, _SCALE)
    with open_for_display(data) as document:
        for index in range(first - 1, pages):
            try:
                page = document[index]
                yield render_page(page, min(scale, side / max(page.get_size())))
            except (RuntimeError, ArithmeticError, ValueError, OSError):
                yield None


def render_poppler(data: bytes, pages: int) -> Iterator[Picture]:
    """Yield the first `pages` pages of a PDF as Poppler draws them, at most 1,000 pixels wide and high."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "file.pdf"
        file.write_bytes(data)
        for first in range(1, pages + 1, PAGES_PER_CALL):
            with tempfile.TemporaryDirectory(dir=folder) as images:
                yield from render_with_poppler(file, Path(images), first, min(first + PAGES_PER_CALL - 1, pages))
