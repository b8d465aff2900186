"""The layout of text in any script on a reportlab canvas: measure, wrap and draw it in embedded fonts.

The first font that has a letter is used: the given face, then the font of the letter's script (`script_fonts`),
then DejaVu Sans (Arabic, Hebrew and more), then Droid Sans Fallback (Chinese, Japanese, Korean). Letters that
need shaping go through HarfBuzz (`shaping`). A letter that no font has is drawn as U+FFFD, but PDF readers
extract the letter itself."""

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
_NOT_NEEDED = dict.fromkeys(map(ord, JOINERS))
_UNKNOWN = 0xFFFD
_LAST_OF_FIRST_PLANE = "\uffff"


class TextLine(str):
    """A line of clean text that remembers its paragraph's direction, as the bidi levels of its characters.

    `bidi.resolve_levels` explains the levels. `levels` is empty if all characters run from left to right. Two equal
    lines may have different levels, so the key of a cache must be `str(line)` with the levels, never the line alone."""

    __slots__ = ("levels",)
    levels: tuple[int, ...]

    def __new__(cls, text: str, levels: tuple[int, ...] = ()) -> Self:
        line = super().__new__(cls, text)
        line.levels = levels if any(levels) else ()
        return line

    def slice(self, start: int, end: int) -> "TextLine":
        """Return a slice of the line, with the bidi levels that its characters have in the whole line."""
        return TextLine(self[start:end], self.levels[start:end])


class Run(NamedTuple):
    """A part of a line in one font and direction, drawn as `glyphs` if there are any, else as characters (`text`).

    `reads_as` is the text that PDF readers extract if it differs from the drawn text."""

    font: str
    text: str
    glyphs: tuple[Glyph, ...] = ()
    reads_as: str = ""


class _Letter(NamedTuple):
    """A grapheme cluster (a letter with its marks) of a line, with the font that draws it and its bidi level.

    `text` is the cluster, or a character that draws the sign U+FFFD if no font has the cluster. `shaped` is True if
    HarfBuzz must choose the glyphs."""

    text: str
    font: str
    level: int
    shaped: bool


@cache
def load_font(name: str) -> Face:
    """Return the font with that file name (without `.ttf`). The process reads and registers a font only once."""
    loaded = Face(name, _FOLDER / f"{name}.ttf")
    pdfmetrics.registerFont(loaded)
    return loaded


@lru_cache(maxsize=4096)
def _font_for(cluster: str, face: str) -> str | None:
    """Return the name of the first font that has all characters of a grapheme cluster; None if no font has them.

    The order is: `face`, the font of the cluster's script, the fallback fonts."""
    # The handwriting font has no positions for marks.
    preferred = (face,) if face != SCRIPT else (PLAIN,) if len(cluster) > 1 else (SCRIPT, PLAIN)
    names = filter(None, (*preferred, script_font(cluster[0]), *_FALLBACKS))
    needed = cluster.translate(_NOT_NEEDED)
    return next((name for name in names if all(map(load_font(name).has, needed))), None)


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


def _all_letters(text: str, face: str, depth: tuple[int, ...]) -> list[_Letter]:
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
    # Readers reverse right-to-left text themselves, and some readers support only the first plane.
    return Run(name, text, glyphs, "" if level % 2 or max(text) > _LAST_OF_FIRST_PLANE else text)


@lru_cache(maxsize=2048)
def _paragraph(text: str) -> TextLine:
    tidy = clean_text(text)
    if tidy.isascii():
        return TextLine(tidy)
    levels = resolve_levels(tidy) if has_right_to_left(tidy) else [0] * len(tidy)
    pairs = [(char, level) for char, level in zip(tidy, levels, strict=True) if char not in ISOLATES]
    return TextLine("".join(char for char, _ in pairs), tuple(level for _, level in pairs))


def split_runs(text: str, face: str) -> tuple[Run, ...]:
    """Return the runs of one line (its parts in one font and direction) in the order to draw, from left to right."""
    line = text if isinstance(text, TextLine) else _paragraph(text)
    return _runs(str(line), face, line.levels)


