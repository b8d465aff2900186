"""What is on a page: pieces of text, rules and walls, pictures, form fields; read lazily, and bounded.

PDFium has parsed all of it when it loaded the page, as inspection did: nothing is drawn here, no picture is
unpacked, and a page with more than `_MOST` objects is given up. All boxes are in displayed points.
"""

from __future__ import annotations

import ctypes
import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import pypdfium2
from pypdfium2 import raw

from chalicelib.pdf.geometry import (
    IDENTITY,
    Box,
    Matrix,
    bounding_box,
    contains,
    multiply,
    sort_corners,
    transform_box,
)
from chalicelib.pdf.placement.label_patterns import may_ask

_MOST = 20_000
_MOST_ANNOTATIONS = 1_000
_MOST_CHARACTERS, _MOST_WORDS = 40_000, 3_000
"""Of a page: a dense one has 6,000 characters and 1,000 words."""
_MOST_ASKING = 100
"""Lines of text that may ask for a signature: a page with more is no form."""
_MOST_RULES = 2_000
_THIN = 3.0
"""Points: what is no thicker is a line."""
_LINE_LEAST = 6.0
_JOINED = 4.0
_COLUMN = 10.0
"""Points between two words that make them pieces of different columns."""
_LIGHT, _WHITE, _UNSEEN, _OPAQUE = 200, 255, 256, 40
_DEEPEST = 12
_REACH = 150.0
"""Points above and below a label in which a block can come to stand."""
_LONGEST = 160
"""Characters: longer pieces are prose."""
_LONGEST_NAME = 2000
_PART = re.compile(r"(?P<blank>_{2,}|\.{4,}|\u2026{2,})|(?:(?!_{2,}|\.{4,}|\u2026{2,})\S)+")
_HIDDEN = raw.FPDF_ANNOT_FLAG_HIDDEN | raw.FPDF_ANNOT_FLAG_NOVIEW
_NOT_DRAWN = (raw.FPDF_ANNOT_LINK, raw.FPDF_ANNOT_POPUP)
Point = tuple[float, float]


class PageTooComplex(Exception):
    """A page of too many objects to look at."""


@dataclass(frozen=True)
class Word:
    text: str
    box: Box


@dataclass(frozen=True)
class TextSpan:
    """Words that stand together, of one column."""

    words: tuple[Word, ...]

    @cached_property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)[:_LONGEST]

    @cached_property
    def box(self) -> Box:
        return bounding_box([word.box for word in self.words])


@dataclass(frozen=True)
class FormField:
    """A form field; `open` where it is of text or for a signature, and empty."""

    name: str
    box: Box
    open: bool
    is_signature: bool


@dataclass(frozen=True)
class PageMarks:
    """`rules` are level lines, drawn or of underscores (`blanks`); `walls` upright ones; `areas` what else
    must stay free: pictures, curves, dark fills, annotations.
    """

    spans: list[TextSpan] = field(default_factory=list)
    blanks: list[Box] = field(default_factory=list)
    rules: list[Box] = field(default_factory=list)
    vertical_rules: list[Box] = field(default_factory=list)
    areas: list[Box] = field(default_factory=list)
    fields: list[FormField] = field(default_factory=list)


# Text


def _characters(reader: pypdfium2.PdfTextPage) -> str:
    """One for each box that PDFium has."""
    count = reader.count_chars()
    if count > _MOST_CHARACTERS:
        raise PageTooComplex
    return "".join(_character(raw.FPDFText_GetUnicode(reader, index)) for index in range(count))


def _character(code: int) -> str:
    # A font's map may say anything.
    return chr(code) if code <= sys.maxunicode else "\ufffd"


