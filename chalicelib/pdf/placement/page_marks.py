"""The marks on a page, read with PDFium for the search for a place to sign: texts, drawn lines, images, form fields.

Limits keep the time short for hostile files. This module renders nothing and unpacks no images. All boxes are in
points on the displayed page."""

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
    Point,
    bounding_box,
    contains,
    multiply,
    sort_corners,
    transform_box,
)
from chalicelib.pdf.placement.label_patterns import may_ask

_MAX_OBJECTS = 20_000
_MAX_ANNOTATIONS = 1_000
_MAX_CHARACTERS, _MAX_WORDS = 40_000, 3_000
"""The limits of one page. A dense page has 6,000 characters and 1,000 words."""
_MAX_ASKING_LINES = 100
"""The most lines on a page that may ask for a signature. A page with more is no form."""
_MAX_RULES = 2_000
_MAX_RULE_THICKNESS = 3.0
"""The largest thickness in points of a shape that counts as a rule (a drawn line)."""
_MIN_RULE_LENGTH = 6.0
_MAX_RULE_GAP = 4.0
_MIN_COLUMN_GAP = 10.0
"""The smallest gap in points between two words of different columns."""
_LIGHT, _WHITE, _TRANSPARENT, _OPAQUE = 200, 255, 256, 40
_MAX_FORM_DEPTH = 12
_REACH = 150.0
"""The distance in points above and below a label within which a block can be placed."""
_MAX_SPAN_TEXT = 160
"""The most characters that are read of the words in one text span. A longer text is prose."""
_MAX_FIELD_NAME = 2000
_PART = re.compile(r"(?P<blank>_{2,}|\.{4,}|\u2026{2,})|(?:(?!_{2,}|\.{4,}|\u2026{2,})\S)+")
_HIDDEN = raw.FPDF_ANNOT_FLAG_HIDDEN | raw.FPDF_ANNOT_FLAG_NOVIEW
_NOT_DRAWN = (raw.FPDF_ANNOT_LINK, raw.FPDF_ANNOT_POPUP)


class PageTooComplex(Exception):
    """The error for a page with too many objects, words or labels. The search for a place to sign skips the page."""


@dataclass(frozen=True)
class Word:
    """A word and the box around its letters."""

    text: str
    box: Box


@dataclass(frozen=True)
class TextSpan:
    """Adjacent words on one line of one column, such as a label beside a blank space."""

    words: tuple[Word, ...]

    @cached_property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)[:_MAX_SPAN_TEXT]

    @cached_property
    def box(self) -> Box:
        return bounding_box([word.box for word in self.words])


@dataclass(frozen=True)
class FormField:
    """A form field on a page. `open` is True if a signature can go there: an empty text field or signature field."""

    name: str
    box: Box
    open: bool
    is_signature: bool


@dataclass(frozen=True)
class PageMarks:
    """The visible marks on a page that decide where the signature block can go.

    `spans` are the texts. `rules` are horizontal lines, including the lines typed as underscores (`blanks`). `areas`
    are the other shapes that must stay visible: images, curves, dark fills and annotations."""

    spans: list[TextSpan] = field(default_factory=list)
    blanks: list[Box] = field(default_factory=list)
    rules: list[Box] = field(default_factory=list)
    vertical_rules: list[Box] = field(default_factory=list)
    areas: list[Box] = field(default_factory=list)
    fields: list[FormField] = field(default_factory=list)


# Text


def _read_characters(reader: pypdfium2.PdfTextPage) -> str:
    """Return the page's text, with one character for each character that PDFium counts, so that indexes match.

    Raise `PageTooComplex` for more than 40,000 characters."""
    count = reader.count_chars()
    if count > _MAX_CHARACTERS:
        raise PageTooComplex
    codes = (raw.FPDFText_GetUnicode(reader, index) for index in range(count))
    # A font may map its codes to invalid numbers.
    return "".join(chr(code) if code <= sys.maxunicode else "\ufffd" for code in codes)


