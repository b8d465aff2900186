"""Text shaping with HarfBuzz: the choice and position of glyphs for conjuncts, marks and joined letters."""

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
    """A positioned glyph, with lengths in thousandths of the text size.

    `char` is the character that draws the glyph (`Face.character`). `advance` moves the text position, and `width` is
    the width of the glyph itself. `right` and `up` move only this glyph."""

    char: str
    advance: float
    width: float
    right: float
    up: float


_ONE_AT_A_TIME = Lock()


@cache
def _harfbuzz() -> ModuleType:
    """Import HarfBuzz and return the module. The import is slow, so it happens only when a text needs shaping.

    `pdf/__init__.py` prevents an earlier import by reportlab."""
    with _ONE_AT_A_TIME:
        # A failed import leaves no entry, so the next call imports again and raises its own error.
        if sys.modules.get("uharfbuzz") is None:
            sys.modules.pop("uharfbuzz", None)
        return import_module("uharfbuzz")


@cache
def _font(face: Face) -> Any:
    library = _harfbuzz()
    return library.Font(library.Face(face.face._ttf_data))  # noqa: SLF001 - reportlab has no public name for it


def shape(face: Face, text: str, *, from_right: bool) -> tuple[Glyph, ...]:
    """Return the glyphs that draw a text of one font and direction, positioned, in order from left to right."""
    buffer = _harfbuzz().Buffer()
    buffer.add_str(text)
    buffer.direction = "rtl" if from_right else "ltr"
    buffer.guess_segment_properties()
    _harfbuzz().shape(_font(face), buffer)
    infos, positions = buffer.glyph_infos, buffer.glyph_positions
    chars = _characters(face, text, [(info.codepoint, info.cluster) for info in infos], from_right=from_right)
    scale = face.pdfScale
    return tuple(
        Glyph(char, scale(place.x_advance), face.width(char), scale(place.x_offset), scale(place.y_offset))
        for char, place in zip(chars, positions, strict=True)
    )


def _characters(face: Face, text: str, glyphs: list[tuple[int, int]], *, from_right: bool) -> list[str]:
    """Return the character to draw for each glyph, so that PDF readers can extract the text.

    `glyphs` are pairs of a glyph number and the index in `text` where the glyph's cluster starts."""
    in_order = glyphs[::-1] if from_right else glyphs
    starts = [start for _, start in in_order]
    ends = dict(pairwise([*dict.fromkeys(starts), len(text)]))
    chars = []
    for index, (glyph, start) in enumerate(in_order):
        place, last = index - starts.index(start), starts[index + 1 : index + 2] != [start]
        cluster = text[start : ends[start]]
        reading = cluster[place:] if last else cluster[place : place + 1]
        chars.append(face.character(glyph, _compose_ligature(face, glyph, reading) if from_right else reading))
    return chars[::-1] if from_right else chars


def _compose_ligature(face: Face, glyph: int, text: str) -> str:
    """Return the text of a right-to-left ligature as one character, if Unicode has such a character.

    PDF readers reverse right-to-left text, so several letters of one glyph would be extracted in the wrong order."""
    char = "".join(map(chr, face.face.glyphToChar.get(glyph, ())[:1]))
    return char if len(text) > 1 and normalize("NFKC", char) == text else text


def draw_glyphs(
    canvas: Canvas, x: float, y: float, face: Face, glyphs: tuple[Glyph, ...], *, size: float, reads_as: str
) -> None:
    """Draw glyphs on a baseline from the point (x, y), and leave the canvas's current font unchanged.

    `reads_as` is the text that PDF readers extract; if it is empty, readers extract the text of each glyph."""
    document = canvas._doc  # noqa: SLF001 - holds the characters in use
    code = [f"BT 1 0 0 1 {x:.3f} {y:.3f} Tm"]
    rest = iter(glyphs)
    for subset, codes in face.splitString("".join(glyph.char for glyph in glyphs), document):
        code.append(f"{face.getSubsetInternalName(subset, document)} {size:.4g} Tf")
        code.extend(_show_glyph(number, next(rest), size) for number in codes)
    drawn = " ".join([*code, "0 Ts ET"])
    # ISO 32000-1, 14.9.4.
    replaced = f"/Span <</ActualText <feff{reads_as.encode('utf-16-be').hex()}>>> BDC {drawn} EMC"
    canvas.addLiteral(replaced if reads_as else drawn)


def _show_glyph(number: int, glyph: Glyph, size: float) -> str:
    before, after = -glyph.right, glyph.width + glyph.right - glyph.advance
    return f"{glyph.up * size / 1000:.3f} Ts [{before:.1f} <{number:02x}> {after:.1f}] TJ"
