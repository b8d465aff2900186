"""The signature block: the signature as drawn or typed, and in words who signed what, and when."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf.facts import Point, SignatureBlock
from chalicelib.pdf.typeset import BOLD, PLAIN, SCRIPT, draw, fitting_size, wrap

_SIZES = (10.0, 9.0, 8.5, 8.0, 7.5, 7.0, 6.5, 6.0, 5.5, 5.0, 4.5, 4.0, 3.0)
_LEADING = 1.18
_INSET = 2.0
_BAR = 1.0


def signer_line(name: str, credential: str, npi: str | None) -> str:
    """NAME, CREDENTIAL, NPI N, without what is not known."""
    return ", ".join(part for part in (name, credential, f"NPI {npi}" if npi else "") if part)


def local_time(at: dt.datetime, time_zone: str) -> str:
    """November 22, 2026, 1:05:33 PM CST."""
    local = at.astimezone(ZoneInfo(time_zone))
    clock = f"{local.hour % 12 or 12}:{local:%M:%S %p %Z}"
    return f"{local:%B} {local.day}, {local.year}, {clock}"


def utc_time(at: dt.datetime) -> str:
    """2026-11-22 19:05:33 UTC."""
    return f"{at.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S} UTC"


def _statements(block: SignatureBlock) -> tuple[tuple[str, str], ...]:
    who = signer_line(block.signer_name, block.credential, block.npi)
    when = f"{local_time(block.signed_at, block.time_zone)} ({utc_time(block.signed_at)})"
    return (
        (BOLD, f"Electronically signed by {who}"),
        (PLAIN, when),
        (PLAIN, f"Document ID {block.document_id}"),
    )


@dataclass(frozen=True)
class _Layout:
    """Text size, its lines as (face, text), the text's box and the signature's, as (x, y, width, height)."""

    size: float
    lines: list[tuple[str, str]]
    text: tuple[float, float, float, float]
    signature: tuple[float, float, float, float]


def _lines(block: SignatureBlock, size: float, limit: float) -> list[tuple[str, str]]:
    return [(face, line) for face, text in _statements(block) for line in wrap(text, face, size, limit)]


def _stacked(block: SignatureBlock, size: float, across: float, up: float) -> _Layout | None:
    """The signature above the words."""
    lines = _lines(block, size, across)
    height = len(lines) * size * _LEADING
    left_over = up - height
    if left_over < max(0.34 * up, 1.6 * size):
        return None
    return _Layout(size, lines, (0, 0, across, height), (0, height, across, left_over))


def _side_by_side(block: SignatureBlock, size: float, across: float, up: float) -> _Layout | None:
    """The signature left of the words."""
    beside = 0.4 * across
    lines = _lines(block, size, across - beside - 6)
    height = len(lines) * size * _LEADING
    if height > up or up < 1.6 * size:
        return None
    return _Layout(
        size, lines, (beside + 6, (up - height) / 2, across - beside - 6, height), (0, 0, beside, up)
    )


def _layout(block: SignatureBlock, across: float, up: float) -> _Layout:
    """The arrangement with the largest words; in a box too small for any, the smallest words run over."""
    for size in _SIZES:
        for arrange in (_stacked, _side_by_side):
            found = arrange(block, size, across, up)
            if found is not None:
                return found
    lines = _lines(block, _SIZES[-1], across)
    return _Layout(_SIZES[-1], lines, (0, 0, across, up / 2), (0, up / 2, across, up / 2))


def _name_lines(name: str, across: float, up: float) -> tuple[float, list[str]]:
    """(size, lines) of a typed name, on as many lines as let it be largest."""
    best: tuple[float, list[str]] = (0.0, [name])
    for count in (1, 2, 3):
        size = min(up / (1.15 * count), 40.0)
        lines = [name] if count == 1 else wrap(name, SCRIPT, size, across)
        size = min([size, *(fitting_size(line, SCRIPT, across, largest=size, smallest=1) for line in lines)])
        if len(lines) <= count and size > best[0]:
            best = (size, lines)
    return best


def _draw_name(canvas: Canvas, name: str, area: tuple[float, float, float, float]) -> None:
    x, y, across, up = area
    size, lines = _name_lines(name, across, up)
    base = y + (up - len(lines) * size * 1.1) / 2 + 0.3 * size
    for index, line in enumerate(reversed(lines)):
        draw(canvas, x, base + index * size * 1.1, line, face=SCRIPT, size=size)


def _fitted(block: SignatureBlock, area: tuple[float, float, float, float]) -> list[list[Point]]:
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


def _draw_strokes(canvas: Canvas, block: SignatureBlock, area: tuple[float, float, float, float]) -> None:
    pen = min(1.4, max(0.5, area[3] / 24))
    canvas.setLineCap(1)
    canvas.setLineJoin(1)
    canvas.setLineWidth(pen)
    x, y, across, up = area
    for stroke in _fitted(block, (x + pen, y + pen, across - 2 * pen, up - 2 * pen)):
        _draw_stroke(canvas, stroke)


def draw_block(canvas: Canvas, block: SignatureBlock, across: float, up: float) -> None:
    """Draws the block into (0, 0, across, up), in points: a bar, the signature, the words; no background."""
    canvas.setFillGray(0)
    canvas.setStrokeGray(0)
    canvas.rect(0, 0, _BAR, up, stroke=0, fill=1)
    margin = _BAR + 2 * _INSET
    canvas.saveState()
    canvas.translate(margin, _INSET / 2)
    layout = _layout(block, across - margin - _INSET, up - _INSET)
    if any(block.strokes or ()):
        _draw_strokes(canvas, block, layout.signature)
    else:
        _draw_name(canvas, block.typed_name or block.signer_name, layout.signature)
    _draw_words(canvas, layout)
    canvas.restoreState()


def _draw_words(canvas: Canvas, layout: _Layout) -> None:
    x, y, across, height = layout.text
    for index, (face, line) in enumerate(layout.lines, start=1):
        size = fitting_size(line, face, across, largest=layout.size, smallest=1)
        draw(
            canvas,
            x,
            y + height - index * layout.size * _LEADING + 0.25 * layout.size,
            line,
            face=face,
            size=size,
        )
