"""Text marks without a drawing of their own: struck-out, underlined and highlighted text.

Such a mark says where its text is by the corners of its quads (`/QuadPoints`), one quad a line. PDF readers agree only
on the order of the corners that Acrobat writes, so a mark in the standard's order vanishes in PDFium."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pypdf.generic import DictionaryObject

from chalicelib.pdf.annotations.drawing import Color, draw_changes, fill_color, read_color, stroke_color, write_path
from chalicelib.pdf.geometry import Box, Point
from chalicelib.pdf.reader import read_array, read_number

_BLACK: Color = (0.0,)
_YELLOW: Color = (1.0, 1.0, 0.0)
_CORNERS = 4
_WAVE = 2.0
"""The height and half the length in points of a wave under a text, as PDFium draws it."""


@dataclass(frozen=True)
class Quad:
    """The corners of a line of marked text, seen by a reader of the text, in the page's user space."""

    top_left: Point
    top_right: Point
    bottom_left: Point
    bottom_right: Point

    @property
    def along(self) -> Point:
        """The unit vector in the direction in which the text runs."""
        return _unit(_minus(self.bottom_right, self.bottom_left))

    @property
    def up(self) -> Point:
        """The unit vector from the text's baseline upwards."""
        x, y = self.along
        return (-y, x)


def _minus(one: Point, other: Point) -> Point:
    return (one[0] - other[0], one[1] - other[1])


def _move(point: Point, by: Point, times: float) -> Point:
    return (point[0] + by[0] * times, point[1] + by[1] * times)


def _middle(one: Point, other: Point) -> Point:
    return ((one[0] + other[0]) / 2, (one[1] + other[1]) / 2)


def _dot(one: Point, other: Point) -> float:
    return one[0] * other[0] + one[1] * other[1]


def _cross(one: Point, other: Point) -> float:
    return one[0] * other[1] - one[1] * other[0]


def _unit(vector: Point) -> Point:
    length = math.hypot(*vector)
    return (vector[0] / length, vector[1] / length) if length else (1.0, 0.0)


def order_corners(corners: list[Point], rotation: int) -> Quad:
    """Return the quad with these four corners, which writers list in different orders.

    Acrobat lists the ends of two lines, each in the direction of the text. The standard goes around the quad, and
    writers begin at any corner: then text that is upside down on the displayed page counts as upright. `rotation` is
    that of the page in degrees."""
    first, second, third, fourth = corners
    goes_around = _dot(_minus(second, first), _minus(fourth, third)) < 0
    if goes_around:
        third, fourth = fourth, third
    turned = math.radians(rotation)
    reading = (math.cos(turned), math.sin(turned))
    if _is_upended(_minus(second, first), _minus(third, first), reading):
        second, third = third, second
    along = _minus(second, first)
    if goes_around and _dot(along, reading) < -abs(_cross(along, reading)):
        first, second, third, fourth = second, first, fourth, third
    if _cross(_minus(second, first), _minus(first, third)) < 0:
        return Quad(third, fourth, first, second)
    return Quad(first, second, third, fourth)


def _is_upended(side: Point, other: Point, reading: Point) -> bool:
    """Return True if `other`, not `side`, is the side of a quad along which the text runs.

    The text runs along the first side that its writer lists, unless the other one is longer and runs as people read."""
    return math.hypot(*other) > math.hypot(*side) and _is_along(other, reading) and not _is_along(side, reading)


def _is_along(side: Point, reading: Point) -> bool:
    return abs(_dot(side, reading)) >= abs(_cross(side, reading))


def read_quads(annotation: DictionaryObject, rotation: int) -> list[Quad]:
    """Return the quads of a text mark on a page with this rotation in degrees. Broken and incomplete ones are left out.

    The source is ISO 32000-2, 12.5.6.10."""
    values = [read_number(item, math.nan) for item in read_array(annotation.get("/QuadPoints"))]
    points = list(zip(values[0::2], values[1::2], strict=False))
    groups = [points[start : start + _CORNERS] for start in range(0, len(points), _CORNERS)]
    return [
        order_corners(group, rotation)
        for group in groups
        if len(group) == _CORNERS and all(math.isfinite(edge) for point in group for edge in point)
    ]


def _strike(quad: Quad) -> str:
    start, end = _middle(quad.top_left, quad.bottom_left), _middle(quad.top_right, quad.bottom_right)
    return f"{write_path([start, end])} S"


def _underline(quad: Quad) -> str:
    return f"{write_path([_move(quad.bottom_left, quad.up, 1), _move(quad.bottom_right, quad.up, 1)])} S"


def _squiggle(quad: Quad) -> str:
    length = math.hypot(*_minus(quad.bottom_right, quad.bottom_left))
    return f"{write_path(_wave(quad, length))} S"


def _wave(quad: Quad, length: float) -> Iterator[Point]:
    """Yield the turning points of a wave along the baseline of the quad, which is `length` points long."""
    for at in (*(index * _WAVE for index in range(math.ceil(length / _WAVE))), length):
        height = abs(at % (2 * _WAVE) - _WAVE)
        yield _move(_move(quad.bottom_left, quad.along, at), quad.up, height)


def _highlight(quad: Quad) -> str:
    corners = [quad.top_left, quad.top_right, quad.bottom_right, quad.bottom_left]
    return f"{write_path(corners)} f"


_DRAW: dict[str, Callable[[Quad], str]] = {
    "/Highlight": _highlight,
    "/Squiggly": _squiggle,
    "/StrikeOut": _strike,
    "/Underline": _underline,
}
TEXT_MARKS = frozenset(_DRAW)


def draw_text_mark(annotation: DictionaryObject, rotation: int) -> DictionaryObject | None:
    """Return the entries that draw a text mark where its quads are; None without a quad, and for another annotation.

    `rotation` is that of the page in degrees. The mark is black, or yellow if it highlights, unless it has a color. A
    highlighted text stays legible, because the color multiplies with the text's."""
    kind = str(annotation.get("/Subtype"))
    quads = read_quads(annotation, rotation) if kind in _DRAW else []
    if not quads:
        return None
    paths = " ".join(map(_DRAW[kind], quads))
    if kind != "/Highlight":
        color = read_color(annotation, "/C", _BLACK) or _BLACK
        return draw_changes(annotation, f"{stroke_color(color)} 1 w {paths}", _bounds(quads))
    color = read_color(annotation, "/C", _YELLOW)
    return draw_changes(annotation, f"{fill_color(color)} {paths}" if color else "", _bounds(quads), "Multiply")


def _bounds(quads: list[Quad]) -> Box:
    """Return the box around the quads. A box without an area is wide enough for a line."""
    points = [
        corner for quad in quads for corner in (quad.top_left, quad.top_right, quad.bottom_left, quad.bottom_right)
    ]
    (left, *_, right), (bottom, *_, top) = map(sorted, zip(*points, strict=True))
    margin = 0.0 if right > left and top > bottom else 1.0
    return (left - margin, bottom - margin, right + margin, top + margin)
