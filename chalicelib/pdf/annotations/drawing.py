"""The drawing (appearance) of an annotation, written in the operators of a PDF page."""

from __future__ import annotations

from collections.abc import Iterable

from pypdf.generic import DictionaryObject, FloatObject, NameObject, NumberObject, StreamObject

from chalicelib.pdf.geometry import Box, Point
from chalicelib.pdf.reader import float_array, read_array, read_number

Color = tuple[float, ...]
"""The components of a color: none, gray, red-green-blue, or cyan-magenta-yellow-black; each from 0 to 1."""

_FILL = {1: "g", 3: "rg", 4: "k"}
_NO_ROTATE = 16


def read_color(annotation: DictionaryObject, key: str, default: Color) -> Color:
    """Return the color in the entry `key` of an annotation; `default` without the entry or with a broken one.

    The color without components is transparent."""
    if key not in annotation:
        return default
    color = tuple(read_number(part, 0.0) for part in read_array(annotation[key]))
    return color if len(color) in (0, *_FILL) else default


def write_numbers(values: Iterable[float]) -> str:
    return " ".join(f"{value:.3f}".rstrip("0").rstrip(".") for value in values)


def fill_color(color: Color) -> str:
    return f"{write_numbers(color)} {_FILL[len(color)]}"


def stroke_color(color: Color) -> str:
    return f"{write_numbers(color)} {_FILL[len(color)].upper()}"


def write_path(points: Iterable[Point]) -> str:
    """Return the operators for a line through the points, which the caller then strokes or fills."""
    return " ".join(f"{write_numbers(point)} {'l' if index else 'm'}" for index, point in enumerate(points))


def draw_changes(annotation: DictionaryObject, content: str, box: Box, blend: str = "Normal") -> DictionaryObject:
    """Return the entries by which an annotation shows the drawing `content` in `box`, both in the page's user space.

    The drawing has the annotation's opacity. The drawing turns with its page, because it belongs to a place there."""
    flags = int(read_number(annotation.get("/F"), 0)) & ~_NO_ROTATE
    form = _make_form(content, box, read_number(annotation.get("/CA"), 1.0), blend)
    return DictionaryObject(
        {
            NameObject("/AP"): DictionaryObject({NameObject("/N"): form}),
            NameObject("/Rect"): float_array(box),
            NameObject("/F"): NumberObject(flags),
        }
    )


def _make_form(content: str, box: Box, opacity: float, blend: str) -> StreamObject:
    state = {"/CA": FloatObject(opacity), "/ca": FloatObject(opacity), "/BM": NameObject(f"/{blend}")}
    states = DictionaryObject(
        {NameObject("/GS"): DictionaryObject({NameObject(key): item for key, item in state.items()})}
    )
    form = StreamObject()
    form._data = f"/GS gs {content}".encode()  # noqa: SLF001 - pypdf has no public way without a filter
    form.update(
        {
            NameObject("/Type"): NameObject("/XObject"),
            NameObject("/Subtype"): NameObject("/Form"),
            NameObject("/BBox"): float_array(box),
            NameObject("/Resources"): DictionaryObject({NameObject("/ExtGState"): states}),
        }
    )
    return form