def read_text(reader: pypdfium2.PdfTextPage, to_display: Matrix, fields: list[FormField]) -> PageMarks:
    """The words around these fields and whatever may ask for a signature, and the blanks typed between them.

    Boxes take time: words further off are left out, and a page of very many words is given up.
    """
    text = _characters(reader)
    if not fields and not may_ask(text):
        return PageMarks()
    if sum(1 for _ in _PART.finditer(text)) > _MOST_WORDS:
        raise PageTooComplex
    floors = _floors(reader, to_display, text)
    asking = [floor for line, floor in floors.items() if may_ask(text[slice(*line)])]
    if len(asking) > _MOST_ASKING:
        raise PageTooComplex
    asking += [field.box[1] for field in fields]
    marks = PageMarks()
    for line, floor in floors.items():
        if any(abs(floor - other) <= _REACH for other in asking):
            _add_text_line(marks, reader, to_display, text, line)
    return marks


def _floors(reader: pypdfium2.PdfTextPage, to_display: Matrix, text: str) -> dict[tuple[int, int], float]:
    """The lines of text, and how high on the page each begins."""
    floors = {}
    for line in re.finditer(r"[^\r\n]*\S[^\r\n]*", text):
        spots = (spot for spot in range(*line.span()) if not text[spot].isspace())
        box = next(filter(None, (_character_box(reader, spot, to_display) for spot in spots)), None)
        if box is not None:
            floors[line.span()] = box[1]
    return floors


def _character_box(reader: pypdfium2.PdfTextPage, spot: int, to_display: Matrix) -> Box | None:
    """None for a character that is nowhere: its matrix may hold numbers that are none."""
    box = transform_box(reader.get_charbox(spot), to_display)
    return box if _is_finite(box) else None


def _is_finite(box: Box) -> bool:
    return all(map(math.isfinite, box))


def _add_text_line(
    marks: PageMarks, reader: pypdfium2.PdfTextPage, to_display: Matrix, text: str, line: tuple[int, int]
) -> None:
    words: list[Word] = []
    for part in _PART.finditer(text, *line):
        found = [(text[spot], _character_box(reader, spot, to_display)) for spot in range(*part.span())]
        boxes = [box for _, box in found if box is not None]
        if part["blank"]:
            marks.blanks.extend([bounding_box(boxes)] if boxes else [])
            marks.spans.extend(_split(words))
            words = []
        elif boxes:
            words.append(
                Word("".join(letter for letter, box in found if box is not None), bounding_box(boxes))
            )
    marks.spans.extend(_split(words))


def _split(words: list[Word]) -> Iterator[TextSpan]:
    """The words of a line as pieces, which wide gaps part."""
    start = 0
    for index in range(1, len(words) + 1):
        if index == len(words) or _is_gap(words[index - 1].box, words[index].box):
            yield TextSpan(tuple(words[start:index]))
            start = index


def _is_gap(one: Box, following: Box) -> bool:
    gap = following[0] - one[2]
    return gap > max(_COLUMN, one[3] - one[1]) or gap < -_COLUMN


# Drawings


