"""Text on a reportlab canvas in embedded fonts: fallback by letter, both directions, measuring and wrapping.

A face is tried first, then the font of the letter's script (`scripts`), then DejaVu Sans (Arabic, Hebrew and
more), then Droid Sans Fallback (Chinese, Japanese, Korean). Text that needs it goes through HarfBuzz
(`shaping`). A letter that no font has is drawn as U+FFFD, and still reads as itself.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from itertools import groupby
from pathlib import Path
from typing import NamedTuple, Self

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf.text.bidi import has_right_to_left, resolve_levels, visual_order
from chalicelib.pdf.text.font_subset import Face
from chalicelib.pdf.text.graphemes import ISOLATES, JOINERS, clean_text, is_mark, split_clusters
from chalicelib.pdf.text.script_fonts import script_font
from chalicelib.pdf.text.shaping import Glyph, draw_glyphs, shape

PLAIN = "SourceSans3-Regular"
BOLD = "SourceSans3-SemiBold"
SCRIPT = "DancingScript-Medium"
_FALLBACKS = ("DejaVuSans", "DroidSansFallback")
_FOLDER = Path(__file__).parent.parent / "fonts"
_UNKNOWN = 0xFFFD
_LAST_OF_FIRST_PLANE = "\uffff"


class TextLine(str):
    """Clean text, with the levels that its characters have in their paragraph (`direction.levels`).

    None of them where all of it goes from left to right. Two lines of the same letters may differ in them:
    the key of a cache is `str(line)` and its levels, never the line alone.
    """

    __slots__ = ("levels",)
    levels: tuple[int, ...]

    def __new__(cls, text: str, levels: tuple[int, ...] = ()) -> Self:
        line = super().__new__(cls, text)
        line.levels = levels if any(levels) else ()
        return line

    def part(self, start: int, end: int) -> TextLine:
        """What stands there, drawn as it is within the whole."""
        return TextLine(self[start:end], self.levels[start:end])


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
def load_font(name: str) -> Face:
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
    return next((name for name in _chain(cluster, face) if all(map(load_font(name).has, needed))), None)


_NOT_NEEDED = dict.fromkeys(map(ord, JOINERS))


def _letters(cluster: str, level: int, face: str) -> list[_Letter]:
    name = _font_for(cluster, face)
    if name is None and len(cluster) > 1:
        return [letter for char in cluster for letter in _letters(char, level, face)]
    if name is None:
        unknown = load_font(_FALLBACKS[0])
        char = unknown.character(unknown.face.charToGlyph[_UNKNOWN], cluster)
        return [_Letter(char, _FALLBACKS[0], level, shaped=False)]
    shaped = level % 2 == 1 or name.startswith("Noto") or any(map(is_mark, cluster))
    return [_Letter(cluster, name, level, shaped)]


def _leveled(text: str, face: str, depth: tuple[int, ...]) -> list[_Letter]:
    place, letters = 0, []
    for cluster in split_clusters(text):
        letters += _letters(cluster, depth[place] if depth else 0, face)
        place += len(cluster)
    return letters


def _run(letters: list[_Letter]) -> Run:
    _, name, level, shaped = letters[0]
    text = "".join(letter.text for letter in letters)
    if not shaped:
        return Run(name, text)
    glyphs = shape(load_font(name), text, from_right=level % 2 == 1)
    # Readers turn text from the right around themselves, and some know the first plane only.
    return Run(name, text, glyphs, "" if level % 2 or max(text) > _LAST_OF_FIRST_PLANE else text)


@lru_cache(maxsize=2048)
def _paragraph(text: str) -> TextLine:
    tidy = clean_text(text)
    if tidy.isascii():
        return TextLine(tidy)
    found = zip(tidy, resolve_levels(tidy) if has_right_to_left(tidy) else [0] * len(tidy), strict=True)
    kept = [(char, level) for char, level in found if char not in ISOLATES]
    return TextLine("".join(char for char, _ in kept), tuple(level for _, level in kept))


def split_runs(text: str, face: str) -> tuple[Run, ...]:
    """The text in runs, in the order drawn: a line as it stands in its paragraph, other text as one."""
    line = text if isinstance(text, TextLine) else _paragraph(text)
    return _runs(str(line), face, line.levels)


@lru_cache(maxsize=2048)
def _runs(text: str, face: str, depth: tuple[int, ...]) -> tuple[Run, ...]:
    if text.isascii() and not depth:
        return (Run(face, text),) if text else ()
    letters = _leveled(text, face, depth)
    grouped = [list(group) for _, group in groupby(letters, key=lambda letter: letter[1:])]
    order = visual_order([group[0].level for group in grouped])
    return tuple(_run(grouped[index]) for index in order)


class _Advances(dict[str, int]):
    """How far each character goes, in thousandths of the size."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def __missing__(self, char: str) -> int:
        self[char] = load_font(self._name).width(char)
        return self[char]


