"""A label that asks for a signature, and what is around it on its page: words, lines, where others write."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import pypdfium2

from chalicelib.pdf.geometry import Box, Matrix, bounding_box, contains, invert, overlaps
from chalicelib.pdf.placement.label_patterns import (
    Asks,
    field_is_for_provider,
    is_providers_name,
    match_label,
    names_other_signer,
)
from chalicelib.pdf.placement.page_marks import (
    FormField,
    PageMarks,
    PageTooComplex,
    TextSpan,
    add_annotations,
    add_drawings,
    read_text,
)
from chalicelib.pdf.reader import Display

WIDEST, TALLEST = 250.0, 58.0
"""Points that the block takes at most."""
GAP = 2.0
SHIFT = 25.0
"""How far from the beginning of its line the block may begin."""
TO_LINE = 40.0
"""From a label to a line, or a field, that is beside it."""
TO_NAME = 200.0
"""From the provider's name to a *Signature* of its row."""
WRITING = 12.0
"""Height over somebody else's line that is kept free."""
LINE_SHORT = 36.0
SEPARATOR = 400.0
"""Points: a rule of that length parts sections, and is nobody's line."""
NEIGHBOURS = 45.0
WORDY = 8
"""Words that a label of somebody else may have."""
_MARGIN = 18.0
_CELL = (600.0, 170.0)
_SHORT = 5
"""Words of a label."""
_MOST_LABELS = 40
"""Of a page: one with more is given up."""


@dataclass(frozen=True)
class Blank:
    """A place to sign, whose floor is the line.

    `end` is where the line ends, `own` are the lines that are its own, `cell` is the drawn box around it.
    """

    area: Box
    line_end: float
    own_rules: tuple[Box, ...] = ()
    cell: Box | None = None


@dataclass(frozen=True)
class Label:
    """A label: the box of the words that say so, and of all of its piece up to a colon."""

    asks: Asks
    span: TextSpan
    box: Box
    rest: list[Box]
    colon: bool


class CandidatePage:
    """A page as displayed, in points; what is drawn on it is read once a label was found."""

    def __init__(self, page: pypdfium2.PdfPage, unit: float) -> None:
        display = Display(page.get_bbox(), page.get_rotation(), unit)
        self.size = display.size
        self._page = page
        self._move: Matrix = invert(display.to_user)
        annotated = PageMarks()
        add_annotations(annotated, page, self._move)
        self._fields, self._over = annotated.fields, annotated.areas
        self.named = [field for field in self._fields if _is_providers(field)]
        self._text = read_text(page.get_textpage(), self._move, self.named)

    @cached_property
    def asks(self) -> list[Label]:
        """The labels, from the last one of the page."""
        found = [label for label in map(_parse_label, reversed(self._text.spans)) if label is not None]
        if len(found) > _MOST_LABELS:
            raise PageTooComplex
        return [self._with_owner(label) for label in found]

    def _with_owner(self, label: Label) -> Label:
        """*Signature* is the provider's where the provider's name is before it in the row."""
        if label.asks != "anybody":
            return label
        left, bottom, _, top = label.box
        before = [p for p in self._text.spans if p.box[2] <= left and p.box[1] < top and bottom < p.box[3]]
        nearest = max(before, key=lambda span: span.box[2], default=None)
        if nearest is None or not is_providers_name(nearest.text):
            return label
        # A name to fill in goes as far as its blank.
        blanks = [b[2] for b in self._text.blanks if b[2] <= left and b[1] < top and bottom - GAP < b[3]]
        owned = left - max([nearest.box[2], *blanks]) <= TO_NAME
        return replace(label, asks="provider") if owned else label

    def labels(self, kind: Asks) -> list[Label]:
        return [label for label in self.asks if label.asks == kind]

    def marks(self, background: Box) -> PageMarks:
        marks = replace(self._text, rules=[], vertical_rules=[], areas=list(self._over), fields=self._fields)
        add_drawings(marks, self._page, self._move, background)
        return marks


def _is_providers(field: FormField) -> bool:
    return field.open and field_is_for_provider(field.name, is_signature=field.is_signature)


def _parse_label(span: TextSpan) -> Label | None:
    text = span.text
    words = match_label(text)
    if words is None:
        return None
    kind, end = words
    at, own = 0, []
    for word in span.words:
        if at < end:
            own.append(word.box)
        at += len(word.text) + 1
    box = bounding_box(own)
    if box[3] - box[1] > box[2] - box[0]:
        return None
    rest = [word.box for word in span.words[len(own) :]]
    return Label(kind, span, box, rest, ":" in text[end:] or ":" in text[end - 1 : end + 1])


def find_section_label(page_view: CandidatePage, label: Label) -> Label | None:
    """The *Signature* of the section that the label heads, if it heads one."""
    if label.asks != "provider" or label.colon:
        return None
    left, bottom, _, _ = label.box
    below = (left - SHIFT, bottom - 2 * NEIGHBOURS, left + WIDEST, bottom)
    return next((found for found in page_view.labels("anybody") if overlaps(found.box, below)), None)