class _Budget:
    def __init__(self) -> None:
        self.left = _MOST

    def spend(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise PageTooComplex


def add_drawings(marks: PageMarks, page: pypdfium2.PdfPage, to_display: Matrix, label: Box) -> None:
    """Adds what is drawn around the label; what lies behind it is its ground, and no obstacle unless dark."""
    budget, grounds = _Budget(), list[Box]()
    top = (raw.FPDFPage_GetObject(page, index) for index in range(_count_objects(budget, page)))
    for item, matrix in _walk_objects(top, to_display, budget, 0):
        if raw.FPDFPageObj_GetType(item) == raw.FPDF_PAGEOBJ_PATH:
            _add_path(marks, item, matrix, budget, label, grounds)
        else:
            _add_area(marks, _bounds(item, matrix), label)
    marks.areas.extend(grounds)
    marks.rules[:] = _merge_rules([*marks.rules, *marks.blanks])
    if len(marks.rules) > _MOST_RULES:
        raise PageTooComplex


def _count_objects(budget: _Budget, page: pypdfium2.PdfPage) -> int:
    count = max(0, int(raw.FPDFPage_CountObjects(page)))
    budget.spend(count)
    return count


def _walk_objects(
    items: Iterable[object], matrix: Matrix, budget: _Budget, depth: int
) -> Iterator[tuple[object, Matrix]]:
    """Every object but text, those of forms in forms too, with its matrix to displayed points."""
    for item in items:
        kind = raw.FPDFPageObj_GetType(item)
        if kind == raw.FPDF_PAGEOBJ_FORM:
            count = max(0, raw.FPDFFormObj_CountObjects(item))
            budget.spend(count)
            if depth >= _DEEPEST:
                raise PageTooComplex
            inner = (raw.FPDFFormObj_GetObject(item, index) for index in range(count))
            yield from _walk_objects(inner, multiply(_matrix(item), matrix), budget, depth + 1)
        elif kind != raw.FPDF_PAGEOBJ_TEXT:
            yield item, matrix


def _matrix(item: object) -> Matrix:
    found = raw.FS_MATRIX()
    if not raw.FPDFPageObj_GetMatrix(item, found):
        return IDENTITY
    return (found.a, found.b, found.c, found.d, found.e, found.f)


def _bounds(item: object, matrix: Matrix) -> Box | None:
    left, bottom, right, top = (ctypes.c_float() for _ in range(4))
    if not raw.FPDFPageObj_GetBounds(item, left, bottom, right, top):
        return None
    return transform_box((left.value, bottom.value, right.value, top.value), matrix)


def _add_area(marks: PageMarks, box: Box | None, label: Box) -> None:
    if box is not None and _is_finite(box) and not contains(box, label):
        marks.areas.append(box)


def _darkest_shade(item: object, *, fill: bool) -> int:
    """The darkest of its colours, `_UNSEEN` where it is none."""
    red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
    read = raw.FPDFPageObj_GetFillColor if fill else raw.FPDFPageObj_GetStrokeColor
    if not read(item, red, green, blue, alpha):
        return 0
    return int(min(red.value, green.value, blue.value)) if alpha.value >= _OPAQUE else _UNSEEN


def _add_path(
    marks: PageMarks, item: object, matrix: Matrix, budget: _Budget, label: Box, grounds: list[Box]
) -> None:
    """`grounds` are the dark fills behind the label, so far."""
    fill, stroke = ctypes.c_int(), ctypes.c_int()
    raw.FPDFPath_GetDrawMode(item, fill, stroke)
    own = multiply(_matrix(item), matrix)
    budget.spend(max(0, raw.FPDFPath_CountSegments(item)))
    outlines = list(_outlines(item, own)) if fill.value or stroke.value else []
    if fill.value:
        _add_fill(marks, outlines, _darkest_shade(item, fill=True), label, grounds)
    if stroke.value and _darkest_shade(item, fill=False) < _WHITE:
        width = ctypes.c_float()
        raw.FPDFPageObj_GetStrokeWidth(item, width)
        pen = max(0.25, width.value * abs(own[0] * own[3] - own[1] * own[2]) ** 0.5 / 2)
        for points in outlines:
            for one, other in pairwise(points):
                _add_line(marks, _grow(sort_corners([*one, *other]), pen))


def _add_fill(
    marks: PageMarks, outlines: list[list[Point]], shade: int, label: Box, grounds: list[Box]
) -> None:
    """Dark fills must stay free. What is behind the label was drawn before it: white words in a dark bar."""
    boxes = [bounding_box([(*point, *point) for point in points]) for points in outlines]
    behind = [box for box in boxes if contains(box, label)]
    if shade >= _LIGHT:
        # Paper over whatever was dark there, where it can be seen.
        if behind and shade < _UNSEEN:
            grounds.clear()
        return
    # Two outlines around the label are a frame, with a hole for it.
    if len(behind) % 2:
        grounds.extend(filter(_is_finite, behind))
    for box in boxes:
        if min(box[2] - box[0], box[3] - box[1]) <= _THIN:
            _add_line(marks, box)
        else:
            _add_area(marks, box, label)


def _grow(box: Box, by: float) -> Box:
    return (box[0] - by, box[1] - by, box[2] + by, box[3] + by)


def _add_line(marks: PageMarks, box: Box) -> None:
    if not _is_finite(box):
        return
    across, up = box[2] - box[0], box[3] - box[1]
    if up <= _THIN and across > up:
        marks.rules.append(box)
    elif across <= _THIN:
        marks.vertical_rules.append(box)
    else:
        marks.areas.append(box)


def _outlines(item: object, matrix: Matrix) -> Iterator[list[Point]]:
    """The corners of each stretch of a path; a curve is taken for the polygon of its control points."""
    points: list[Point] = []
    x, y = ctypes.c_float(), ctypes.c_float()
    for index in range(raw.FPDFPath_CountSegments(item)):
        segment = raw.FPDFPath_GetPathSegment(item, index)
        raw.FPDFPathSegment_GetPoint(segment, x, y)
        if raw.FPDFPathSegment_GetType(segment) == raw.FPDF_SEGMENT_MOVETO and points:
            yield points
            points = []
        left, bottom, _, _ = transform_box((x.value, y.value, x.value, y.value), matrix)
        points.append((left, bottom))
        if raw.FPDFPathSegment_GetClose(segment):
            points.append(points[0])
    if points:
        yield points


def _merge_rules(rules: list[Box]) -> list[Box]:
    """Rules that go on where another of their height ends, as one; the longer ones alone."""
    rows: list[list[Box]] = []
    for rule in sorted(rules, key=lambda box: box[1]):
        if rows and rule[1] - rows[-1][0][1] <= 1:
            rows[-1].append(rule)
        else:
            rows.append([rule])
    done = [joined for row in rows for joined in _join_row(sorted(row))]
    return [rule for rule in done if rule[2] - rule[0] >= _LINE_LEAST]


def _join_row(row: list[Box]) -> list[Box]:
    done: list[Box] = []
    for rule in row:
        if done and rule[0] - done[-1][2] <= _JOINED:
            done[-1] = bounding_box([done[-1], rule])
        else:
            done.append(rule)
    return done


# Form fields and other annotations


def add_annotations(marks: PageMarks, page: pypdfium2.PdfPage, to_display: Matrix) -> None:
    """Adds form fields, and whatever else a viewer draws over the page."""
    count = raw.FPDFPage_GetAnnotCount(page)
    if count > _MOST_ANNOTATIONS:
        raise PageTooComplex
    for index in range(count):
        item = raw.FPDFPage_GetAnnot(page, index)
        if item:
            try:
                _add_annotation(marks, page, item, to_display)
            finally:
                raw.FPDFPage_CloseAnnot(item)


def _add_annotation(marks: PageMarks, page: pypdfium2.PdfPage, item: object, to_display: Matrix) -> None:
    place = raw.FS_RECTF()
    kind = raw.FPDFAnnot_GetSubtype(item)
    hidden = raw.FPDFAnnot_GetFlags(item) & _HIDDEN or kind in _NOT_DRAWN
    if hidden or not raw.FPDFAnnot_GetRect(item, place):
        return
    box = transform_box((place.left, place.bottom, place.right, place.top), to_display)
    if not _is_finite(box):
        return
    if kind == raw.FPDF_ANNOT_WIDGET and page.formenv is not None:
        marks.fields.append(_read_field(page.formenv, item, box))
    else:
        marks.areas.append(box)


def _read_field(form: object, item: object, box: Box) -> FormField:
    kind = raw.FPDFAnnot_GetFormFieldType(form, item)
    is_signature = kind == raw.FPDF_FORMFIELD_SIGNATURE
    if is_signature:
        # A widget apart from its field does not tell whether the field is signed.
        empty = bool(raw.FPDFAnnot_HasKey(item, b"FT")) and not raw.FPDFAnnot_HasKey(item, b"V")
    else:
        value = _read_string(raw.FPDFAnnot_GetFormFieldValue, form, item)
        empty = kind == raw.FPDF_FORMFIELD_TEXTFIELD and not value.strip()
    return FormField(_read_string(raw.FPDFAnnot_GetFormFieldName, form, item), box, empty, is_signature)


def _read_string(read: Callable[..., int], form: object, item: object) -> str:
    size = min(_LONGEST_NAME, read(form, item, None, 0))
    room = ctypes.create_string_buffer(max(2, size))
    read(form, item, ctypes.cast(room, ctypes.POINTER(ctypes.c_ushort)), size)
    return room.raw[: max(0, size - 2)].decode("utf-16-le", "replace")
