"""The signature block: the signature as drawn or typed, and in words who signed what, and when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo

from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf.models import Area, Point, SignatureBlock, SignatureParts
from chalicelib.pdf.text.bidi import isolate
from chalicelib.pdf.text.layout import BOLD, PLAIN, SCRIPT, draw_text, fit_size, text_width, wrap

LEGIBLE = 6.5
"""Points: the smallest words that a fax carries in its common resolution (98 lines an inch)."""
_SIZES = (10.0, 9.0, 8.5, 8.0, 7.5, 7.0, LEGIBLE)
_TOO_SMALL = (6.0, 5.5, 5.0, 4.5, 4.0, 3.0)
"""For the fields that a sender gives, and long names in them."""
_SLACK = 0.01
_LEAST_SHARE = 0.27
"""Of the height, for the signature above its words."""
_LEADING = 1.18
_INSET = 2.0
_BAR = 1.0


def format_signer(name: str, credential: str, npi: str | None) -> str:
    """NAME, CREDENTIAL, NPI N, without what is not known."""
    return ", ".join(part for part in (name, credential, f"NPI {npi}" if npi else "") if part)


def format_local_time(at: dt.datetime, time_zone: str) -> str:
    """November 22, 2026, 1:05:33 PM CST."""
    local = at.astimezone(ZoneInfo(time_zone))
    clock = f"{local.hour % 12 or 12}:{local:%M:%S %p %Z}"
    return f"{local:%B} {local.day}, {local.year}, {clock}"


def format_utc_time(at: dt.datetime) -> str:
    """2026-11-22 19:05:33 UTC."""
    return f"{at.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S} UTC"


def _lines(block: SignatureBlock, size: float, limit: float, *, brief: bool) -> list[tuple[str, str]]:
    """Who, when and which document, as (face, line)."""
    who = format_signer(isolate(block.signer_name), isolate(block.credential), block.npi)
    statements = (
        (BOLD, f"Electronically signed by {who}"),
        *((PLAIN, moment) for moment in _moments(block, size, limit, brief=brief)),
        (PLAIN, f"Document ID {block.document_id}"),
    )
    return [(face, line) for face, text in statements for line in wrap(text, face, size, limit)]


def _moments(block: SignatureBlock, size: float, limit: float, *, brief: bool) -> tuple[str, ...]:
    """The time there and in UTC, in one line or a line for each; in brief without UTC, which the certificate
    page has too.
    """
    there, utc = format_local_time(block.signed_at, block.time_zone), f"({format_utc_time(block.signed_at)})"
    if brief:
        return (there,)
    both = f"{there} {utc}"
    return (both,) if text_width(both, PLAIN, size) <= limit else (there, utc)


@dataclass(frozen=True)
class _Layout:
    """Text size, its lines as (face, text), the text's box and the signature's."""

    size: float
    lines: list[tuple[str, str]]
    text: Area
    signature: Area


def _stacked(block: SignatureBlock, size: float, across: float, up: float, *, brief: bool) -> _Layout | None:
    """The signature above the words."""
    lines = _lines(block, size, across, brief=brief)
    height = len(lines) * size * _LEADING
    left_over = up - height
    if left_over < max(_LEAST_SHARE * up, 1.6 * size):
        return None
    return _Layout(size, lines, (0, 0, across, height), (0, height, across, left_over))


def _side_by_side(
    block: SignatureBlock, size: float, across: float, up: float, *, brief: bool
) -> _Layout | None:
    """The signature left of the words."""
    beside = 0.4 * across
    lines = _lines(block, size, across - beside - 6, brief=brief)
    height = len(lines) * size * _LEADING
    if height > up or up < 1.6 * size:
        return None
    return _Layout(
        size, lines, (beside + 6, (up - height) / 2, across - beside - 6, height), (0, 0, beside, up)
    )


def _words_alone(
    block: SignatureBlock, size: float, across: float, up: float, *, brief: bool
) -> _Layout | None:
    """The words, where the signature has a place of its own; from the top down."""
    lines = _lines(block, size, across, brief=brief)
    height = len(lines) * size * _LEADING
    return _Layout(size, lines, (0, up - height, across, height), (0, 0, 0, 0)) if height <= up else None


_Arrange = Callable[..., _Layout | None]
_ARRANGEMENTS: tuple[_Arrange, ...] = (_stacked, _side_by_side)


def _layout(block: SignatureBlock, across: float, up: float, arrangements: tuple[_Arrange, ...]) -> _Layout:
    """The largest words of all that is to be said, else of the brief form.

    In a box too small for any, the smallest words run over.
    """
    for sizes, brief in ((_SIZES, False), (_SIZES, True), (_TOO_SMALL, True)):
        for size in sizes:
            for arrange in arrangements:
                found = arrange(block, size, across, up, brief=brief)
                if found is not None:
                    return found
    lines = _lines(block, _TOO_SMALL[-1], across, brief=True)
    return _Layout(_TOO_SMALL[-1], lines, (0, 0, across, up / 2), (0, up / 2, across, up / 2))


def is_legible(block: SignatureBlock, across: float, up: float, *, brief: bool) -> bool:
    """Whether a room of that size, in points, shows all words large enough for a fax."""
    room = (across - _BAR - 3 * _INSET, up - _INSET)
    return any(arrange(block, LEGIBLE, *room, brief=brief) for arrange in _ARRANGEMENTS)


@lru_cache(maxsize=16)
def measure_words_height(block: SignatureBlock, across: float) -> float:
    """How many points high the words are, in full and as small as is legible, in a room of that width."""
    lines = _lines(block, LEGIBLE, across - _BAR - 3 * _INSET, brief=False)
    return len(lines) * LEGIBLE * _LEADING + _INSET + _SLACK


def _name_lines(name: str, across: float, up: float) -> tuple[float, list[str]]:
    """(size, lines) of a typed name, on as many lines as let it be largest."""
    best: tuple[float, list[str]] = (0.0, [name])
    for count in (1, 2, 3):
        size = min(up / (1.15 * count), 40.0)
        lines = [name] if count == 1 else wrap(name, SCRIPT, size, across)
        size = min([size, *(fit_size(line, SCRIPT, across, largest=size, smallest=1) for line in lines)])
        if len(lines) <= count and size > best[0]:
            best = (size, lines)
    return best


def _draw_name(canvas: Canvas, name: str, area: Area) -> None:
    x, y, across, up = area
    size, lines = _name_lines(name, across, up)
    base = y + (up - len(lines) * size * 1.1) / 2 + 0.3 * size
    for index, line in enumerate(reversed(lines)):
        draw_text(canvas, x, base + index * size * 1.1, line, face=SCRIPT, size=size)


def _fitted(block: SignatureBlock, area: Area) -> list[list[Point]]:
    """The strokes scaled, in proportion, to fill the area."""
    x, y, across, up = area
    strokes = [
        [(px * block.strokes_aspect, 1 - py) for px, py in stroke] for stroke in block.strokes or () if stroke
    ]
    xs, ys = [p[0] for s in strokes for p in s], [p[1] for s in strokes for p in s]
    left, bottom = min(xs), min(ys)
    scale = min(across / max(max(xs) - left, 1e-3), up / max(max(ys) - bottom, 1e-3), across, up * 4)
    return [[(x + (px - left) * scale, y + (py - bottom) * scale) for px, py in stroke] for stroke in strokes]


def _draw_stroke(canvas: Canvas, points: list[Point]) -> None:
    """A smooth curve: each point bends it, the middles between points lie on it. One point is a dot."""
    path = canvas.beginPath()
    path.moveTo(*points[0])
    path.lineTo(*points[0])
    last = points[0]
    for index in range(1, len(points)):
        bend, following = points[index], points[min(index + 1, len(points) - 1)]
        middle = _between(bend, following, 1 / 2)
        path.curveTo(*_between(last, bend, 2 / 3), *_between(middle, bend, 2 / 3), *middle)
        last = middle
    canvas.drawPath(path, stroke=1, fill=0)


def _between(start: Point, end: Point, share: float) -> Point:
    return (start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share)


def _draw_strokes(canvas: Canvas, block: SignatureBlock, area: Area) -> None:
    pen = min(1.4, max(0.5, area[3] / 24))
    canvas.setLineCap(1)
    canvas.setLineJoin(1)
    canvas.setLineWidth(pen)
    x, y, across, up = area
    for stroke in _fitted(block, (x + pen, y + pen, across - 2 * pen, up - 2 * pen)):
        _draw_stroke(canvas, stroke)


def draw_block(
    canvas: Canvas, block: SignatureBlock, across: float, up: float, parts: SignatureParts | None = None
) -> None:
    """Draws the block into (0, 0, across, up), in points: a bar, the signature, the words; no background.

    With `parts` the signature stands on its line, and the words with the bar somewhere near it.
    """
    canvas.setFillGray(0)
    canvas.setStrokeGray(0)
    if parts is None:
        _draw_framed(canvas, block, (0, 0, across, up), _ARRANGEMENTS)
    else:
        _draw_framed(canvas, block, parts.words, (_words_alone,))
        _draw_signature(canvas, block, parts.signature)


def _draw_framed(
    canvas: Canvas, block: SignatureBlock, area: Area, arrangements: tuple[_Arrange, ...]
) -> None:
    x, y, across, up = area
    margin = _BAR + 2 * _INSET
    layout = _layout(block, across - margin - _INSET, up - _INSET, arrangements)
    canvas.saveState()
    canvas.translate(x, y)
    canvas.rect(0, 0, _BAR, up, stroke=0, fill=1)
    canvas.translate(margin, _INSET / 2)
    if layout.signature[3] > 0:
        _draw_signature(canvas, block, layout.signature)
    _draw_words(canvas, layout)
    canvas.restoreState()


def _draw_signature(canvas: Canvas, block: SignatureBlock, area: Area) -> None:
    if any(block.strokes or ()):
        _draw_strokes(canvas, block, area)
    else:
        _draw_name(canvas, block.typed_name or block.signer_name, area)


def _draw_words(canvas: Canvas, layout: _Layout) -> None:
    x, y, across, height = layout.text
    for index, (face, line) in enumerate(layout.lines, start=1):
        size = fit_size(line, face, across, largest=layout.size, smallest=1)
        draw_text(
            canvas,
            x,
            y + height - index * layout.size * _LEADING + 0.25 * layout.size,
            line,
            face=face,
            size=size,
        )
