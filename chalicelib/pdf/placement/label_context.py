"""Labels that ask for a signature, such as "Physician signature", with the words, lines and fields around them."""

from dataclasses import dataclass, replace
from functools import cached_property

import pypdfium2

from chalicelib.pdf.geometry import Box, Matrix, bounding_box, contains, invert, overlaps
from chalicelib.pdf.placement.label_patterns import (
    LabelKind,
    field_is_for_provider,
    is_providers_name,
    match_label,
    names_other_signer,
)
from chalicelib.pdf.placement.page_marks import (
    PageMarks,
    PageTooComplex,
    TextSpan,
    add_annotations,
    add_drawings,
    read_text,
)
from chalicelib.pdf.reader import Display

MAX_WIDTH, MAX_HEIGHT = 250.0, 58.0
"""The largest size of the signature block in points."""
GAP = 2.0
"""The tolerance in points within which two marks (lines, words or fields) count as touching."""
MAX_SHIFT = 25.0
"""The largest distance in points from the start of a line to sign on to the left edge of the signature block."""
MAX_LABEL_TO_LINE = 40.0
"""The largest distance in points from a label to a line or field beside it."""
MAX_NAME_TO_LABEL = 200.0
"""The largest distance in points from the provider's name to a *Signature* label in the same row."""
WRITING_HEIGHT = 12.0
"""The height in points that stays free above another person's line."""
MIN_LINE = 36.0
"""The shortest rule in points that counts as a line to write on."""
MIN_SEPARATOR = 400.0
"""A longer rule, in points, separates sections and is no line to write on."""
NEIGHBORHOOD = 45.0
"""The distance in points around a label within which a person's name belongs to the label."""
MAX_LABEL_WORDS = 8
"""The most words in another person's label. A longer text is prose."""
_MARGIN = 18.0
_MAX_CELL = (600.0, 170.0)
_MAX_WORDS_BEFORE_COLON = 5
_MAX_LABELS = 40
"""The most labels on a page. A page with more is not searched."""


@dataclass(frozen=True)
class Blank:
    """A blank space to sign in, where the search tries to place the signature block.

    The bottom of `area` is on the line to sign on, and `line_end` is the right end of this line. `own_rules` are the
    drawn lines that belong to the space. `cell` is the drawn box around the space, if there is one."""

    area: Box
    line_end: float
    own_rules: tuple[Box, ...] = ()
    cell: Box | None = None


@dataclass(frozen=True)
class Label:
    """A label: a short text on the page that asks for a signature, such as "Physician signature".

    `span` is the text, `box` surrounds the words that ask for the signature, and `rest` has the boxes of the other
    words, such as *Date*."""

    kind: LabelKind
    span: TextSpan
    box: Box
    rest: list[Box]
    has_colon: bool


class CandidatePage:
    """A page that may ask for a signature, with its texts and form fields in points on the displayed page.

    The constructor reads no drawings, because that takes time: `read_marks` reads them for a label."""

    def __init__(self, page: pypdfium2.PdfPage, unit: float) -> None:
        display = Display(page.get_bbox(), page.get_rotation(), unit)
        self.size = display.size
        self._page = page
        self._move: Matrix = invert(display.to_user)
        annotations = PageMarks()
        add_annotations(annotations, page, self._move)
        self._fields, self._annotation_areas = annotations.fields, annotations.areas
        empty = [field for field in self._fields if field.open]
        self.provider_fields = [f for f in empty if field_is_for_provider(f.name, is_signature=f.is_signature)]
        self._text = read_text(page.get_textpage(), self._move, self.provider_fields)

    @cached_property
    def all_labels(self) -> list[Label]:
        """The page's labels (texts that ask for a signature), the last one first.

        Raise `PageTooComplex` for more than 40 labels."""
        labels = [label for label in map(_parse_label, reversed(self._text.spans)) if label is not None]
        if len(labels) > _MAX_LABELS:
            raise PageTooComplex
        return [self._resolve_owner(label) for label in labels]

    def _resolve_owner(self, label: Label) -> Label:
        """Return a bare *Signature* label as the provider's label, if the provider's name is directly to its left.

        Return every other label unchanged."""
        if label.kind != "anybody":
            return label
        left, bottom, _, top = label.box
        before = [p for p in self._text.spans if p.box[2] <= left and p.box[1] < top and bottom < p.box[3]]
        nearest = max(before, key=lambda span: span.box[2], default=None)
        if nearest is None or not is_providers_name(nearest.text):
            return label
        # If the name is to be filled in, it ends where its blank ends.
        blanks = [b[2] for b in self._text.blanks if b[2] <= left and b[1] < top and bottom - GAP < b[3]]
        owned = left - max([nearest.box[2], *blanks]) <= MAX_NAME_TO_LABEL
        return replace(label, kind="provider") if owned else label

    def labels(self, kind: LabelKind) -> list[Label]:
        return [label for label in self.all_labels if label.kind == kind]

    def read_marks(self, background: Box) -> PageMarks:
        """Return all marks on the page: texts, lines, other shapes and form fields.

        A shape that contains `background` (the box of a label) is left out unless it is a dark fill."""
        areas = list(self._annotation_areas)
        marks = replace(self._text, rules=[], vertical_rules=[], areas=areas, fields=self._fields)
        add_drawings(marks, self._page, self._move, background)
        return marks


