"""Text on a reportlab canvas in embedded fonts: fallback by character, right-to-left, measuring and wrapping.

A face is tried first, then DejaVu Sans (Arabic, Hebrew and more), then Droid Sans Fallback (Chinese,
Japanese, Korean). Scripts that need more shaping than Arabic joining, such as Devanagari or Thai, show as
empty boxes.
"""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache
from itertools import groupby
from pathlib import Path

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf.arabic import is_right_to_left, join_letters, visual
from chalicelib.pdf.faces import Face

PLAIN = "SourceSans3-Regular"
BOLD = "SourceSans3-SemiBold"
SCRIPT = "DancingScript-Medium"
_FALLBACKS = ("DejaVuSans", "DroidSansFallback")
_FOLDER = Path(__file__).parent / "fonts"


@cache
def font(name: str) -> Face:
    """The font, read and registered once for the life of the process."""
    loaded = Face(name, _FOLDER / f"{name}.ttf")
    pdfmetrics.registerFont(loaded)
    return loaded


def _has(name: str, char: str) -> bool:
    return ord(char) in font(name).face.charToGlyph


def _font_for(char: str, face: str) -> str:
    chain = (face, PLAIN, *_FALLBACKS) if face == SCRIPT else (face, *_FALLBACKS)
    return next((name for name in chain if _has(name, char)), face)


def clean(text: str) -> str:
    """Composed characters, one space for any run of white space, no control or formatting characters."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    composed = unicodedata.normalize("NFC", text)
    spaced = " ".join(composed.split())
    return "".join(char for char in spaced if unicodedata.category(char) not in ("Cc", "Cf", "Cs"))


def _shaped(text: str) -> str:
    tidy = clean(text)
    return visual(join_letters(tidy)) if is_right_to_left(tidy) else tidy


@lru_cache(maxsize=2048)
def runs(text: str, face: str) -> tuple[tuple[str, str], ...]:
    """(font name, characters) in the order drawn."""
    shaped = _shaped(text)
    return tuple(
        (name, "".join(group)) for name, group in groupby(shaped, key=lambda char: _font_for(char, face))
    )


class _Advances(dict[str, int]):
    """How far each character goes, in thousandths of the size."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def __missing__(self, char: str) -> int:
        self[char] = round(font(self._name).stringWidth(char, 1000))
        return self[char]


@cache
def _advances(name: str) -> _Advances:
    return _Advances(name)


def _across(name: str, part: str, size: float) -> float:
    return sum(map(_advances(name).__getitem__, part)) * size / 1000


def width(text: str, face: str, size: float) -> float:
    """Width in points."""
    return sum(_across(name, part, size) for name, part in runs(text, face))


def draw(canvas: Canvas, x: float, y: float, text: str, *, face: str = PLAIN, size: float = 10) -> float:
    """Draws one line with its baseline's left end at (x, y); answers the x after it."""
    for name, part in runs(text, face):
        font(name)
        canvas.setFont(name, size)
        canvas.drawString(x, y, part)
        x += _across(name, part, size)
    return x


def draw_right(canvas: Canvas, x: float, y: float, text: str, *, face: str = PLAIN, size: float = 10) -> None:
    """Draws one line that ends at x."""
    draw(canvas, x - width(text, face, size), y, text, face=face, size=size)


def _pieces(word: str, face: str, size: float, limit: float) -> list[str]:
    """A word too wide for a line, cut where it must be."""
    pieces = [""]
    for char in word:
        if pieces[-1] and width(pieces[-1] + char, face, size) > limit:
            pieces.append("")
        pieces[-1] += char
    return pieces


def wrap(text: str, face: str, size: float, limit: float) -> list[str]:
    """Lines no wider than `limit` points, broken at spaces, inside a word only where it alone is too wide."""
    lines: list[str] = []
    space, used = _across(face, " ", size), 0.0
    for word in clean(text).split(" "):
        wide = width(word, face, size)
        if lines and used + space + wide <= limit:
            lines[-1] += f" {word}"
            used += space + wide
        elif wide <= limit:
            lines.append(word)
            used = wide
        else:
            lines.extend(_pieces(word, face, size, limit))
            used = width(lines[-1], face, size)
    return lines


def paragraphs(text: str, face: str, size: float, limit: float) -> list[str]:
    """As `wrap`, keeping the text's own line breaks."""
    return [line for part in text.strip().splitlines() for line in wrap(part, face, size, limit)]


def fitting_size(text: str, face: str, limit: float, *, largest: float, smallest: float) -> float:
    """The largest size at which the text is no wider than `limit`, within the two bounds."""
    natural = width(text, face, 1)
    return max(smallest, min(largest, limit / natural if natural else largest))
