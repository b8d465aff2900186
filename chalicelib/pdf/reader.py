"""Opening a stranger's PDF with pypdf, and what a page is as displayed."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pypdf import PageObject, PdfReader
from pypdf.generic import ArrayObject, DictionaryObject, PdfObject

from chalicelib.pdf.models import PdfRefused

Matrix = tuple[float, float, float, float, float, float]
Box = tuple[float, float, float, float]

IDENTITY: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)

_LETTER: Box = (0.0, 0.0, 612.0, 792.0)


@contextmanager
def damaged_if_it_fails() -> Iterator[None]:
    """Turns whatever a parser raises on a broken file into a refusal."""
    try:
        yield
    except PdfRefused:
        raise
    except Exception as error:
        # Hostile bytes make parsers raise anything, RecursionError and MemoryError included.
        raise PdfRefused("damaged", "The PDF is damaged: its structure cannot be read.") from error


def open_pdf(data: bytes) -> PdfReader:
    """The file, read leniently: what can be displayed should be readable."""
    with damaged_if_it_fails():
        return PdfReader(io.BytesIO(data), strict=False)


def resolve(value: PdfObject | None) -> PdfObject | None:
    return value.get_object() if value is not None else None


def dictionary(value: PdfObject | None) -> DictionaryObject:
    """The dictionary that the value is or refers to, or an empty one."""
    found = resolve(value)
    return found if isinstance(found, DictionaryObject) else DictionaryObject()


def array(value: PdfObject | None) -> ArrayObject:
    """The array that the value is or refers to, or an empty one."""
    found = resolve(value)
    return found if isinstance(found, ArrayObject) else ArrayObject()


def number(value: PdfObject | None, default: float) -> float:
    found = resolve(value)
    return float(found) if isinstance(found, (int, float)) else default


def box(value: PdfObject | None) -> Box | None:
    """A rectangle as (left, bottom, right, top), whatever the order of its corners; None if it is none."""
    corners = [number(item, float("nan")) for item in array(value)]
    if len(corners) != len(_LETTER) or not all(map(math.isfinite, corners)):
        return None
    found = sorted_box(corners)
    return found if found[2] > found[0] and found[3] > found[1] else None


def sorted_box(corners: list[float]) -> Box:
    """Left, bottom, right and top of two opposite corners."""
    (x0, x1), (y0, y1) = sorted(corners[0::2]), sorted(corners[1::2])
    return (x0, y0, x1, y1)


def multiply(first: Matrix, then: Matrix) -> Matrix:
    """The matrix that applies `first`, then `then`."""
    a, b, c, d, e, f = first
    g, h, i, j, k, m = then
    return (a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + m)


def invert(matrix: Matrix) -> Matrix:
    a, b, c, d, e, f = matrix
    det = a * d - b * c
    return (d / det, -b / det, -c / det, a / det, (c * f - d * e) / det, (b * e - a * f) / det)


def transform_box(rectangle: Box, matrix: Matrix) -> Box:
    """The smallest upright rectangle around the transformed one."""
    x0, y0, x1, y1 = rectangle
    a, b, c, d, e, f = matrix
    xs = [a * x + c * y + e for x in (x0, x1) for y in (y0, y1)]
    ys = [b * x + d * y + f for x in (x0, x1) for y in (y0, y1)]
    return (min(xs), min(ys), max(xs), max(ys))


@dataclass(frozen=True)
class Display:
    """A page as displayed: its visible box in user space, its clockwise rotation, its UserUnit."""

    box: Box
    rotation: int
    unit: float

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in points."""
        left, bottom, right, top = self.box
        across, up = (right - left) * self.unit, (top - bottom) * self.unit
        return (up, across) if self.rotation in (90, 270) else (across, up)

    @property
    def to_user(self) -> Matrix:
        """From displayed points, origin bottom left, to the page's user space."""
        left, bottom, right, top = self.box
        s = 1 / self.unit
        return {
            0: (s, 0.0, 0.0, s, left, bottom),
            90: (0.0, s, -s, 0.0, right, bottom),
            180: (-s, 0.0, 0.0, -s, right, top),
            270: (0.0, -s, s, 0.0, left, top),
        }[self.rotation]


def _visible(media: Box, crop: Box | None) -> Box:
    if crop is None:
        return media
    left, bottom = max(media[0], crop[0]), max(media[1], crop[1])
    right, top = min(media[2], crop[2]), min(media[3], crop[3])
    return (left, bottom, right, top) if right > left and top > bottom else media


def display_of(page: PageObject) -> Display:
    """How viewers show the page; inherited values are taken from the page tree by the reader."""
    media = box(page.get("/MediaBox")) or _LETTER
    unit = number(page.get("/UserUnit"), 1.0)
    return Display(
        box=_visible(media, box(page.get("/CropBox"))),
        rotation=int(number(page.get("/Rotate"), 0) // 90 * 90) % 360,
        unit=unit if unit > 0 else 1.0,
    )