@cache
def _advances(name: str) -> _Advances:
    return _Advances(name)


def _across(name: str, part: str, size: float) -> float:
    return sum(map(_advances(name).__getitem__, part)) * size / 1000


def text_width(text: str, face: str, size: float) -> float:
    """Width in points."""
    return sum(_run_width(run, size) for run in split_runs(text, face))


def _run_width(run: Run, size: float) -> float:
    if run.glyphs:
        return sum(glyph.advance for glyph in run.glyphs) * size / 1000
    return _across(run.font, run.text, size)


def draw_text(canvas: Canvas, x: float, y: float, text: str, *, face: str = PLAIN, size: float = 10) -> float:
    """Draws one line with its baseline's left end at (x, y); answers the x after it."""
    for run in split_runs(text, face):
        if run.glyphs:
            draw_glyphs(canvas, x, y, load_font(run.font), run.glyphs, size=size, reads_as=run.reads_as)
        else:
            load_font(run.font)
            canvas.setFont(run.font, size)
            canvas.drawString(x, y, run.text)
        x += _run_width(run, size)
    return x


def draw_text_right(
    canvas: Canvas, x: float, y: float, text: str, *, face: str = PLAIN, size: float = 10
) -> None:
    """Draws one line that ends at x."""
    draw_text(canvas, x - text_width(text, face, size), y, text, face=face, size=size)


def _words(text: str) -> list[tuple[int, int]]:
    """Where each starts and ends; nothing is one empty word."""
    return [found.span() for found in re.finditer("[^ ]+", text)] or [(0, 0)]


def _pieces(word: TextLine, face: str, size: float, limit: float) -> list[tuple[int, int]]:
    """Where the pieces start and end of a word too wide for a line, cut where it must be."""
    pieces, start, end = [], 0, 0
    for cluster in split_clusters(word):
        if end > start and text_width(word.part(start, end + len(cluster)), face, size) > limit:
            pieces.append((start, end))
            start = end
        end += len(cluster)
    return [*pieces, (start, end)]


def wrap(text: str, face: str, size: float, limit: float) -> list[str]:
    """Lines no wider than `limit` points, broken at spaces, inside a word only where it alone is too wide.

    To be drawn as they are (`Line`): what is made of them anew is a paragraph by itself.
    """
    whole = _paragraph(text)
    lines: list[tuple[int, int]] = []
    space, used = _across(face, " ", size), 0.0
    for start, end in _words(whole):
        word = whole.part(start, end)
        wide = text_width(word, face, size)
        if lines and used + space + wide <= limit:
            lines[-1] = (lines[-1][0], end)
            used += space + wide
        elif wide <= limit:
            lines.append((start, end))
            used = wide
        else:
            pieces = _pieces(word, face, size, limit)
            lines.extend((start + first, start + last) for first, last in pieces)
            used = text_width(whole.part(*lines[-1]), face, size)
    return [whole.part(*line) for line in lines]


def wrap_paragraphs(text: str, face: str, size: float, limit: float) -> list[str]:
    """As `wrap`, keeping the text's own line breaks; each paragraph has a direction of its own."""
    return [line for part in text.strip().splitlines() for line in wrap(part, face, size, limit)]


def fit_size(text: str, face: str, limit: float, *, largest: float, smallest: float) -> float:
    """The largest size at which the text is no wider than `limit`, within the two bounds."""
    natural = text_width(text, face, 1)
    return max(smallest, min(largest, limit / natural if natural else largest))
