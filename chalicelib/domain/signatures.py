"""Signatures of people, typed or drawn: validation, storage and display."""

import json
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from math import hypot, isfinite
from typing import Any

Stroke = tuple[tuple[float, float], ...]

MAX_TEXT = 60_000
MAX_STROKES = 60
MAX_POINTS = 1500
"""The browser sends a few hundred points. This limit keeps the row small for any client."""

MIN_INK = 0.3
"""The least length of all strokes, in heights of the pad: a tap by mistake is not a signature."""

_ASPECTS = (0.5, 10.0)
_DIGITS = 4


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A drawn signature: polylines of points (x, y) from 0 to 1 on the drawing pad, with y downward.

    `aspect` is the pad's width divided by its height."""

    strokes: tuple[Stroke, ...]
    aspect: float


@dataclass(frozen=True, kw_only=True)
class Signature:
    """A typed or a drawn signature. Exactly one of the two fields is set."""

    typed: str | None = None
    drawing: Drawing | None = None


class TooLittleInk(ValueError):
    """Error for a drawing that is too short to be a signature, such as a tap by mistake."""


def read_drawing(text: str) -> Drawing:
    """Return the drawing that a browser sends as JSON: `{"aspect": 2.5, "strokes": [[[x, y], …], …]}`.

    Raises `TooLittleInk` for a drawing that is too short, and `ValueError` for text that is not a drawing."""
    if len(text) > MAX_TEXT:
        raise ValueError("too long")
    try:
        data = json.loads(text)
        aspect = _number(data["aspect"], *_ASPECTS)
        strokes = tuple(_stroke(stroke) for stroke in _list(data["strokes"], MAX_STROKES))
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError("not a drawing") from error
    if sum(map(len, strokes)) > MAX_POINTS:
        raise ValueError("too many points")
    if sum(_length(stroke, aspect) for stroke in strokes) < MIN_INK:
        raise TooLittleInk("too little ink")
    return Drawing(strokes=strokes, aspect=aspect)


def to_text(signature: Signature) -> str:
    """Return a signature as JSON text, for storage as the provider's saved signature."""
    drawing = signature.drawing
    if drawing is None:
        return json.dumps({"typed": signature.typed})
    return json.dumps({"aspect": drawing.aspect, "strokes": drawing.strokes}, separators=(",", ":"))


def from_text(text: str | None) -> Signature | None:
    """Return the signature in a text that `to_text` wrote, or None for an empty text."""
    if not text:
        return None
    typed = json.loads(text).get("typed")
    return Signature(typed=typed) if typed else Signature(drawing=read_drawing(text))


def svg_path(drawing: Drawing) -> str:
    """Return a drawing as SVG path data, smoothed as in the PDF, in a box 100 high and 100 x `aspect` wide."""
    return " ".join(_curve(stroke, drawing.aspect) for stroke in drawing.strokes)


def _stroke(data: Any) -> Stroke:
    pairs = [_list(point, 2) for point in _list(data, MAX_POINTS)]
    if not pairs:
        raise ValueError("an empty stroke")
    return tuple((_number(x, 0, 1), _number(y, 0, 1)) for x, y in pairs)


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
    for control, after in zip_longest(points[1:], points[2:], fillvalue=points[-1]):
        middle = (control[0] + after[0]) / 2, (control[1] + after[1]) / 2
        parts.append(f"Q{control[0]:g} {control[1]:g} {middle[0]:.1f} {middle[1]:.1f}")
    return "".join(parts)