def read_text(reader: pypdfium2.PdfTextPage, to_display: Matrix, fields: list[FormField]) -> PageMarks:
    """Return the words and the typed blank lines near `fields` and near any text that may ask for a signature.

    Distant words are left out, because to read their boxes takes time. The matrix `to_display` maps the page's user
    space to the displayed page. Raise `PageTooComplex` for a page with too many words."""
    text = _read_characters(reader)
    if not fields and not may_ask(text):
        return PageMarks()
    if sum(1 for _ in _PART.finditer(text)) > _MAX_WORDS:
        raise PageTooComplex
    bottoms = _line_bottoms(reader, to_display, text)
    asking = [bottom for line, bottom in bottoms.items() if may_ask(text[slice(*line)])]
    if len(asking) > _MAX_ASKING_LINES:
        raise PageTooComplex
    asking += [field.box[1] for field in fields]
    marks = PageMarks()
    for line, bottom in bottoms.items():
        if any(abs(bottom - other) <= _REACH for other in asking):
            _add_text_line(marks, reader, to_display, text, line)
    return marks


def _line_bottoms(reader: pypdfium2.PdfTextPage, to_display: Matrix, text: str) -> dict[tuple[int, int], float]:
    """Return the bottom edge in points of each line of text. The keys are the indexes of a line's start and end."""
    bottoms = {}
    for line in re.finditer(r"[^\r\n]*\S[^\r\n]*", text):
        spots = (spot for spot in range(*line.span()) if not text[spot].isspace())
        box = next(filter(None, (_character_box(reader, spot, to_display) for spot in spots)), None)
        if box is not None:
            bottoms[line.span()] = box[1]
    return bottoms


def _character_box(reader: pypdfium2.PdfTextPage, spot: int, to_display: Matrix) -> Box | None:
    """Return the box on the displayed page of the character with index `spot`; None if its box is not finite."""
    box = transform_box(reader.get_charbox(spot), to_display)
    return box if _is_finite(box) else None


def _is_finite(box: Box) -> bool:
    return all(map(math.isfinite, box))


def _add_text_line(
    marks: PageMarks, reader: pypdfium2.PdfTextPage, to_display: Matrix, text: str, line: tuple[int, int]
) -> None:
    words: list[Word] = []
    for part in _PART.finditer(text, *line):
        letters = [(text[spot], _character_box(reader, spot, to_display)) for spot in range(*part.span())]
        boxes = [box for _, box in letters if box is not None]
        if part["blank"]:
            marks.blanks.extend([bounding_box(boxes)] if boxes else [])
            marks.spans.extend(_split_spans(words))
            words = []
        elif boxes:
            words.append(Word("".join(letter for letter, box in letters if box is not None), bounding_box(boxes)))
    marks.spans.extend(_split_spans(words))


def _split_spans(words: list[Word]) -> Iterator[TextSpan]:
    """Yield the words of a line as text spans, one for each column: wide gaps separate columns."""
    start = 0
    for index in range(1, len(words) + 1):
        if index == len(words) or _is_gap(words[index - 1].box, words[index].box):
            yield TextSpan(tuple(words[start:index]))
            start = index


def _is_gap(one: Box, following: Box) -> bool:
    gap = following[0] - one[2]
    return gap > max(_MIN_COLUMN_GAP, one[3] - one[1]) or gap < -_MIN_COLUMN_GAP


# Drawings


class _Budget:
    """The number of objects on a page that the search may still read: a limit against hostile files."""

    def __init__(self) -> None:
        self.left = _MAX_OBJECTS

    def spend(self, count: int) -> int:
        """Subtract `count` objects, which the caller is about to read, from the budget, and return `count`.

        A negative count, by which PDFium reports an error, counts as 0. Raise `PageTooComplex` if the budget is used
        up."""
        self.left -= max(0, count)
        if self.left < 0:
            raise PageTooComplex
        return max(0, count)


