"""Text on a reportlab canvas in embedded fonts: fallback by letter, both directions, measuring and wrapping.

A face is tried first, then the font of the letter's script (`scripts`), then DejaVu Sans (Arabic, Hebrew and
more), then Droid Sans Fallback (Chinese, Japanese, Korean). Text that needs it goes through HarfBuzz
(`shaping`). A letter that no font has is drawn as U+FFFD, and still reads as itself.
"""

from __future__ import annotations

from functools import cache, lru_cache
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf.clusters import clean, clusters, is_mark
from chalicelib.pdf.direction import is_right_to_left, levels, visual
from chalicelib.pdf.faces import Face
from chalicelib.pdf.scripts import script_font
from chalicelib.pdf.shaping import Glyph, draw_glyphs, shape

PLAIN = "SourceSans3-Regular"
BOLD = "SourceSans3-SemiBold"
SCRIPT = "DancingScript-Medium"
_FALLBACKS = ("DejaVuSans", "DroidSansFallback")
_FOLDER = Path(__file__).parent / "fonts"
_UNKNOWN = 0xFFFD
_LAST_OF_FIRST_PLANE = "\uffff"


class Run(NamedTuple):
    """Text in one font: characters to draw, or glyphs, with what they read as where that is to be told."""

    font: str
    text: str
    glyphs: tuple[Glyph, ...] = ()
    reads_as: str = ""


class _Letter(NamedTuple):
    """A cluster, and how it is to be drawn. `text` stands for another text where no font has that."""

    text: str
    font: str
    level: int
    shaped: bool


@cache
def font(name: str) -> Face:
    """The font, read and registered once for the life of the process."""
    loaded = Face(name, _FOLDER / f"{name}.ttf")
    pdfmetrics.registerFont(loaded)
    return loaded


def _chain(cluster: str, face: str) -> list[str]:
    # The script face knows no places for marks.
    own = (face,) if face != SCRIPT else (PLAIN,) if len(cluster) > 1 else (SCRIPT, PLAIN)
    return [name for name in (*own, script_font(cluster[0]), *_FALLBACKS) if name]


@lru_cache(maxsize=4096)
def _font_for(cluster: str, face: str) -> str | None:
    """The first font that has all of it."""
    needed = cluster.translate(_NOT_NEEDED)
    return next((name for name in _chain(cluster, face) if all(map(font(name).has, needed))), None)


_NOT_NEEDED = dict.fromkeys(map(ord, "\u200c\u200d"))


def _letters(cluster: str, level: int, face: str) -> list[_Letter]:
    name = _font_for(cluster, face)
    if name is None and len(cluster) > 1:
        return [letter for char in cluster for letter in _letters(char, level, face)]
    if name is None:
        unknown = font(_FALLBACKS[0])
        char = unknown.character(unknown.face.charToGlyph[_UNKNOWN], cluster)
        return [_Letter(char, _FALLBACKS[0], level, shaped=False)]
    shaped = level % 2 == 1 or name.startswith("Noto") or any(map(is_mark, cluster))
    return [_Letter(cluster, name, level, shaped)]


def _leveled(text: str, face: str) -> list[_Letter]:
    parts = clusters(text)
    depth = levels(text) if is_right_to_left(text) else [0] * len(text)
    place, letters = 0, []
    for cluster in parts:
        letters += _letters(cluster, depth[place], face)
        place += len(cluster)
    return letters


def _run(letters: list[_Letter]) -> Run:
    _, name, level, shaped = letters[0]
    text = "".join(letter.text for letter in letters)
    if not shaped:
        return Run(name, text)
    glyphs = shape(font(name), text, from_right=level % 2 == 1)
    # Readers turn text from the right around themselves, and some know the first plane only.
    return Run(name, text, glyphs, "" if level % 2 or max(text) > _LAST_OF_FIRST_PLANE else text)


@lru_cache(maxsize=2048)
def runs(text: str, face: str) -> tuple[Run, ...]:
    """The text in runs, in the order drawn."""
    tidy = clean(text)
    if tidy.isascii():
        return (Run(face, tidy),) if tidy else ()
    grouped = [list(group) for _, group in groupby(_leveled(tidy, face), key=lambda letter: letter[1:])]
    order = visual([group[0].level for group in grouped])
    return tuple(_run(grouped[index]) for index in order)


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
    return sum(_run_width(run, size) for run in runs(text, face))


def _run_width(run: Run, size: float) -> float:
    if run.glyphs:
        return sum(glyph.advance for glyph in run.glyphs) * size / 1000
    return _across(run.font, run.text, size)


def draw(canvas: Canvas, x: float, y: float, text: str, *, face: str = PLAIN, size: float = 10) -> float:
    """Draws one line with its baseline's left end at (x, y); answers the x after it."""
    for run in runs(text, face):
        if run.glyphs:
            draw_glyphs(canvas, x, y, font(run.font), run.glyphs, size=size, reads_as=run.reads_as)
        else:
            font(run.font)
            canvas.setFont(run.font, size)
            canvas.drawString(x, y, run.text)
        x += _run_width(run, size)
    return x


def draw_right(canvas: Canvas, x: float, y: float, text: str, *, face: str = PLAIN, size: float = 10) -> None:
    """Draws one line that ends at x."""
    draw(canvas, x - width(text, face, size), y, text, face=face, size=size)


def _pieces(word: str, face: str, size: float, limit: float) -> list[str]:
    """A word too wide for a line, cut where it must be."""
    pieces = [""]
    for cluster in clusters(word):
        if pieces[-1] and width(pieces[-1] + cluster, face, size) > limit:
            pieces.append("")
        pieces[-1] += cluster
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