class LabelContext:
    """A label among what is around it."""

    def __init__(self, page_view: CandidatePage, label: Label) -> None:
        self.page_view, self.size, self.label = page_view, page_view.size, label
        self.marks = page_view.marks(label.box)
        self.others = [span for span in self.marks.spans if span is not label.span]
        self.page: Box = (_MARGIN, _MARGIN, self.size[0] - _MARGIN, self.size[1] - _MARGIN)

    def obstacles(self, blank: Blank) -> list[Box]:
        """What the block must not cover, and the places where others write."""
        marks = self.marks
        rules = [rule for rule in marks.rules if rule not in blank.own_rules]
        words = [word.box for word in self.label.span.words]
        own = [field.box for field in marks.fields if not contains(field.box, blank.area)]
        solid = [span.box for span in self.others] + words + rules + marks.vertical_rules + marks.areas + own
        return solid + [writing_area(rule) for rule in rules if rule[2] - rule[0] <= SEPARATOR] + self._asked

    @cached_property
    def _asked(self) -> list[Box]:
        """Where somebody is asked to write without a line."""
        places = []
        for span in self.others:
            left, bottom, right, top = span.box
            is_signature = "signature" in span.text.lower() and len(span.words) <= WORDY
            if not is_signature and not (span.text.endswith(":") and len(span.words) <= _SHORT):
                continue
            ruled = any(
                abs(rule[1] - bottom) <= WRITING / 2 and -GAP <= rule[0] - right <= TO_LINE
                for rule in self.marks.rules
            )
            if any(_belongs(field.box, span.box) for field in self.marks.fields):
                continue
            if span.text.endswith(":") and len(span.words) <= _SHORT and not ruled:
                places.append((right, bottom, right + (WIDEST if is_signature else WIDEST / 2), top))
            elif is_signature and not span.text.endswith(":"):
                places.append((left, top, left + WIDEST / 2, top + 2 * WRITING))
        return places

    @cached_property
    def row(self) -> list[Box]:
        """The other pieces in the label's row."""
        _, bottom, _, top = self.label.box
        return [span.box for span in self.others if span.box[1] < top and bottom < span.box[3]]

    def next_left_edge(self, right: float) -> float:
        """Where the next piece of the row begins."""
        return min([self.size[0], *(box[0] for box in [*self.row, *self.label.rest] if box[0] >= right)])

    def is_separated(self, signature: Box, words: Box, blank: Blank) -> bool:
        """Whether somebody else's line or label is between the signature and its words."""
        left, right = min(signature[0], words[0]), max(signature[2], words[2])
        if words[1] >= signature[3]:
            between = (left, signature[3], right, words[1])
        elif words[3] <= signature[1]:
            between = (left, words[3], right, signature[1] - GAP)
        else:
            between = (signature[2], signature[1], words[0], signature[3])
        cell = blank.cell or self.page
        lines = [
            rule
            for rule in self.marks.rules
            if rule[2] - rule[0] >= LINE_SHORT and min(abs(rule[1] - cell[1]), abs(rule[1] - cell[3])) > GAP
        ]
        apart = between[1] >= signature[3] or between[3] <= signature[1]
        crossed = apart and any(overlaps(line, between) for line in lines if line not in blank.own_rules)
        return crossed or any(overlaps(box, between) for box in self._of_others)

    @cached_property
    def _of_others(self) -> list[Box]:
        return [span.box for span in self.others if mentions_other_signer(span.text)]

    def cell(self, box: Box) -> Box | None:
        """The drawn box around the middle of that one, unless it is as large as a section."""
        x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        rules = [
            rule for rule in self.marks.rules if rule[0] <= x <= rule[2] and rule not in self.marks.blanks
        ]
        vertical_rules = [wall for wall in self.marks.vertical_rules if wall[1] <= y <= wall[3]]
        floors, roofs = [r[3] for r in rules if r[3] <= y], [r[1] for r in rules if r[1] >= y]
        lefts, rights = (
            [w[2] for w in vertical_rules if w[2] <= x],
            [w[0] for w in vertical_rules if w[0] >= x],
        )
        if not (floors and roofs and lefts and rights):
            return None
        found = (max(lefts), max(floors), min(rights), min(roofs))
        is_small = found[2] - found[0] <= _CELL[0] and found[3] - found[1] <= _CELL[1]
        return found if is_small else None


def mentions_other_signer(text: str) -> bool:
    return names_other_signer(text) or ("signature" in text.lower() and len(text.split()) <= WORDY)


def _belongs(field: Box, label: Box) -> bool:
    """Whether a form field, and no box to tick, is right beside, over or under a label: its place then."""
    reach = (label[0], label[1] - WRITING, label[2] + TO_LINE, label[3] + WRITING)
    return field[2] - field[0] >= LINE_SHORT and overlaps(field, reach)


def writing_area(rule: Box) -> Box:
    return (rule[0], rule[1], rule[2], rule[3] + WRITING)