def add_drawings(marks: PageMarks, page: pypdfium2.PdfPage, to_display: Matrix, label: Box) -> None:
    """Add the page's lines, fills and images to `marks`, as obstacles for a signature at the label in the box `label`.

    A shape that contains this box is an obstacle only if it is a dark fill. Raise `PageTooComplex` for a page with too
    many objects."""
    budget, backgrounds = _Budget(), list[Box]()
    count = budget.spend(raw.FPDFPage_CountObjects(page))
    top = (raw.FPDFPage_GetObject(page, index) for index in range(count))
    for item, matrix in _walk_objects(top, to_display, budget, 0):
        if raw.FPDFPageObj_GetType(item) == raw.FPDF_PAGEOBJ_PATH:
            _add_path(marks, item, matrix, budget, label, backgrounds)
        else:
            _add_area(marks, _bounds(item, matrix), label)
    marks.areas.extend(backgrounds)
    marks.rules[:] = _merge_rules([*marks.rules, *marks.blanks])
    if len(marks.rules) > _MAX_RULES:
        raise PageTooComplex


def _walk_objects(
    items: Iterable[object], matrix: Matrix, budget: _Budget, depth: int
) -> Iterator[tuple[object, Matrix]]:
    """Yield every page object except text, also inside form XObjects, with the matrix to the displayed page.

    Raise `PageTooComplex` if there are too many objects or forms are nested too deeply."""
    for item in items:
        kind = raw.FPDFPageObj_GetType(item)
        if kind == raw.FPDF_PAGEOBJ_FORM:
            count = budget.spend(raw.FPDFFormObj_CountObjects(item))
            if depth >= _MAX_FORM_DEPTH:
                raise PageTooComplex
            inner = (raw.FPDFFormObj_GetObject(item, index) for index in range(count))
            yield from _walk_objects(inner, multiply(_matrix(item), matrix), budget, depth + 1)
        elif kind != raw.FPDF_PAGEOBJ_TEXT:
            yield item, matrix


def _matrix(item: object) -> Matrix:
    m = raw.FS_MATRIX()
    return (m.a, m.b, m.c, m.d, m.e, m.f) if raw.FPDFPageObj_GetMatrix(item, m) else IDENTITY


def _bounds(item: object, matrix: Matrix) -> Box | None:
    left, bottom, right, top = (ctypes.c_float() for _ in range(4))
    if not raw.FPDFPageObj_GetBounds(item, left, bottom, right, top):
        return None
    return transform_box((left.value, bottom.value, right.value, top.value), matrix)


def _add_area(marks: PageMarks, box: Box | None, label: Box) -> None:
    if box is not None and _is_finite(box) and not contains(box, label):
        marks.areas.append(box)


def _darkest_shade(item: object, *, fill: bool) -> int:
    """Return the darkest color channel (0 to 255) of an object's fill or stroke; `_TRANSPARENT` if it is see-through.

    Return 0 if the color cannot be read."""
    red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
    read = raw.FPDFPageObj_GetFillColor if fill else raw.FPDFPageObj_GetStrokeColor
    if not read(item, red, green, blue, alpha):
        return 0
    return int(min(red.value, green.value, blue.value)) if alpha.value >= _OPAQUE else _TRANSPARENT


def _add_path(
    marks: PageMarks, item: object, matrix: Matrix, budget: _Budget, label: Box, backgrounds: list[Box]
) -> None:
    """Add the drawn lines and filled areas of a path to `marks`, as obstacles for the signature block.

    Dark fills behind the box `label` (a signature label) go into `backgrounds`: a later light fill may cover them."""
    fill, stroke = ctypes.c_int(), ctypes.c_int()
    raw.FPDFPath_GetDrawMode(item, fill, stroke)
    to_display = multiply(_matrix(item), matrix)
    budget.spend(raw.FPDFPath_CountSegments(item))
    outlines = list(_outlines(item, to_display)) if fill.value or stroke.value else []
    if fill.value:
        _add_fill(marks, outlines, _darkest_shade(item, fill=True), label, backgrounds)
    if stroke.value and _darkest_shade(item, fill=False) < _WHITE:
        width = ctypes.c_float()
        raw.FPDFPageObj_GetStrokeWidth(item, width)
        pen = max(0.25, width.value * abs(to_display[0] * to_display[3] - to_display[1] * to_display[2]) ** 0.5 / 2)
        for points in outlines:
            for one, other in pairwise(points):
                left, bottom, right, top = sort_corners([*one, *other])
                _add_line(marks, (left - pen, bottom - pen, right + pen, top + pen))


