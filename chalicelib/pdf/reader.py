"""Opening a stranger's PDF with pypdf, and what a page is as displayed."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pypdf import PageObject, PdfReader
from pypdf.generic import ArrayObject, DictionaryObject, PdfObject

from chalicelib.pdf.geometry import Box, Matrix, sort_corners
from chalicelib.pdf.models import PdfRefused

_LETTER: Box = (0.0, 0.0, 612.0, 792.0)


@contextmanager
def refuse_malformed() -> Iterator[None]:
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
    with refuse_malformed():
        return PdfReader(io.BytesIO(data), strict=False)


def resolve(value: PdfObject | None) -> PdfObject | None:
    return value.get_object() if value is not None else None


def read_dictionary(value: PdfObject | None) -> DictionaryObject:
    """The dictionary that the value is or refers to, or an empty one."""
    found = resolve(value)
    return found if isinstance(found, DictionaryObject) else DictionaryObject()


def read_array(value: PdfObject | None) -> ArrayObject:
    """The array that the value is or refers to, or an empty one."""
    found = resolve(value)
    return found if isinstance(found, ArrayObject) else ArrayObject()


def read_number(value: PdfObject | None, default: float) -> float:
    found = resolve(value)
    return float(found) if isinstance(found, (int, float)) else default


def read_box(value: PdfObject | None) -> Box | None:
    """A rectangle as (left, bottom, right, top), whatever the order of its corners; None if it is none."""
    corners = [read_number(item, float("nan")) for item in read_array(value)]
    if len(corners) != len(_LETTER) or not all(map(math.isfinite, corners)):
        return None
    found = sort_corners(corners)
    return found if found[2] > found[0] and found[3] > found[1] else None


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


def read_display(page: PageObject) -> Display:
    """How viewers show the page; inherited values are taken from the page tree by the reader."""
    media = read_box(page.get("/MediaBox")) or _LETTER
    unit = read_number(page.get("/UserUnit"), 1.0)
    return Display(
        box=_visible(media, read_box(page.get("/CropBox"))),
        rotation=int(read_number(page.get("/Rotate"), 0) // 90 * 90) % 360,
        unit=unit if unit > 0 else 1.0,
    )
