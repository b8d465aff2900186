"""A signature as a person gives it: typed, or drawn as strokes; checked, kept, and as a path."""

import json
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from math import hypot, isfinite
from typing import Any

Stroke = tuple[tuple[float, float], ...]

MAX_TEXT = 60_000
MAX_STROKES = 60
MAX_POINTS = 1500
"""The browser thins what is drawn to a few hundred; this keeps a row small whoever wrote it."""

MIN_INK = 0.3
"""Heights of the pad that a pen must have travelled: a tap by mistake is no signature."""

_ASPECTS = (0.5, 10.0)
_DIGITS = 4


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """Polylines in 0..1 of the pad, origin top left, y down; `aspect` is the pad's width / height."""

    strokes: tuple[Stroke, ...]
    aspect: float


@dataclass(frozen=True, kw_only=True)
class Signature:
    """One of the two is given."""

    typed: str | None = None
    drawing: Drawing | None = None


def read_drawing(text: str) -> Drawing:
    """`{"aspect": 2.5, "strokes": [[[x, y], …], …]}` as a browser sends it.

    Raises `ValueError` for anything else, for more than a hand draws, and for too little ink.
    """
    if len(text) > MAX_TEXT:
        raise ValueError("too long")
    try:
        data = json.loads(text)
        aspect = _number(data["aspect"], *_ASPECTS)
        strokes = tuple(_stroke(each) for each in _list(data["strokes"], MAX_STROKES))
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError("not a drawing") from error
    if sum(map(len, strokes)) > MAX_POINTS:
        raise ValueError("too many points")
    if sum(_length(stroke, aspect) for stroke in strokes) < MIN_INK:
        raise ValueError("too little ink")
    return Drawing(strokes=strokes, aspect=aspect)


def to_text(signature: Signature) -> str:
    """As it is kept for next time."""
    drawing = signature.drawing
    if drawing is None:
        return json.dumps({"typed": signature.typed})
    return json.dumps({"aspect": drawing.aspect, "strokes": drawing.strokes}, separators=(",", ":"))


def from_text(text: str | None) -> Signature | None:
    """What `to_text` made; None for nothing."""
    if not text:
        return None
    typed = json.loads(text).get("typed")
    return Signature(typed=typed) if typed else Signature(drawing=read_drawing(text))


def svg_path(drawing: Drawing) -> str:
    """The strokes as an SVG path in a box 100 high and 100 x `aspect` wide, bent as the PDF bends them."""
    return " ".join(_curve(stroke, drawing.aspect) for stroke in drawing.strokes)


def _stroke(data: Any) -> Stroke:
    points = tuple(_point(each) for each in _list(data, MAX_POINTS))
    if not points:
        raise ValueError("an empty stroke")
    return points


def _point(data: Any) -> tuple[float, float]:
    x, y = _list(data, 2)
    return _number(x, 0, 1), _number(y, 0, 1)


def _list(data: Any, most: int) -> list[Any]:
    if not isinstance(data, list) or len(data) > most:
        raise ValueError("not a list of that length")
    return data


def _number(data: Any, least: float, most: float) -> float:
    if isinstance(data, bool) or not isinstance(data, int | float):
        raise TypeError("not a number")
    if not isfinite(data) or not least <= data <= most:
        raise ValueError("out of range")
    return round(float(data), _DIGITS)


def _length(stroke: Stroke, aspect: float) -> float:
    return sum(hypot((bx - ax) * aspect, by - ay) for (ax, ay), (bx, by) in pairwise(stroke))


def _curve(stroke: Stroke, aspect: float) -> str:
    points = [(round(x * aspect * 100, 1), round(y * 100, 1)) for x, y in stroke]
    first = points[0]
    parts = [f"M{first[0]:g} {first[1]:g}l0 0"]
    for bend, after in zip_longest(points[1:], points[2:], fillvalue=points[-1]):
        middle = (bend[0] + after[0]) / 2, (bend[1] + after[1]) / 2
        parts.append(f"Q{bend[0]:g} {bend[1]:g} {middle[0]:.1f} {middle[1]:.1f}")
    return "".join(parts)
