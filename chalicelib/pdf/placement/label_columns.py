"""Columns in which labels ("Physician signature") and blank spaces alternate.

From the whole column follows whether a blank space belongs to the label above or below the space."""

from dataclasses import dataclass

from chalicelib.pdf.geometry import Box
from chalicelib.pdf.placement.label_context import (
    GAP,
    MAX_HEIGHT,
    MAX_LABEL_WORDS,
    MAX_SHIFT,
    MIN_LINE,
    WRITING_HEIGHT,
    LabelContext,
    mentions_other_signer,
)
from chalicelib.pdf.placement.page_marks import TextSpan

_LONGEST_COLUMN = 20
"""The most blank spaces of one column that the search follows up or down from a label."""


@dataclass(frozen=True)
class Column:
    """The surroundings of a signature label in a column of labels and blank spaces, as a form has them.

    From these facts follows whether the label's own space to sign is above or below the label: a column that begins
    with a label and ends with a blank space has each space below its label. `others_above` and `others_below` are True
    if the next label in that direction is another signer's."""

    above: Box | None
    below: Box | None
    begins_with_blank: bool
    ends_with_blank: bool
    others_above: bool
    others_below: bool


def find_column(context: LabelContext, blanks: list[Box], reach: float) -> Column:
    """Return the column of a signature label and blank spaces, to decide if the label's space is above or below it.

    `reach` is the largest distance in points from a label to its blank space."""
    label = context.label.box
    short = [span for span in context.other_spans if len(span.words) <= MAX_LABEL_WORDS]
    labels = [span for span in short if not span.text.endswith(".")]
    above, first, others_above = _follow_column(label, blanks, labels, reach, up=True)
    below, last, others_below = _follow_column(label, blanks, labels, reach, up=False)
    return Column(above, below, first, last, others_above, others_below)


def _follow_column(
    start: Box, blanks: list[Box], labels: list[TextSpan], reach: float, *, up: bool
) -> tuple[Box | None, bool, bool]:
    """Follow a column of labels ("Signature", "Date") and blank spaces up or down, from the box `start` of a label.

    Return three values: the next blank space (or None), whether the column ends with a blank space in that direction,
    and whether the next label is another signer's."""
    boxes = [span.box for span in labels]
    nearest = _find_nearest(start, blanks, boxes, reach, up=up)
    if nearest is None:
        return None, False, False
    following = _find_nearest(nearest, boxes, blanks, reach, up=up)
    is_others = any(span.box == following and mentions_other_signer(span.text) for span in labels)
    blank: Box | None = nearest
    for _ in range(_LONGEST_COLUMN):
        label = None if blank is None else _find_nearest(blank, boxes, blanks, reach, up=up)
        if blank is None or label is None:
            break
        blank = _find_nearest(label, blanks, boxes, reach, up=up)
    return nearest, blank is not None, is_others


def _find_nearest(start: Box, wanted: list[Box], between: list[Box], reach: float, *, up: bool) -> Box | None:
    """Return the nearest of the wanted boxes above (`up`) or below the box `start`, within `reach` points.

    Return None if there is no such box, or if one of the boxes `between` is nearer."""

    def distance(box: Box) -> float:
        return box[1] - start[3] if up else start[1] - box[3]

    def nearest(boxes: list[Box]) -> Box | None:
        near = [
            box
            for box in boxes
            if -GAP <= distance(box) <= reach and box != start and box[0] < start[2] and start[0] < box[2]
        ]
        return min(near, key=distance, default=None)

    box, obstacle = nearest(wanted), nearest(between)
    return box if box is None or obstacle is None or distance(box) <= distance(obstacle) else None


def belongs_to_label_above(context: LabelContext, rule: Box) -> bool:
    """Return True if the drawn line above a signature label may be another label's line, so the search must not use it.

    This is so if a similar line is below the label, and the column does not show which of both lines is the label's."""
    long = [line for line in context.marks.rules if line == rule or line[2] - line[0] >= MIN_LINE]
    alike = [line for line in long if line == rule or _are_alike(line, rule)]
    lines = [line for line in alike if line == rule or not belongs_to_other_label(context, line)]
    column = find_column(context, lines, MAX_HEIGHT)
    if column.above != rule or column.below is None:
        return False
    sure = column.begins_with_blank and not column.ends_with_blank
    return not sure and (column.others_above or column.ends_with_blank)


def belongs_to_other_label(context: LabelContext, rule: Box) -> bool:
    """Return True if a drawn line is for another text, which is directly to the left of the line.

    The text "x" is ignored, because it only marks the place to sign."""
    for span in context.other_spans:
        _, bottom, right, _ = span.box
        if abs(rule[0] - right) <= WRITING_HEIGHT and abs(bottom - rule[1]) <= WRITING_HEIGHT / 2:
            return span.text.lower() != "x"
    return False


def is_above_own_line(context: LabelContext) -> bool:
    """Return True if a signature label may be printed above the line that belongs to it, instead of below the line.

    The space above the label may then be for another label, so the caller does not search that space."""
    box = context.label.box
    above = _find_nearest(box, context.marks.rules, [], MAX_HEIGHT, up=True)
    return above is not None and context.find_cell(box) is None and belongs_to_label_above(context, above)


def _are_alike(one: Box, other: Box) -> bool:
    """Return True if two drawn lines start and end at similar positions, so that both may belong to one column."""
    shorter, overlap = (min(one[2] - one[0], other[2] - other[0]), min(one[2], other[2]) - max(one[0], other[0]))
    return abs(one[0] - other[0]) <= MAX_SHIFT and overlap >= shorter / 2
