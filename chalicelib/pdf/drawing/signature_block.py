"""The drawing of the signature block: the drawn or typed signature, with words about signer, time and document."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf.geometry import Box, Point
from chalicelib.pdf.models import SignatureBlock, SignatureParts
from chalicelib.pdf.text.bidi import isolate
from chalicelib.pdf.text.layout import BOLD, PLAIN, SCRIPT, draw_text, fit_size, text_width, wrap
from chalicelib.pdf.text.local_times import format_local_time, format_utc_time
from chalicelib.pdf.text.signer_names import format_signer

LEGIBLE = 6.5
"""The smallest text size in points that a fax shows in its standard resolution (98 lines an inch)."""
_SIZES = (10.0, 9.0, 8.5, 8.0, 7.5, 7.0, LEGIBLE)
_TOO_SMALL = (6.0, 5.5, 5.0, 4.5, 4.0, 3.0)
"""Text sizes that a fax may not show, for a box that a sender chose too small for the words."""
_SLACK = 0.01
_MIN_SIGNATURE_SHARE = 0.27
"""The least share of the block's height that a signature above the words must get."""
_LEADING = 1.18
_INSET = 2.0
_BAR = 1.0


def _wrap_words(block: SignatureBlock, size: float, limit: float, *, brief: bool) -> list[tuple[str, str]]:
    """Return the words of the signature block (signer, time, document id) as pairs of a font and a line of text.

    The lines are no wider than `limit` points. The brief form leaves out the time in UTC."""
    who = format_signer(isolate(block.signer_name), isolate(block.credential), block.npi)
    statements = (
        (BOLD, f"Electronically signed by {who}"),
        *((PLAIN, time) for time in _time_lines(block, size, limit, brief=brief)),
        (PLAIN, f"Document ID {block.document_id}"),
    )
    return [(face, line) for face, text in statements for line in wrap(text, face, size, limit)]


def _time_lines(block: SignatureBlock, size: float, limit: float, *, brief: bool) -> tuple[str, ...]:
    """Return the time of signing as lines of text: the local time and UTC in one line if they fit, else in two lines.

    The brief form has only the local time."""
    local, utc = format_local_time(block.signed_at, block.time_zone), f"({format_utc_time(block.signed_at)})"
    if brief:
        return (local,)
    both = f"{local} {utc}"
    return (both,) if text_width(both, PLAIN, size) <= limit else (local, utc)


@dataclass(frozen=True)
class _Layout:
    """A layout of the signature block: the text size, the lines as (font, text), and the boxes of text and signature.

    `signature` is None if the signature is drawn elsewhere."""

    size: float
    lines: list[tuple[str, str]]
    text: Box
    signature: Box | None = None


def _stack(block: SignatureBlock, size: float, width: float, height: float, *, brief: bool) -> _Layout | None:
    """Return a layout of the signature block with the signature above the words; None if the space is too small."""
    lines = _wrap_words(block, size, width, brief=brief)
    words = len(lines) * size * _LEADING
    if height - words < max(_MIN_SIGNATURE_SHARE * height, 1.6 * size):
        return None
    return _Layout(size, lines, (0, 0, width, words), (0, words, width, height))


def _place_beside(block: SignatureBlock, size: float, width: float, height: float, *, brief: bool) -> _Layout | None:
    """Return a layout of the signature block with the signature left of the words; None if the space is too small."""
    signature = 0.4 * width
    left = signature + 6
    lines = _wrap_words(block, size, width - left, brief=brief)
    words = len(lines) * size * _LEADING
    if words > height or height < 1.6 * size:
        return None
    bottom = (height - words) / 2
    return _Layout(size, lines, (left, bottom, width, bottom + words), (0, 0, signature, height))


def _place_words(block: SignatureBlock, size: float, width: float, height: float, *, brief: bool) -> _Layout | None:
    """Return a layout of only the signature block's words, at the top of a box; None if the box is too small."""
    lines = _wrap_words(block, size, width, brief=brief)
    words = len(lines) * size * _LEADING
    return _Layout(size, lines, (0, height - words, width, height)) if words <= height else None


_Arrange = Callable[..., _Layout | None]
_ARRANGEMENTS: tuple[_Arrange, ...] = (_stack, _place_beside)


def _choose_layout(block: SignatureBlock, width: float, height: float, arrangements: tuple[_Arrange, ...]) -> _Layout:
    """Return the signature block's layout with the largest text: all words if legible, else the brief form without UTC.

    In a box that is too small for any layout, the smallest text overflows. `arrangements` are the functions to try."""
    for sizes, brief in ((_SIZES, False), (_SIZES, True), (_TOO_SMALL, True)):
        for size in sizes:
            for arrange in arrangements:
                layout = arrange(block, size, width, height, brief=brief)
                if layout is not None:
                    return layout
    lines = _wrap_words(block, _TOO_SMALL[-1], width, brief=True)
    return _Layout(_TOO_SMALL[-1], lines, (0, 0, width, height / 2), (0, height / 2, width, height))


def is_legible(block: SignatureBlock, width: float, height: float, *, brief: bool) -> bool:
    """Return True if a space of that size in points has room for the signature block in text large enough for a fax.

    The brief form of the block leaves out the time in UTC."""
    inner = (width - _BAR - 3 * _INSET, height - _INSET)
    return any(arrange(block, LEGIBLE, *inner, brief=brief) for arrange in _ARRANGEMENTS)