def _parse_label(span: TextSpan) -> Label | None:
    """Return a text of the page as a label; None if the text asks for no signature or runs vertically."""
    text, words = span.text, match_label(span.text)
    if words is None:
        return None
    kind, end = words
    position, matching = 0, []
    for word in span.words:
        if position < end:
            matching.append(word.box)
        position += len(word.text) + 1
    box = bounding_box(matching)
    if box[3] - box[1] > box[2] - box[0]:
        return None
    rest = [word.box for word in span.words[len(matching) :]]
    return Label(kind, span, box, rest, ":" in text[end:] or ":" in text[end - 1 : end + 1])


def find_section_label(page_view: CandidatePage, label: Label) -> Label | None:
    """Return the bare *Signature* label of a section whose heading is `label`, or None if `label` is no heading.

    In such a section, the heading asks for the provider's signature, and the place to sign is at the word *Signature*.
    Only a label that asks for the provider's signature, and has no colon, can be such a heading."""
    if label.kind != "provider" or label.has_colon:
        return None
    left, bottom, _, _ = label.box
    below = (left - MAX_SHIFT, bottom - 2 * NEIGHBORHOOD, left + MAX_WIDTH, bottom)
    return next((other for other in page_view.labels("anybody") if overlaps(other.box, below)), None)


