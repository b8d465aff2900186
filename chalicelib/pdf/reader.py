"""Safe access to untrusted PDF files with pypdf: opened files, typed values, and how viewers display a page."""

import io
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pypdf import PageObject, PdfReader
from pypdf.generic import ArrayObject, DictionaryObject, FloatObject, IndirectObject, PdfObject

from chalicelib.pdf.geometry import Box, Matrix, sort_corners
from chalicelib.pdf.models import PdfRefused

_LETTER: Box = (0.0, 0.0, 612.0, 792.0)


@contextmanager
def refuse_malformed(detail: str = "The PDF is damaged: its structure cannot be read.") -> Iterator[None]:
    """Raise `PdfRefused` (damaged) in place of any other error in the block, because hostile files raise any error.

    `detail` is the sentence of the refusal."""
    try:
        yield
    except PdfRefused:
        raise
    except Exception as error:
        # Hostile bytes make parsers raise anything, RecursionError and MemoryError included.
        raise PdfRefused("damaged", detail) from error


def open_pdf(data: bytes) -> PdfReader:
    """Open a PDF and tolerate small errors, as viewers do; raise `PdfRefused` (damaged) if pypdf cannot read it."""
    with refuse_malformed():
        return PdfReader(io.BytesIO(data), strict=False)


def resolve(value: PdfObject | None) -> PdfObject | None:
    """Return the object that an indirect PDF reference refers to. Return any other value, or None, unchanged."""
    return value.get_object() if value is not None else None


def read_dictionary(value: PdfObject | None) -> DictionaryObject:
    """Return the dictionary that the value is or refers to; an empty dictionary for a value of another type."""
    target = resolve(value)
    return target if isinstance(target, DictionaryObject) else DictionaryObject()


def read_array(value: PdfObject | None) -> ArrayObject:
    """Return the array that the value is or refers to; an empty array for a value of another type."""
    target = resolve(value)
    return target if isinstance(target, ArrayObject) else ArrayObject()


def read_number(value: PdfObject | None, default: float) -> float:
    """Return the number that the value is or refers to; `default` for a value of another type."""
    target = resolve(value)
    return float(target) if isinstance(target, (int, float)) else default


def float_array(values: Iterable[float]) -> ArrayObject:
    return ArrayObject(FloatObject(round(value, 5)) for value in values)


def read_box(value: PdfObject | None) -> Box | None:
    """Return the rectangle that the value is or refers to; None if it has no area or is not a rectangle."""
    corners = [read_number(item, float("nan")) for item in read_array(value)]
    if len(corners) != len(_LETTER) or not all(map(math.isfinite, corners)):
        return None
    box = sort_corners(corners)
    return box if box[2] > box[0] and box[3] > box[1] else None


def walk_dictionaries(pending: list[PdfObject | None]) -> Iterator[DictionaryObject]:
    """Yield every PDF dictionary that can be reached from the pending objects, so that the caller can inspect it.

    A reference is followed only once. The walk empties the list `pending`."""
    seen: set[tuple[int, int]] = set()
    while pending:
        item = pending.pop()
        if isinstance(item, IndirectObject):
            key = (item.idnum, item.generation)
            if key not in seen:
                seen.add(key)
                pending.append(item.get_object())
        elif isinstance(item, DictionaryObject):
            yield item
            pending.extend(item.values())
        elif isinstance(item, ArrayObject):
            pending.extend(item)


@dataclass(frozen=True)
class Display:
    """The way that viewers display a page.

    `box` is the visible part in user space (the page's own coordinates), `rotation` is in degrees clockwise, and
    `unit` is the page's UserUnit: the size in points of one unit of user space."""

    box: Box
    rotation: int
    unit: float

    @property
    def size(self) -> tuple[float, float]:
        """The displayed width and height in points."""
        left, bottom, right, top = self.box
        width, height = (right - left) * self.unit, (top - bottom) * self.unit
        return (height, width) if self.rotation in (90, 270) else (width, height)

    @property
    def to_user(self) -> Matrix:
        """The matrix from points on the displayed page (origin at the lower left) to the page's user space."""
        left, bottom, right, top = self.box
        s = 1 / self.unit
        return {
            0: (s, 0.0, 0.0, s, left, bottom),
            90: (0.0, s, -s, 0.0, right, bottom),
            180: (-s, 0.0, 0.0, -s, right, top),
            270: (0.0, -s, s, 0.0, left, top),
        }[self.rotation]


def _visible_box(media: Box, crop: Box | None) -> Box:
    if crop is None:
        return media
    left, bottom = max(media[0], crop[0]), max(media[1], crop[1])
    right, top = min(media[2], crop[2]), min(media[3], crop[3])
    return (left, bottom, right, top) if right > left and top > bottom else media


def read_units(data: bytes, pages: int) -> tuple[float, ...]:
    """Return the UserUnit of each page: the size in points of one unit of the page's coordinates, usually 1.0.

    To save time, the file is parsed only if it may contain the entry `/UserUnit`."""
    if b"/UserUnit" in data or b"/ObjStm" in data:
        return tuple(read_display(page).unit for page in open_pdf(data).pages)
    return (1.0,) * pages


def read_display(page: PageObject) -> Display:
    """Return how viewers display a page, with defaults (such as US Letter) in place of missing or invalid attributes.

    Attributes that the page inherits in the page tree count too: pypdf has already copied them into `page`."""
    media = read_box(page.get("/MediaBox")) or _LETTER
    unit = read_number(page.get("/UserUnit"), 1.0)
    return Display(
        box=_visible_box(media, read_box(page.get("/CropBox"))),
        rotation=int(read_number(page.get("/Rotate"), 0) // 90 * 90) % 360,
        unit=unit if unit > 0 else 1.0,
    )