@lru_cache(maxsize=16)
def measure_words_height(block: SignatureBlock, width: float) -> float:
    """Return the height in points that the signature block's words need in a box of that width, in the smallest text.

    The smallest text is the smallest that is legible after a fax transmission."""
    lines = _wrap_words(block, LEGIBLE, width - _BAR - 3 * _INSET, brief=False)
    return len(lines) * LEGIBLE * _LEADING + _INSET + _SLACK


def _fit_name(name: str, width: float, height: float) -> tuple[float, list[str]]:
    """Return the largest text size at which a typed signature fits into a box, and its one to three lines of text."""
    best: tuple[float, list[str]] = (0.0, [name])
    for count in (1, 2, 3):
        size = min(height / (1.15 * count), 40.0)
        lines = [name] if count == 1 else wrap(name, SCRIPT, size, width)
        size = min([size, *(fit_size(line, SCRIPT, width, largest=size, smallest=1) for line in lines)])
        if len(lines) <= count and size > best[0]:
            best = (size, lines)
    return best


def _draw_name(canvas: Canvas, name: str, box: Box) -> None:
    left, bottom, right, top = box
    size, lines = _fit_name(name, right - left, top - bottom)
    base = bottom + (top - bottom - len(lines) * size * 1.1) / 2 + 0.3 * size
    for index, line in enumerate(reversed(lines)):
        draw_text(canvas, left, base + index * size * 1.1, line, face=SCRIPT, size=size)


def _scale_strokes(block: SignatureBlock, box: Box) -> list[list[Point]]:
    """Return the strokes of a drawn signature as points in the box, scaled in proportion to fill the box."""
    width, height = box[2] - box[0], box[3] - box[1]
    strokes = [[(x * block.strokes_aspect, 1 - y) for x, y in stroke] for stroke in block.strokes or () if stroke]
    xs, ys = [p[0] for s in strokes for p in s], [p[1] for s in strokes for p in s]
    left, bottom = min(xs), min(ys)
    scale = min(width / max(max(xs) - left, 1e-3), height / max(max(ys) - bottom, 1e-3), width, height * 4)
    return [[(box[0] + (x - left) * scale, box[1] + (y - bottom) * scale) for x, y in stroke] for stroke in strokes]


def _draw_stroke(canvas: Canvas, points: list[Point]) -> None:
    """Draw one stroke of a signature as a smooth curve through the middles between its points; one point is a dot."""
    path = canvas.beginPath()
    path.moveTo(*points[0])
    path.lineTo(*points[0])
    last = points[0]
    for index in range(1, len(points)):
        bend, following = points[index], points[min(index + 1, len(points) - 1)]
        middle = _interpolate(bend, following, 1 / 2)
        path.curveTo(*_interpolate(last, bend, 2 / 3), *_interpolate(middle, bend, 2 / 3), *middle)
        last = middle
    canvas.drawPath(path, stroke=1, fill=0)


def _interpolate(start: Point, end: Point, share: float) -> Point:
    return (start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share)


def _draw_strokes(canvas: Canvas, block: SignatureBlock, box: Box) -> None:
    left, bottom, right, top = box
    pen = min(1.4, max(0.5, (top - bottom) / 24))
    canvas.setLineCap(1)
    canvas.setLineJoin(1)
    canvas.setLineWidth(pen)
    for stroke in _scale_strokes(block, (left + pen, bottom + pen, right - pen, top - pen)):
        _draw_stroke(canvas, stroke)


def draw_block(
    canvas: Canvas, block: SignatureBlock, width: float, height: float, parts: SignatureParts | None = None
) -> None:
    """Draw the signature block (a bar, the signature and its words) into the box (0, 0, width, height) in points.

    The block has no background, so the document stays visible. With `parts`, the signature goes into one box, and the
    words with the bar go into another box."""
    canvas.setFillGray(0)
    canvas.setStrokeGray(0)
    if parts is None:
        _draw_beside_bar(canvas, block, (0, 0, width, height), _ARRANGEMENTS)
    else:
        _draw_beside_bar(canvas, block, parts.words, (_place_words,))
        _draw_signature(canvas, block, parts.signature)


def _draw_beside_bar(canvas: Canvas, block: SignatureBlock, box: Box, arrangements: tuple[_Arrange, ...]) -> None:
    left, bottom, right, top = box
    margin = _BAR + 2 * _INSET
    layout = _choose_layout(block, right - left - margin - _INSET, top - bottom - _INSET, arrangements)
    canvas.saveState()
    canvas.translate(left, bottom)
    canvas.rect(0, 0, _BAR, top - bottom, stroke=0, fill=1)
    canvas.translate(margin, _INSET / 2)
    if layout.signature is not None:
        _draw_signature(canvas, block, layout.signature)
    _draw_words(canvas, layout)
    canvas.restoreState()


def _draw_signature(canvas: Canvas, block: SignatureBlock, box: Box) -> None:
    if any(block.strokes or ()):
        _draw_strokes(canvas, block, box)
    else:
        _draw_name(canvas, block.typed_name or block.signer_name, box)


def _draw_words(canvas: Canvas, layout: _Layout) -> None:
    left, _, right, top = layout.text
    for index, (face, line) in enumerate(layout.lines, start=1):
        size = fit_size(line, face, right - left, largest=layout.size, smallest=1)
        baseline = top - index * layout.size * _LEADING + 0.25 * layout.size
        draw_text(canvas, left, baseline, line, face=face, size=size)