class LabelContext:
    """A label that asks for a signature, with the texts, lines and fields around it, to judge a place to sign."""

    def __init__(self, page_view: CandidatePage, label: Label) -> None:
        self.page_view, self.page_size, self.label = page_view, page_view.size, label
        self.marks = page_view.read_marks(label.box)
        self.other_spans = [span for span in self.marks.spans if span is not label.span]
        self.printable: Box = (_MARGIN, _MARGIN, self.page_size[0] - _MARGIN, self.page_size[1] - _MARGIN)

    def obstacles(self, blank: Blank) -> list[Box]:
        """Return the boxes that the signature block must not cover if it goes into the blank space `blank`.

        The boxes include the spaces where other people write."""
        marks = self.marks
        rules = [rule for rule in marks.rules if rule not in blank.own_rules]
        words = [word.box for word in self.label.span.words]
        fields = [field.box for field in marks.fields if not contains(field.box, blank.area)]
        spans = [span.box for span in self.other_spans]
        writing = [writing_area(rule) for rule in rules if rule[2] - rule[0] <= MIN_SEPARATOR]
        solid = [*spans, *words, *rules, *marks.vertical_rules, *marks.areas, *fields]
        return [*solid, *writing, *self._requested_places]

    @cached_property
    def _requested_places(self) -> list[Box]:
        """The boxes in which other texts of the page ask someone to write, so the signature block must not cover them.

        A box is beside a text with a colon, or above a signature label. A text with a form field has no box, and a text
        with a colon has none if a line follows: the field or the line already marks the place."""
        places = []
        for span in self.other_spans:
            left, bottom, right, top = span.box
            is_signature = "signature" in span.text.lower() and len(span.words) <= MAX_LABEL_WORDS
            if not is_signature and not (span.text.endswith(":") and len(span.words) <= _MAX_WORDS_BEFORE_COLON):
                continue
            ruled = any(
                abs(rule[1] - bottom) <= WRITING_HEIGHT / 2 and -GAP <= rule[0] - right <= MAX_LABEL_TO_LINE
                for rule in self.marks.rules
            )
            if any(_field_belongs_to_label(field.box, span.box) for field in self.marks.fields):
                continue
            if span.text.endswith(":") and len(span.words) <= _MAX_WORDS_BEFORE_COLON and not ruled:
                places.append((right, bottom, right + (MAX_WIDTH if is_signature else MAX_WIDTH / 2), top))
            elif is_signature and not span.text.endswith(":"):
                places.append((left, top, left + MAX_WIDTH / 2, top + 2 * WRITING_HEIGHT))
        return places

    @cached_property
    def row_boxes(self) -> list[Box]:
        """The boxes of the other texts in the same row of the page as the signature label."""
        _, bottom, _, top = self.label.box
        return [span.box for span in self.other_spans if span.box[1] < top and bottom < span.box[3]]

    def next_left_edge(self, right: float) -> float:
        """Return how far the free space in the label's row extends to the right of x = `right`, as an x coordinate.

        This is the left edge of the next text, or the page's right edge."""
        return min([self.page_size[0], *(box[0] for box in [*self.row_boxes, *self.label.rest] if box[0] >= right)])

    def is_separated(self, signature: Box, words: Box, blank: Blank) -> bool:
        """Return True if another person's line or label is between a signature and its words (signer, time).

        `words` is the box of the words. The words would then seem to belong to the other person, so the caller rejects
        the place. `blank` is the space to sign in, whose own lines do not count."""
        left, right = min(signature[0], words[0]), max(signature[2], words[2])
        if words[1] >= signature[3]:
            between = (left, signature[3], right, words[1])
        elif words[3] <= signature[1]:
            between = (left, words[3], right, signature[1] - GAP)
        else:
            between = (signature[2], signature[1], words[0], signature[3])
        cell = blank.cell or self.printable
        long = [rule for rule in self.marks.rules if rule[2] - rule[0] >= MIN_LINE]
        lines = [rule for rule in long if min(abs(rule[1] - cell[1]), abs(rule[1] - cell[3])) > GAP]
        apart = between[1] >= signature[3] or between[3] <= signature[1]
        crossed = apart and any(overlaps(line, between) for line in lines if line not in blank.own_rules)
        return crossed or any(overlaps(box, between) for box in self._other_signers)

    @cached_property
    def _other_signers(self) -> list[Box]:
        return [span.box for span in self.other_spans if mentions_other_signer(span.text)]

    def find_cell(self, box: Box) -> Box | None:
        """Return the box formed by the drawn lines around the center of `box`, such as a table cell.

        Return None if a side has no line, or if the box is too large for a cell."""
        x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        rules = [rule for rule in self.marks.rules if rule[0] <= x <= rule[2] and rule not in self.marks.blanks]
        vertical_rules = [rule for rule in self.marks.vertical_rules if rule[1] <= y <= rule[3]]
        floors, roofs = [r[3] for r in rules if r[3] <= y], [r[1] for r in rules if r[1] >= y]
        lefts, rights = ([r[2] for r in vertical_rules if r[2] <= x], [r[0] for r in vertical_rules if r[0] >= x])
        if not (floors and roofs and lefts and rights):
            return None
        cell = (max(lefts), max(floors), min(rights), min(roofs))
        is_small = cell[2] - cell[0] <= _MAX_CELL[0] and cell[3] - cell[1] <= _MAX_CELL[1]
        return cell if is_small else None


def mentions_other_signer(text: str) -> bool:
    """Return True if a text beside the provider's label belongs to another signer.

    Such a text names another signer, or is a short text with the word *signature*."""
    return names_other_signer(text) or ("signature" in text.lower() and len(text.split()) <= MAX_LABEL_WORDS)


def _field_belongs_to_label(field: Box, label: Box) -> bool:
    """Return True if a form field wider than a checkbox is directly beside, above or below the text `label`."""
    reach = (label[0], label[1] - WRITING_HEIGHT, label[2] + MAX_LABEL_TO_LINE, label[3] + WRITING_HEIGHT)
    return field[2] - field[0] >= MIN_LINE and overlaps(field, reach)


def writing_area(rule: Box) -> Box:
    """Return the box of a drawn line together with the 12 points above the line where people write."""
    return (rule[0], rule[1], rule[2], rule[3] + WRITING_HEIGHT)
