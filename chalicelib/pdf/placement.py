"""Finding where a document asks for the provider's signature, and the free room there."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass

import pypdfium2
from pypdfium2 import raw

from chalicelib.pdf.facts import SignatureField
from chalicelib.pdf.reading import Box, Display, Matrix, invert, transform_box
from chalicelib.pdf.render import open_for_display

_WHO = r"(?:physician|provider|practitioner|prescriber|doctor)(?:['\u2019]?s?['\u2019]?)"
_LABEL = re.compile(
    rf"(?:(?:certifying|referring|attending|treating|ordering)\s+)?{_WHO}(?:\s*(?:/|or)\s*{_WHO}){{0,2}}\s+signature"
    rf"|signature\s+of\s+(?:the\s+)?(?:\w+\s+)?{_WHO}(?:\s*(?:/|or)\s*{_WHO}){{0,2}}",
    re.IGNORECASE,
)
_BLANK = re.compile(r"[\s_.:\u2026]*")
_WIDEST, _TALLEST = 250.0, 54.0
_NARROWEST, _LOWEST = 130.0, 24.0
_MARGIN = 18.0
_GAP = 2.0


@dataclass(frozen=True)
class _Line:
    """A line of text with the box of each of its characters, in displayed points."""

    text: str
    boxes: tuple[Box, ...]


def _displayed(page: pypdfium2.PdfPage) -> Display:
    left, bottom, right, top = page.get_bbox()
    return Display((left, bottom, right, top), page.get_rotation(), 1.0)


def _characters(reader: pypdfium2.PdfTextPage) -> str:
    return "".join(chr(raw.FPDFText_GetUnicode(reader, index)) for index in range(reader.count_chars()))


def _lines(page: pypdfium2.PdfPage, to_display: Matrix) -> list[_Line]:
    """The page's lines of text; none where no label is among them, as boxes take time."""
    reader = page.get_textpage()
    text = _characters(reader)
    if not _LABEL.search(text):
        return []
    return [
        _Line(
            line.group(),
            tuple(transform_box(reader.get_charbox(spot), to_display) for spot in range(*line.span())),
        )
        for line in re.finditer(r"[^\r\n]+", text)
    ]


def _around(line: _Line, start: int, end: int) -> Box:
    """The box of a stretch of a line; spaces have no box of their own."""
    boxes = [line.boxes[spot] for spot in range(start, end) if not line.text[spot].isspace()]
    lefts, bottoms, rights, tops = zip(*boxes, strict=True)
    return (min(lefts), min(bottoms), max(rights), max(tops))


def _obstacles(lines: list[_Line]) -> list[Box]:
    """Boxes of all the words; blanks to be filled in are room, not obstacles."""
    return [_around(line, *word.span()) for line in lines for word in re.finditer(r"[^\s_]+", line.text)]


def _meets(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _room(x: float, y: float, size: tuple[float, float], obstacles: list[Box]) -> Box | None:
    """The largest free box whose lower left corner is (x, y), at most `_WIDEST` by `_TALLEST`."""
    right, top = min(x + _WIDEST, size[0] - _MARGIN), min(y + _TALLEST, size[1] - _MARGIN)
    beside = [o[0] - 2 * _GAP for o in obstacles if _meets(o, (x, y, right, y + _LOWEST))]
    right = min([right, *(edge for edge in beside)])
    above = [o[1] - _GAP for o in obstacles if _meets(o, (x, y, right, top))]
    top = min([top, *above])
    return (x, y, right, top) if right - x >= _NARROWEST and top - y >= _LOWEST else None


def _spot(line: _Line, label: re.Match[str], size: tuple[float, float], obstacles: list[Box]) -> Box | None:
    """On the blank after the label if there is one, else above the label, else after it."""
    left, bottom, right, top = _around(line, *label.span())
    beside, above = (right + 3 * _GAP, bottom + 1.5 * _GAP), (left, top + _GAP)
    has_blank = re.match(r"\s*(?::|_)", line.text[label.end() :])
    for x, y in (beside, above) if has_blank else (above, beside):
        room = _room(x, y, size, obstacles)
        if room is not None:
            return room
    return None


def _is_label(line: _Line, match: re.Match[str]) -> bool:
    """Whether the words label a blank, rather than stand in a sentence that speaks of a signature."""
    before, after = line.text[: match.start()], line.text[match.end() :]
    blank = _BLANK.match(after)
    rest = after[blank.end() :] if blank else after
    opens = not before.strip() or before.rstrip().endswith(("_", ":", "  ")) or len(before.split()) <= 1
    closes = (
        not rest
        or "_" in after
        or after.lstrip().startswith((":", "/", "("))
        or rest.lower().startswith("date")
    )
    return opens and closes


def _on_page(page: pypdfium2.PdfPage) -> Box | None:
    display = _displayed(page)
    lines = _lines(page, invert(display.to_user))
    obstacles = _obstacles(lines)
    for line in reversed(lines):
        for match in _LABEL.finditer(line.text):
            spot = _spot(line, match, display.size, obstacles) if _is_label(line, match) else None
            if spot is not None:
                return spot
    return None


def find_signature_field(data: bytes, units: tuple[float, ...]) -> SignatureField | None:
    """Where the text asks for the provider's signature, the last such place first; None if nowhere.

    `units` is each page's UserUnit, which PDFium does not know.
    """
    with open_for_display(data) as document:
        for index in range(len(document) - 1, -1, -1):
            spot = None
            # A page that cannot be loaded asks for nothing.
            with suppress(pypdfium2.PdfiumError):
                spot = _on_page(document[index])
            if spot is not None:
                left, bottom, right, top = (edge * units[index] for edge in spot)
                return SignatureField(index + 1, left, bottom, right - left, top - bottom)
    return None