def _add_fill(marks: PageMarks, outlines: list[list[Point]], shade: int, label: Box, backgrounds: list[Box]) -> None:
    """Add a filled shape to `marks`, as an obstacle: a thin shape as a line, a thick shape as an area to keep free.

    A light fill is no obstacle. `backgrounds` collects the dark fills behind the signature label `label`. A later light
    fill behind the label covers the dark fills, so it empties the list."""
    boxes = [bounding_box([(*point, *point) for point in points]) for points in outlines]
    behind = [box for box in boxes if contains(box, label)]
    if shade >= _LIGHT:
        # A visible light fill covers the dark fills that were drawn before.
        if behind and shade < _TRANSPARENT:
            backgrounds.clear()
        return
    # Two outlines around the label are a frame with a hole for the label.
    if len(behind) % 2:
        backgrounds.extend(filter(_is_finite, behind))
    for box in boxes:
        if min(box[2] - box[0], box[3] - box[1]) <= _MAX_RULE_THICKNESS:
            _add_line(marks, box)
        else:
            _add_area(marks, box, label)


def _add_line(marks: PageMarks, box: Box) -> None:
    """Add a drawn line to `marks`: as a horizontal or vertical rule, or as an area if it is sloping or thick."""
    if not _is_finite(box):
        return
    across, up = box[2] - box[0], box[3] - box[1]
    if up <= _MAX_RULE_THICKNESS and across > up:
        marks.rules.append(box)
    elif across <= _MAX_RULE_THICKNESS:
        marks.vertical_rules.append(box)
    else:
        marks.areas.append(box)


def _outlines(item: object, matrix: Matrix) -> Iterator[list[Point]]:
    """Yield the corners of each closed or open part of a path, in points on the displayed page.

    A curve counts as the polygon of its control points."""
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
    """Return the horizontal lines with pieces of one line (such as a dashed line) merged, without very short lines."""
    rows: list[list[Box]] = []
    for rule in sorted(rules, key=lambda box: box[1]):
        if rows and rule[1] - rows[-1][0][1] <= 1:
            rows[-1].append(rule)
        else:
            rows.append([rule])
    merged = [rule for row in rows for rule in _join_row(sorted(row))]
    return [rule for rule in merged if rule[2] - rule[0] >= _MIN_RULE_LENGTH]


def _join_row(row: list[Box]) -> list[Box]:
    joined: list[Box] = []
    for rule in row:
        if joined and rule[0] - joined[-1][2] <= _MAX_RULE_GAP:
            joined[-1] = bounding_box([joined[-1], rule])
        else:
            joined.append(rule)
    return joined


# Form fields and other annotations


def add_annotations(marks: PageMarks, page: pypdfium2.PdfPage, to_display: Matrix) -> None:
    """Add the visible form fields to `marks`, and other visible annotations as areas that must stay visible.

    Raise `PageTooComplex` for a page with too many annotations."""
    count = raw.FPDFPage_GetAnnotCount(page)
    if count > _MAX_ANNOTATIONS:
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
        # A widget that is separate from its field does not show whether the field is signed.
        empty = bool(raw.FPDFAnnot_HasKey(item, b"FT")) and not raw.FPDFAnnot_HasKey(item, b"V")
    else:
        value = _read_string(raw.FPDFAnnot_GetFormFieldValue, form, item)
        empty = kind == raw.FPDF_FORMFIELD_TEXTFIELD and not value.strip()
    return FormField(_read_string(raw.FPDFAnnot_GetFormFieldName, form, item), box, empty, is_signature)


def _read_string(read: Callable[..., int], form: object, item: object) -> str:
    size = min(_MAX_FIELD_NAME, read(form, item, None, 0))
    buffer = ctypes.create_string_buffer(max(2, size))
    read(form, item, ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort)), size)
    return buffer.raw[: max(0, size - 2)].decode("utf-16-le", "replace")
