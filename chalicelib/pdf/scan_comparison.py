"""The check for a "signed" scan that is only the original again: the same pages, without any added ink.

The comparison tolerates the changes that printing or another image format makes: margins, scale, rotation,
brightness and compression. The comparison does not judge whether added ink is a signature."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce

from PIL import Image, ImageChops, ImageOps

from chalicelib.pdf.inspection import is_pdf, refuse
from chalicelib.pdf.models import PdfRefused
from chalicelib.pdf.rendering import open_for_display

_WIDTH = 450
_MAX_HEIGHT = 8000
_INK = 190
_PAPER = 215
_REACH = 5
_HEIGHT_SLACK = 12
_UNSIGNED = 12
"""The least number of ink pixels that can be a signature on a page `_WIDTH` pixels wide. Less ink is a speck."""

_CELL = 6
_INKED = 255 * 2 // _CELL**2
_STRANGE_CELLS = 5
"""The number of inked cells (6 by 6 pixels) away from all ink of the original that proves added ink."""

Picture = Image.Image


@dataclass(frozen=True)
class _View:
    """A page image as two black-and-white masks of the same size, which make the comparison of two pages fast.

    The mask `ink` is white where the page has ink. The mask `marks` is white where the page is darker than paper,
    so it includes faint marks too. `cells` are both masks, reduced by the factor `_CELL`."""

    ink: Picture
    marks: Picture
    cells: tuple[Picture, Picture]


def check_signed(scan: bytes, original: bytes) -> None:
    """Refuse a scan that nobody can have signed, because none of its pages has ink that the original lacks.

    Raise `PdfRefused`: unsigned_scan for such a scan, damaged if the scan or one of its pages cannot be shown."""
    if scan == original or all(_repeats(page, original) for page in _scan_pages(scan)):
        raise refuse("unsigned_scan")


def _repeats(page: Picture, original: bytes) -> bool:
    """Return True if a scanned page shows no signature: it is blank, or has no ink that a page of `original` lacks.

    `original` is the PDF that was sent for signature. The scanned page is compared in all four rotations."""
    turned = [page.rotate(turn, expand=True) for turn in (0, 90, 180, 270)]
    whole, trimmed = [_view(picture) for picture in turned], [_view(_trim(picture)) for picture in turned]
    if _count(whole[0].ink) < _UNSIGNED:
        return True
    pages = filter(None, _pdf_pages(original))
    return any(_is_any(picture, whole) or _is_any(_trim(picture), trimmed) for picture in pages)


def _is_any(picture: Picture, views: list[_View]) -> bool:
    """Return True if a page of the original PDF (`picture`) has all ink of a scanned page, in any rotation of the scan.

    `views` are the scanned page in four rotations. A view whose height differs from the original's is skipped."""
    alike = [view for view in views if abs(view.ink.height - _height(picture)) <= _HEIGHT_SLACK]
    original = _view(picture) if alike else None
    return original is not None and any(_adds_nothing(view, original) for view in alike)


def _trim(page: Picture) -> Picture:
    """Return the part of the page inside its blank margins, or the whole page if it is blank."""
    box = _mask(page, _PAPER).getbbox()
    return page.crop(box) if box else page


def _view(page: Picture) -> _View:
    size = (_WIDTH, _height(page))
    scaled = page if page.size == size else page.resize(size, Image.Resampling.BILINEAR)
    ink, marks = _mask(scaled, _INK), _mask(scaled, _PAPER)
    return _View(ink, marks, (_cells(ink), _cells(marks)))


def _height(page: Picture) -> int:
    """Return the height in pixels that the page has when it is scaled to the width for the comparison."""
    return max(1, round(_WIDTH * page.height / page.width))


def _mask(page: Picture, below: int) -> Picture:
    return page.point([255 * (value < below) for value in range(256)])


def _cells(mask: Picture) -> Picture:
    return mask.reduce(_CELL).point([255 * (value >= _INKED) for value in range(256)])


def _adds_nothing(page: _View, original: _View) -> bool:
    """Return True if all ink of the page, except a speck, is at or near marks of the original.

    The coarse `cells` come first, because their comparison is fast and rejects most pages."""
    if _count_added(page.cells[0], original.cells[1], reach=1) >= _STRANGE_CELLS:
        return False
    return _count_added(page.ink, original.marks, reach=_REACH) < _UNSIGNED


def _count_added(ink: Picture, marks: Picture, *, reach: int) -> int:
    """Count the pixels of a scan's ink that are more than `reach` pixels away from all marks of the original."""
    box = (0, 0, ink.width, min(ink.height, marks.height))
    near = marks.crop(box)
    for across in (1, 0):
        moved = [ImageChops.offset(near, step * across, step * (1 - across)) for step in range(-reach, reach + 1)]
        near = reduce(ImageChops.lighter, moved)
    return _count(ImageChops.subtract(ink.crop(box), near))


def _count(mask: Picture) -> int:
    return sum(mask.histogram()[128:])


def _scan_pages(data: bytes) -> Iterator[Picture]:
    if not is_pdf(data):
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
            image.draft("L", (_WIDTH, _WIDTH))
            yield _normalize(ImageOps.exif_transpose(image))
        return
    for page in _pdf_pages(data):
        if page is None:
            raise PdfRefused("damaged", "A page of the PDF cannot be shown.")
        yield page


def _pdf_pages(data: bytes) -> Iterator[Picture | None]:
    """Yield the picture of every page, or None for a page that cannot be shown."""
    with open_for_display(data) as document:
        for number in range(len(document)):
            try:
                width, height = document[number].get_size()
                scale = min(_WIDTH / width, _MAX_HEIGHT / height)
                picture = _normalize(document[number].render(scale=scale, grayscale=True).to_pil())
            except (RuntimeError, ArithmeticError, ValueError, OSError):
                picture = None
            yield picture


def _normalize(picture: Picture) -> Picture:
    """Return the picture in grays on a white background, at most `_WIDTH` pixels wide, ready for the comparison.

    The contrast is stretched, so that the darkest ink is black and the paper is white."""
    if picture.has_transparency_data:
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture.convert("RGBA"))
    picture = picture.convert("L")
    picture.thumbnail((_WIDTH, _MAX_HEIGHT))
    return ImageOps.autocontrast(picture, cutoff=(0.1, 2))