@lru_cache(maxsize=2048)
def _runs(text: str, face: str, depth: tuple[int, ...]) -> tuple[Run, ...]:
    if text.isascii() and not depth:
        return (Run(face, text),) if text else ()
    letters = _all_letters(text, face, depth)
    grouped = [list(group) for _, group in groupby(letters, key=lambda letter: letter[1:])]
    order = visual_order([group[0].level for group in grouped])
    return tuple(_run(grouped[index]) for index in order)


class _Advances(dict[str, int]):
    """The width of each character of a font in thousandths of the text size, computed on first use."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def __missing__(self, char: str) -> int:
        self[char] = load_font(self._name).width(char)
        return self[char]


@cache
def _advances(name: str) -> _Advances:
    return _Advances(name)


def _plain_width(name: str, text: str, size: float) -> float:
    return sum(map(_advances(name).__getitem__, text)) * size / 1000


def text_width(text: str, face: str, size: float) -> float:
    """Return the width in points of the text on one line."""
    return sum(_run_width(run, size) for run in split_runs(text, face))


def _run_width(run: Run, size: float) -> float:
    if run.glyphs:
        return sum(glyph.advance for glyph in run.glyphs) * size / 1000
    return _plain_width(run.font, run.text, size)


def draw_text(canvas: Canvas, x: float, y: float, text: str, *, face: str = PLAIN, size: float = 10) -> float:
    """Draw one line of text from the left end (x, y) of its baseline in points, and return the x of its right end."""
    for run in split_runs(text, face):
        if run.glyphs:
            draw_glyphs(canvas, x, y, load_font(run.font), run.glyphs, size=size, reads_as=run.reads_as)
        else:
            load_font(run.font)
            canvas.setFont(run.font, size)
            canvas.drawString(x, y, run.text)
        x += _run_width(run, size)
    return x


def draw_text_right(canvas: Canvas, x: float, y: float, text: str, *, face: str = PLAIN, size: float = 10) -> None:
    """Draw one line of text whose baseline ends at the point (x, y)."""
    draw_text(canvas, x - text_width(text, face, size), y, text, face=face, size=size)


def _cut_word(word: TextLine, face: str, size: float, limit: float) -> list[tuple[int, int]]:
    """Return the (start, end) indexes of the pieces of a word that is wider than `limit` points, one for each line."""
    pieces, start, end = [], 0, 0
    for cluster in split_clusters(word):
        if end > start and text_width(word.slice(start, end + len(cluster)), face, size) > limit:
            pieces.append((start, end))
            start = end
        end += len(cluster)
    return [*pieces, (start, end)]


def wrap(text: str, face: str, size: float, limit: float) -> list[str]:
    """Return the text as lines no wider than `limit` points, broken at spaces, or inside a word that is too wide.

    Pass the lines unchanged to `draw_text`: each line is a `TextLine`, and a new string made from it loses the
    paragraph's direction."""
    whole = _paragraph(text)
    lines: list[tuple[int, int]] = []
    space, used = _plain_width(face, " ", size), 0.0
    # An empty text has one empty word.
    for start, end in [match.span() for match in re.finditer("[^ ]+", whole)] or [(0, 0)]:
        word = whole.slice(start, end)
        width = text_width(word, face, size)
        if lines and used + space + width <= limit:
            lines[-1] = (lines[-1][0], end)
            used += space + width
        elif width <= limit:
            lines.append((start, end))
            used = width
        else:
            pieces = _cut_word(word, face, size, limit)
            lines.extend((start + first, start + last) for first, last in pieces)
            used = text_width(whole.slice(*lines[-1]), face, size)
    return [whole.slice(*line) for line in lines]


def wrap_paragraphs(text: str, face: str, size: float, limit: float) -> list[str]:
    """Return the lines of a text with line breaks, each part between breaks wrapped as a paragraph like in `wrap`."""
    return [line for part in text.strip().splitlines() for line in wrap(part, face, size, limit)]


def fit_size(text: str, face: str, limit: float, *, largest: float, smallest: float) -> float:
    """Return the largest text size in points at which one line of the text is no wider than `limit` points.

    The result is never below `smallest`, so the text may then be wider, and never above `largest`."""
    natural = text_width(text, face, 1)
    return max(smallest, min(largest, limit / natural if natural else largest))
