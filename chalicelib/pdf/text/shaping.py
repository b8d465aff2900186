"""Glyphs in their places, by HarfBuzz: conjuncts, marks, joined letters, and text from the right."""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from itertools import pairwise
from threading import Lock
from types import ModuleType
from typing import Any, NamedTuple
from unicodedata import normalize

from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf.text.font_subset import Face


class Glyph(NamedTuple):
    """A glyph as a character of its face (`Face.character`); lengths in thousandths of the size.

    `advance` is how far the text goes on, `width` the glyph's own; `right` and `up` move it alone.
    """

    char: str
    advance: float
    width: float
    right: float
    up: float


_ONE_AT_A_TIME = Lock()


@cache
def _harfbuzz() -> ModuleType:
    """The library, which the package keeps from being imported before a text needs it."""
    with _ONE_AT_A_TIME:
        # After an import that failed there is no entry at all; the next one is to fail for its own reason.
        if sys.modules.get("uharfbuzz") is None:
            sys.modules.pop("uharfbuzz", None)
        return import_module("uharfbuzz")


@cache
def _font(face: Face) -> Any:
    library = _harfbuzz()
    return library.Font(library.Face(face.face._ttf_data))  # noqa: SLF001 - reportlab keeps it there


def shape(face: Face, text: str, *, from_right: bool) -> tuple[Glyph, ...]:
    """The glyphs of text in one script, from left to right as drawn."""
    buffer = _harfbuzz().Buffer()
    buffer.add_str(text)
    buffer.direction = "rtl" if from_right else "ltr"
    buffer.guess_segment_properties()
    _harfbuzz().shape(_font(face), buffer)
    infos, positions = buffer.glyph_infos, buffer.glyph_positions
    chars = _characters(face, text, [(info.codepoint, info.cluster) for info in infos], from_right=from_right)
    return tuple(
        Glyph(
            char,
            face.pdfScale(place.x_advance),
            face.width(char),
            face.pdfScale(place.x_offset),
            face.pdfScale(place.y_offset),
        )
        for char, place in zip(chars, positions, strict=True)
    )


def _characters(face: Face, text: str, glyphs: list[tuple[int, int]], *, from_right: bool) -> list[str]:
    """A character for each (glyph, start of its cluster), such that they read as the text in its order."""
    in_order = glyphs[::-1] if from_right else glyphs
    starts = [start for _, start in in_order]
    ends = dict(pairwise([*dict.fromkeys(starts), len(text)]))
    chars = []
    for index, (glyph, start) in enumerate(in_order):
        place, last = index - starts.index(start), starts[index + 1 : index + 2] != [start]
        own = text[start : ends[start]]
        reading = own[place:] if last else own[place : place + 1]
        chars.append(face.character(glyph, _ligature(face, glyph, reading) if from_right else reading))
    return chars[::-1] if from_right else chars


def _ligature(face: Face, glyph: int, text: str) -> str:
    """A ligature's letters as one character, if there is one: readers turn text from the right around."""
    own = "".join(map(chr, face.face.glyphToChar.get(glyph, ())[:1]))
    return own if len(text) > 1 and normalize("NFKC", own) == text else text


def draw_glyphs(
    canvas: Canvas, x: float, y: float, face: Face, glyphs: tuple[Glyph, ...], *, size: float, reads_as: str
) -> None:
    """Draws them from (x, y), in points; the canvas's own font stays as it is.

    `reads_as` is the text they stand for, if it is not to be put together from the glyphs.
    """
    document = canvas._doc  # noqa: SLF001 - where reportlab keeps which characters are used
    code = [f"BT 1 0 0 1 {x:.3f} {y:.3f} Tm"]
    rest = iter(glyphs)
    for subset, codes in face.splitString("".join(glyph.char for glyph in glyphs), document):
        code.append(f"{face.getSubsetInternalName(subset, document)} {size:.4g} Tf")
        code.extend(_shown(number, next(rest), size) for number in codes)
    drawn = " ".join([*code, "0 Ts ET"])
    canvas.addLiteral(_marked(drawn, reads_as) if reads_as else drawn)


def _shown(number: int, glyph: Glyph, size: float) -> str:
    before, after = -glyph.right, glyph.width + glyph.right - glyph.advance
    return f"{glyph.up * size / 1000:.3f} Ts [{before:.1f} <{number:02x}> {after:.1f}] TJ"


def _marked(drawn: str, text: str) -> str:
    """With the text beside it (ISO 32000-1, 14.9.4)."""
    return f"/Span <</ActualText <feff{text.encode('utf-16-be').hex()}>>> BDC {drawn} EMC"
